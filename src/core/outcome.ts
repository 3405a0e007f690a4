import type { EndedBy, ErrorRecord, Fence, Json, LogLine, Progress, TaskId } from './task.ts'

/** How one run of a handler ended, as its node reports it. */
export type Outcome =
  | Readonly<{ kind: 'completed'; result: Json }>
  /** `retryIn`: milliseconds until the next attempt, or null when the failure is final. */
  | Readonly<{ kind: 'failed'; error: ErrorRecord; retryIn: number | null; endedBy?: EndedBy }>
  | Readonly<{ kind: 'cancelled'; endedBy: EndedBy }>
  /** At a pause point; answers the wish that raised the task to `wishVersion`. The handler stays parked. */
  | Readonly<{ kind: 'paused'; wishVersion: number }>
  /** Its code is about to be ended by force: the fence rises first, and the end is settled under the new one. */
  | Readonly<{ kind: 'fenced' }>
  /** The process or guard that ran the code died without a word; more losses than the limit are `POISON`. */
  | Readonly<{ kind: 'lost'; why: string; poisonLimit: number }>
  /** The node drains: back to the queue without using budget. */
  | Readonly<{ kind: 'released'; why: string }>

export type Settlement = Readonly<{
  id: TaskId
  fence: Fence
  outcome: Outcome
  /** Active time of this run since its claim or adoption. */
  ranMs: number
  checkpoint?: Json
  progress?: Progress
  log?: readonly LogLine[]
  /** The code still runs and is fenced off: the fence rises, and its slot stays counted until `vacate`. */
  fencedOff?: boolean
}>

/** `superseded`: the fence is no longer the newest. `stale`: the wish was taken back meanwhile; read it again. */
export type SettleVerdict = 'settled' | 'superseded' | 'stale'
