import type { Clock } from '../core/clock.ts'
import { isActive, type Status, type Task, type TimelineEntry } from '../core/task.ts'
import type { Counts } from '../store/store.ts'
import { TimeSteps } from './time-steps.ts'

/** What is counted, and after which events. */
export const happenings = ['submitted', 'started', 'completed', 'failed', 'cancelled', 'retried'] as const
export type Happening = (typeof happenings)[number]
/** Rates per second, by event. */
export type Rates = Readonly<Record<Happening, number>>

/** Tasks by status; `running` includes all that use a slot. */
export const depths = ['scheduled', 'queued', 'running', 'paused'] as const
export type Depth = (typeof depths)[number]

/** Spans of a history: fine steps for the hour, coarse ones for the day. */
export type Span = 'hour' | 'day'

/** Columns of equal length with one number per step, oldest first; the last step is still in progress. */
export type History = Readonly<{
  /** Length of a step in milliseconds. */
  step: number
  /** Milliseconds since the first step started. */
  covered: number
  /** Events on this node. */
  happened: Readonly<Record<Happening, readonly number[]>>
  /** The maximum number of tasks in the store; null without a sample. */
  tasks: Readonly<Record<Depth, readonly (number | null)[]>>
}>

/** Weight of the latest run in the expected duration of its type. */
const newestWeight = 0.1

/** Events on this node within the last hour and day, and numbers of tasks. Its size never changes. */
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

  /** A transition committed by this node. */
  note(task: Task, entry: TimelineEntry): void {
    if (entry.event === 'completed') this.#ran(task.type, task.activeMs - task.attemptBaseMs)
    const happened = happeningOf(entry)
    if (happened === undefined) return
    this.#steps.hour.change(happened, oneMore)
    this.#steps.day.change(happened, oneMore)
  }

  /** Samples all tasks. Due once per fine step; returns the milliseconds until the next sample. */
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

  /** Over the last `ms`, or since the start of the node if that is shorter. */
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

  /** Expected active milliseconds of a completed run of the type; null before the first one. */
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
