import type { Clock } from '../core/clock.ts'

/** Active time of a task on the monotonic clock: it runs, stops while parked, and knows when it times out. */
export class Stopwatch {
  readonly #clock: Clock
  readonly #until: number | null
  readonly #timedOut: () => void
  /** Milliseconds before the current stretch. */
  #used: number
  #since: number | null = null
  #heldAt: number | null = null
  #disarm: (() => void) | undefined

  /** `used`: active time before this run. `until`: the active time with which it times out. */
  constructor(clock: Clock, used: number, until: number | null, timedOut: () => void) {
    this.#clock = clock
    this.#used = used
    this.#until = until
    this.#timedOut = timedOut
  }

  /** Milliseconds so far. */
  get total(): number {
    return this.#used + this.#stretch
  }

  start(): void {
    this.#since = this.#clock.monotonic()
    this.#arm()
  }

  /** Stops in the middle of its stretch, until it is stopped or continued. Later holds change nothing. */
  hold(): void {
    this.disarm()
    this.#heldAt ??= this.#clock.monotonic()
  }

  continue(): void {
    this.#endHold()
    this.#arm()
  }

  stop(): void {
    this.disarm()
    this.#used += this.#stretch
    this.#since = null
    this.#heldAt = null
  }

  /** Disarms the timeout; the time keeps counting. */
  disarm(): void {
    this.#disarm?.()
    this.#disarm = undefined
  }

  /** Continues without a timeout, if it had stopped. */
  linger(): void {
    this.disarm()
    this.#endHold()
    this.#since ??= this.#clock.monotonic()
  }

  #arm(): void {
    if (this.#until === null) return
    this.#disarm = this.#clock.after(Math.max(0, this.#until - this.total), this.#timedOut)
  }

  get #stretch(): number {
    return this.#since === null ? 0 : Math.max(0, (this.#heldAt ?? this.#clock.monotonic()) - this.#since)
  }

  #endHold(): void {
    if (this.#since !== null && this.#heldAt !== null) this.#since += this.#clock.monotonic() - this.#heldAt
    this.#heldAt = null
  }
}
