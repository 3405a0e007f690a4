import type { Clock } from '../core/clock.ts'

/** Active time of one attempt on the monotonic clock: it runs, stands still while parked, and knows its timeout. */
export class Stopwatch {
  readonly #clock: Clock
  readonly #timeout: number | null
  readonly #timedOut: () => void
  /** Milliseconds before the present stretch. */
  #used: number
  #since: number | null = null
  #disarm: (() => void) | undefined

  constructor(clock: Clock, used: number, timeout: number | null, timedOut: () => void) {
    this.#clock = clock
    this.#used = used
    this.#timeout = timeout
    this.#timedOut = timedOut
  }

  /** Milliseconds of the present stretch. */
  get stretch(): number {
    return this.#since === null ? 0 : Math.max(0, this.#clock.monotonic() - this.#since)
  }

  start(): void {
    this.#since = this.#clock.monotonic()
    if (this.#timeout === null) return
    this.#disarm = this.#clock.after(Math.max(0, this.#timeout - this.#used), this.#timedOut)
  }

  stop(): void {
    this.disarm()
    this.#used += this.stretch
    this.#since = null
  }

  /** Nothing happens at the timeout any more; the time itself goes on. */
  disarm(): void {
    this.#disarm?.()
    this.#disarm = undefined
  }

  /** Goes on without a timeout, if it stood still. */
  linger(): void {
    this.disarm()
    this.#since ??= this.#clock.monotonic()
  }
}
