import type { Clock } from '../core/clock.ts'
import type { Progress } from '../core/task.ts'
import { clip } from '../core/text.ts'

/** Seconds over which the rate is smoothed. */
const window = 5

/** Turns reports of a handler into progress with a smoothed rate; time in a pause does not count. */
export class Pace {
  readonly #clock: Clock
  #last: { current: number; at: number } | undefined
  #rate: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  report(current: number, total?: number, message?: string): Progress {
    if (!Number.isFinite(current) || (total !== undefined && !Number.isFinite(total))) {
      throw new RangeError('task.progress: current and total must be finite numbers')
    }
    const at = this.#clock.monotonic()
    const last = this.#last
    if (last !== undefined && at > last.at && current >= last.current) {
      const seconds = (at - last.at) / 1_000
      const present = (current - last.current) / seconds
      const weight = 1 - Math.exp(-seconds / window)
      this.#rate = this.#rate === undefined ? present : this.#rate + weight * (present - this.#rate)
    }
    if (last === undefined || at > last.at || current < last.current) this.#last = { current, at }
    return {
      current,
      ...(total === undefined ? {} : { total }),
      ...(message === undefined ? {} : { message: clip(String(message), 1_000) }),
      at: this.#clock.now(),
      ...(this.#rate === undefined ? {} : { rate: this.#rate }),
    }
  }

  /** The run goes on after a pause. */
  restart(): void {
    if (this.#last !== undefined) this.#last = { current: this.#last.current, at: this.#clock.monotonic() }
  }
}
