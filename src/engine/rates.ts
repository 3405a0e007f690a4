import type { Clock } from '../core/clock.ts'
import { isActive, type Status, type Task, type TimelineEntry } from '../core/task.ts'
import type { Counts } from '../store/store.ts'
import { TimeSteps } from './time-steps.ts'

/** What is counted, and after which moves. */
export const happenings = ['submitted', 'started', 'completed', 'failed', 'cancelled', 'retried'] as const
export type Happening = (typeof happenings)[number]
/** A second each, by what happened. */
export type Rates = Readonly<Record<Happening, number>>

/** Tasks that there are, by what they do; `running` is all that takes a slot. */
export const depths = ['scheduled', 'queued', 'running', 'paused'] as const
export type Depth = (typeof depths)[number]

/** How far a history reaches back: fine steps for the hour, coarse ones for the day. */
export type Span = 'hour' | 'day'

/** Columns of one length, with a number for each step, the oldest first; the last step is still under way. */
export type History = Readonly<{
  /** Milliseconds of a step. */
  step: number
  /** Milliseconds since the first step began. */
  covered: number
  /** How often it happened on this node. */
  happened: Readonly<Record<Happening, readonly number[]>>
  /** The most tasks that were seen in the store; null when nobody could look. */
  tasks: Readonly<Record<Depth, readonly (number | null)[]>>
}>

/** Weight of the newest run in the expected duration of its type. */
const newestWeight = 0.1

/** What happened on this node within the last hour and day, and how many tasks there were: its size never changes. */
export class RateMeter {
  readonly #steps: Readonly<Record<Span, TimeSteps<Happening | Depth>>>
  /** Milliseconds of active time, for the types of the registry. */
  readonly #durations = new Map<string, { mean: number; runs: number }>()

  constructor(clock: Clock) {
    const fields = { ...columns(happenings, () => 0), ...columns(depths, () => Number.NaN) }
    this.#steps = {
      hour: new TimeSteps({ clock, step: 10_000, kept: 360, fields }),
      day: new TimeSteps({ clock, step: 300_000, kept: 288, fields }),
    }
  }

  /** A transition that this node has committed. */
  note(task: Task, entry: TimelineEntry): void {
    if (entry.event === 'completed') this.#ran(task.type, task.activeMs - task.attemptBaseMs)
    const happened = happeningOf(entry)
    if (happened === undefined) return
    this.#steps.hour.change(happened, oneMore)
    this.#steps.day.change(happened, oneMore)
  }

  /** A look at all tasks. It is due once in each fine step; answers in how many ms again. */
  saw({ byType }: Counts): number {
    const sums = columns(depths, () => 0)
    for (const [status, tasks] of Object.values(byType).flatMap((counts) => Object.entries(counts))) {
      const depth = depthOf(status as Status)
      if (depth !== undefined) sums[depth] += tasks
    }
    for (const depth of depths) {
      const most = (known: number) => (known > sums[depth] ? known : sums[depth])
      this.#steps.hour.change(depth, most)
      this.#steps.day.change(depth, most)
    }
    return this.#steps.hour.remaining
  }

  /** Over the last `ms`, or since the start of the node when that is less. */
  over(ms: number): Rates {
    const { hour } = this.#steps
    const wanted = Math.ceil(ms / hour.step)
    const seconds = Math.max(1_000, hour.covered(wanted)) / 1_000
    return columns(happenings, (name) => sumOf(hour.column(name, wanted)) / seconds)
  }

  history(span: Span): History {
    const steps = this.#steps[span]
    const known = (value: number) => (Number.isNaN(value) ? null : value)
    return {
      step: steps.step,
      covered: steps.covered(),
      happened: columns(happenings, (name) => steps.column(name)),
      tasks: columns(depths, (name) => steps.column(name).map(known)),
    }
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
}

function happeningOf({ event, status }: TimelineEntry): Happening | undefined {
  if (event === 'submitted') return 'submitted'
  if (event === 'claimed') return 'started'
  if (event === 'retry_scheduled') return 'retried'
  return status === 'completed' || status === 'failed' || status === 'cancelled' ? status : undefined
}

function depthOf(status: Status): Depth | undefined {
  if (isActive(status)) return 'running'
  return status === 'scheduled' || status === 'queued' || status === 'paused' ? status : undefined
}

function columns<Name extends string, Value>(names: readonly Name[], of: (name: Name) => Value) {
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, Value>
}

function oneMore(count: number): number {
  return count + 1
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
