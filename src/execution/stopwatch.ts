import type { Clock } from '../core/clock.ts'

/** Active time of one attempt on the monotonic clock: it runs, stops while parked, and knows its timeout. */
export class Stopwatch {
  readonly #clock: Clock
  readonly #timeout: number | null
  readonly #timedOut: () => void
  /** Milliseconds before the current stretch. */
  #used: number
  #since: number | null = null
  #heldAt: number | null = null
  #disarm: (() => void) | undefined

  constructor(clock: Clock, used: number, timeout: number | null, timedOut: () => void) {
    this.#clock = clock
    this.#used = used
    this.#timeout = timeout
    this.#timedOut = timedOut
  }

  /** Milliseconds of the current stretch. */
  get stretch(): number {
    return this.#since === null ? 0 : Math.max(0, (this.#heldAt ?? this.#clock.monotonic()) - this.#since)
  }

  start(): void {
    this.#since = this.#clock.monotonic()
    this.#arm()
  }

  /** Stops in the middle of its stretch, until it is stopped or continued. */
  hold(): void {
    this.disarm()
    this.#heldAt = this.#clock.monotonic()
  }

  continue(): void {
    this.#endHold()
    this.#arm()
  }

  stop(): void {
    this.disarm()
    this.#used += this.stretch
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
    if (this.#timeout === null) return
    const left = this.#timeout - this.#used - this.stretch
    this.#disarm = this.#clock.after(Math.max(0, left), this.#timedOut)
  }

  #endHold(): void {
    if (this.#since !== null && this.#heldAt !== null) this.#since += this.#clock.monotonic() - this.#heldAt
    this.#heldAt = null
  }
}
