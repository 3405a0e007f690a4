import type { Clock } from '../core/clock.ts'
import type { TimelineEntry } from '../core/task.ts'
import type { TaskEvent } from '../events/event.ts'

/** What is counted, and after which moves. */
export const happenings = ['submitted', 'started', 'completed', 'failed', 'cancelled', 'retried'] as const
export type Happening = (typeof happenings)[number]
/** A second each, by what happened. */
export type Rates = Readonly<Record<Happening, number>>

const slice = 5_000
const slices = 3_600_000 / slice
/** Weight of the newest run in the expected duration of its type. */
const newestWeight = 0.1

/** What happened on this node within the last hour, in slices of five seconds: its size never changes. */
export class RateMeter {
  readonly #clock: Clock
  readonly #began: number
  readonly #counts = new Uint32Array(slices * happenings.length)
  #newest: number
  /** Milliseconds of active time, for the types of the registry. */
  readonly #durations = new Map<string, { mean: number; runs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#began = clock.monotonic()
    this.#newest = this.#slice()
  }

  readonly note = (event: TaskEvent): void => {
    if (event.kind !== 'transition') return
    const { entry, task } = event
    if (entry.move === 'complete') this.#ran(task.type, task.activeMs - task.attemptBaseMs)
    const happened = happeningOf(entry)
    if (happened === undefined) return
    this.#turn()
    const index = (this.#newest % slices) * happenings.length + happenings.indexOf(happened)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
  }

  /** Over the last `ms`, or since the start of the node when that is less. */
  over(ms: number): Rates {
    this.#turn()
    const sums = happenings.map(() => 0)
    const wanted = Math.min(slices, Math.ceil(ms / slice))
    for (let back = 0; back < wanted && back <= this.#newest; back++) {
      const start = ((this.#newest - back) % slices) * happenings.length
      for (const index of happenings.keys()) sums[index] = sums[index]! + (this.#counts[start + index] ?? 0)
    }
    const sinceStart = this.#clock.monotonic() - this.#began
    const covered = (wanted - 1) * slice + (sinceStart % slice)
    const seconds = Math.max(1_000, Math.min(covered, sinceStart)) / 1_000
    const entries = happenings.map((name, index) => [name, sums[index]! / seconds] as const)
    return Object.fromEntries(entries) as Rates
  }

  /** Milliseconds of active time that a run of the type takes that completes; null before the first one. */
  expectedDuration(type: string): number | null {
    return this.#durations.get(type)?.mean ?? null
  }

  #ran(type: string, ms: number): void {
    const known = this.#durations.get(type)
    if (known === undefined) {
      this.#durations.set(type, { mean: ms, runs: 1 })
      return
    }
    known.runs += 1
    known.mean += (ms - known.mean) * Math.max(newestWeight, 1 / known.runs)
  }

  /** Empties the slices between the newest that was written and the present one. */
  #turn(): void {
    const present = this.#slice()
    for (let passed = Math.max(this.#newest, present - slices) + 1; passed <= present; passed++) {
      const start = (passed % slices) * happenings.length
      this.#counts.fill(0, start, start + happenings.length)
    }
    this.#newest = present
  }

  #slice(): number {
    return Math.floor((this.#clock.monotonic() - this.#began) / slice)
  }
}

function happeningOf({ move, status }: TimelineEntry): Happening | undefined {
  if (move === 'submit') return 'submitted'
  if (move === 'claim') return 'started'
  if (move === 'retry-later' || move === 'retry-paused') return 'retried'
  return status === 'completed' || status === 'failed' || status === 'cancelled' ? status : undefined
}
