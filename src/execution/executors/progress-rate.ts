import { shown } from '../../core/error-record.ts'
import type { Clock } from '../../core/clock.ts'
import type { ProgressReport } from '../../core/task.ts'
import { clip } from '../../core/text.ts'

/** Seconds over which the rate is smoothed. */
const window = 5

/** Turns reports of a handler into progress with a smoothed rate; time in a pause does not count. */
export class ProgressRate {
  readonly #clock: Clock
  #last: { current: number; at: number } | undefined
  #rate: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** No total, or null, means it is unknown. Throws `RangeError` naming the argument that is not a number. */
  report(current: number, total?: number | null, message?: string | null): ProgressReport {
    mustBeNumber('current', current, 'a finite number')
    if ((total ?? null) !== null) mustBeNumber('total', total, 'a finite number, or null while it is unknown')
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
      ...(typeof total === 'number' ? { total } : {}),
      ...((message ?? null) === null ? {} : { message: clip(String(message), 1_000) }),
      ...(this.#rate === undefined ? {} : { rate: this.#rate }),
    }
  }

  /** The run continues after a pause. */
  restart(): void {
    if (this.#last !== undefined) this.#last = { current: this.#last.current, at: this.#clock.monotonic() }
  }
}

function mustBeNumber(argument: string, value: unknown, expected: string): void {
  if (typeof value === 'number' && Number.isFinite(value)) return
  throw new RangeError(
    `task.progress: ${argument} must be ${expected}, but is ${typeof value === 'number' ? value : clip(shown(value), 100)}`,
  )
}
