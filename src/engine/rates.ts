import type { Clock } from '../core/clock.ts'
import type { LogHistogram } from '../core/log-histogram.ts'
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

/** Spans of a history: fine steps of this node for the hour, coarse ones of all nodes for the day. */
export type Span = 'hour' | 'day'

/** Columns of equal length with one number per step, oldest first; the last step is still in progress. */
export type History = Readonly<{
  /** Length of a step in milliseconds. */
  step: number
  /** Milliseconds since the first step started. */
  covered: number
  /** Events: of the last hour on this node, of the last day on all nodes. */
  happened: Readonly<Record<Happening, readonly number[]>>
  /** The maximum number of tasks in the store; null without a sample. */
  tasks: Readonly<Record<Depth, readonly (number | null)[]>>
  /** Starts of nodes, in order. */
  marks: readonly Mark[]
  /** Of tasks of the type that was asked for; null for all types. */
  durations: Durations | null
}>

/** The start of a node: Unix milliseconds. */
export type Mark = Readonly<{ id: string; at: number; version: string }>

/** Active time of completed tasks in milliseconds, and time in the queue of those that have ended after a start. */
export type Durations = Readonly<{ run: LogHistogram; queue: LogHistogram }>

/** What a meter has: nothing of other nodes. */
export type OwnHistory = Pick<History, 'step' | 'covered' | 'happened' | 'tasks'>

/** Weight of the latest run in the expected duration of its type. */
const newestWeight = 0.1

/** Events on this node within the last hour, and numbers of tasks. Its size never changes. */
export class RateMeter {
  readonly #steps: TimeSteps<Happening | Depth>
  /** Milliseconds of active time, for the types of the registry. */
  readonly #durations = new Map<string, { mean: number; runs: number }>()

  constructor(clock: Clock) {
    const fields = { ...columns(happenings, () => 0), ...columns(depths, () => Number.NaN) }
    this.#steps = new TimeSteps({ clock, step: 10_000, kept: 360, fields })
  }

  /** A transition committed by this node. */
  note(task: Task, entry: TimelineEntry): void {
    if (entry.event === 'completed') this.#ran(task.type, task.activeMs - task.attemptBaseMs)
    const happened = happeningOf(entry)
    if (happened === undefined) return
    this.#steps.change(happened, oneMore)
  }

  /** Samples all tasks. Due once per fine step; returns the milliseconds until the next sample. */
  saw(counts: Counts): number {
    const sums = levelsOf(counts)
    for (const depth of depths) {
      const most = (known: number) => (known > sums[depth] ? known : sums[depth])
      this.#steps.change(depth, most)
    }
    return this.#steps.remaining
  }

  /** Over the last `ms`, or since the start of the node if that is shorter. */
  over(ms: number): Rates {
    const steps = this.#steps
    const wanted = Math.ceil(ms / steps.step)
    const seconds = Math.max(1_000, steps.covered(wanted)) / 1_000
    return columns(happenings, (name) => sumOf(steps.column(name, wanted)) / seconds)
  }

  history(): OwnHistory {
    const steps = this.#steps
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

/** How many tasks there are, by what the history shows. */
export function levelsOf({ byType }: Counts): Record<Depth, number> {
  const sums = columns(depths, () => 0)
  for (const [status, tasks] of Object.values(byType).flatMap((counts) => Object.entries(counts))) {
    const depth = depthOf(status as Status)
    if (depth !== undefined) sums[depth] += tasks
  }
  return sums
}

export function happeningOf({ event, status }: TimelineEntry): Happening | undefined {
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
