import type { Awaits } from './awaits.ts'
import type { Sleeps } from './sleep.ts'
import type { StepRecord } from './step.ts'
import type { EndedBy, ErrorRecord, Fence, Json, LogLine, Progress, TaskId } from './task.ts'

/** How one run of a handler ended, as reported by its node. */
export type Outcome =
  | Readonly<{ kind: 'completed'; result: Json }>
  /** `retryIn`: milliseconds until the next attempt, or null if the failure is final. */
  | Readonly<{ kind: 'failed'; error: ErrorRecord; retryIn: number | null; endedBy?: EndedBy }>
  | Readonly<{ kind: 'cancelled'; endedBy: EndedBy }>
  /** At a pause point; answers the requested control that raised the task to `controlVersion`. The handler stays parked. */
  | Readonly<{ kind: 'paused'; controlVersion: number }>
  /**
   * Its handler waits until that time, for `delay` milliseconds in all, or for what it `awaits`, and stays parked. It answers a requested
   * pause too. Without a time, both are null. `gone`: its code has ended, and another run continues from the checkpoint.
   */
  | Readonly<{
      kind: 'sleeping'
      until: number | null
      delay: number | null
      sleeps: Sleeps
      awaits: Awaits | null
      gone?: true
    }>
  /** A sleeping handler that is parked has something to do before that time. */
  | Readonly<{ kind: 'awake' }>
  /** Its code is about to be killed: the fence rises first, and the end is settled under the new one. */
  | Readonly<{ kind: 'fenced' }>
  /** The process or supervisor that ran the code died without reporting anything; more losses than the limit are `POISON`. */
  | Readonly<{ kind: 'lost'; why: string; poisonLimit: number }>
  /**
   * Its code has stopped and the task continues: back to the queue without using an attempt, or paused if that is requested.
   * `atPausePoint`: it stored what it needs to continue.
   */
  | Readonly<{ kind: 'released'; why: string; atPausePoint?: true }>

export type Settlement = Readonly<{
  id: TaskId
  fence: Fence
  outcome: Outcome
  /**
   * Active time of the task so far, over all its runs: a settlement that is written twice counts once. Null: as the store counts
   * it, from the claim to now.
   */
  activeMs: number | null
  checkpoint?: Json
  progress?: Progress
  log?: readonly LogLine[]
  /** The code is still running and is fenced off: the fence rises, and its slot stays counted until it is released. */
  fencedOff?: boolean
}>

/**
 * `superseded`: the fence is no longer the newest. `stale`: the requested control was withdrawn, or what the handler waits for has
 * happened in the meantime; read it again.
 */
export type SettleVerdict = 'settled' | 'superseded' | 'stale'

/** Ten thousand years in milliseconds: added to any current time, it is still a valid date. */
export const longestDuration = 315_576_000_000_000

/**
 * Throws `RangeError` or `TypeError` for values that no store can keep, before they can affect what is written beside them
 * or change on the way.
 */
export function mustBeKept({
  activeMs = 0,
  outcome,
  checkpoint = '',
  progress,
  log = [],
  steps = [],
}: Partial<Settlement> & Readonly<{ steps?: readonly StepRecord[] }>): void {
  const number = (name: string, value: number) => {
    if (!(Math.abs(value) <= longestDuration)) throw new RangeError(`${name} cannot be ${value}`)
  }
  const text = (name: string, value: Json) => {
    if (typeof value !== 'string') throw new TypeError(`${name} must be a document as text`)
  }
  number('activeMs', activeMs ?? 0)
  text('checkpoint', checkpoint)
  if (outcome?.kind === 'completed') text('result', outcome.result)
  if (outcome?.kind === 'failed' && outcome.retryIn !== null) number('retryIn', outcome.retryIn)
  if (outcome?.kind === 'sleeping') {
    number('until', outcome.until ?? 0)
    number('delay', outcome.delay ?? 0)
  }
  if (progress !== undefined && !Number.isFinite(progress.current)) number('progress', Number.NaN)
  for (const { name, startedAt, finishedAt, result, error } of steps) {
    text('the name of a step', name)
    number('the time of a step', startedAt)
    number('the time of a step', finishedAt)
    text('the result of a step', result ?? '')
    text('the error of a step', error?.message ?? '')
  }
  for (const { at, text: line } of log) {
    number('the time of a log line', at)
    text('a log line', line)
  }
}
