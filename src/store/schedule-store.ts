import type { Crowded } from '../core/admission.ts'
import type { NewEntry } from '../core/audit.ts'
import type { Schedule, ScheduleView, Tick, TickChange } from '../core/schedule.ts'
import type { Status, Submission } from '../core/task.ts'
import type { Move } from '../core/transition.ts'

/**
 * Where schedules and their ticks live: in the database of the tasks, in tables of their own. A tick has at most one task, ever: what
 * a change says about a tick that has one, or that waits already, does not apply, and nothing is submitted for it.
 */
export interface ScheduleStore {
  /** False if a schedule has this id. */
  add(schedule: Schedule, audit?: NewEntry): Promise<boolean>

  /**
   * Writes schedules, ticks and tasks in one transaction, unless another write came first. The results are in the order of the changes;
   * one that does not apply leaves nothing.
   */
  change(changes: readonly ScheduleChange[], maxQueued: number): Promise<readonly ScheduleChanged[]>

  /** Deletes the schedule and its ticks; tasks remain. False if it does not exist. */
  remove(id: string, audit?: NewEntry): Promise<boolean>

  /** By id, those after `after`, at most `limit`. */
  list(after: string, limit: number): Promise<readonly Schedule[]>

  /** Those that exist, in any order. Each is no older than its version. */
  view(ids: readonly string[]): Promise<readonly ScheduleView[]>

  /** The schedules of these types for which something must be decided now, at most `limit`: one read of an index. */
  due(types: readonly string[], limit: number): Promise<DueSchedules>

  /** For how many milliseconds the first of all has been due; 0 if none is. */
  lag(): Promise<number>

  /**
   * Keeps the outcomes of tasks, so that they outlive them. Returns the schedules that depend on them: those with ticks that wait, and
   * those that pause after failures.
   */
  record(outcomes: readonly Outcome[]): Promise<readonly string[]>

  /** Ticks before `before`, the newest first, at most `limit`. */
  ticks(id: string, before: number, limit: number): Promise<readonly Tick[]>

  /**
   * Deletes ticks that were stored more than `retention` milliseconds ago and do not wait, except the newest `ticksKept` of each
   * schedule. One call looks at `limits.schedules` schedules after `after`, by id, and deletes `limits.ticks` ticks of each. `next` is
   * where to continue; null after the last one.
   */
  prune(
    retention: number,
    after: string,
    limits: Readonly<{ schedules: number; ticks: number }>,
  ): Promise<Readonly<{ next: string | null; deleted: number }>>
}

/** Ticks of each schedule that are kept whatever their age. */
export const ticksKept = 100

/** `dueIn`: milliseconds until the next one of these types, 0 if one is left; null without any. */
export type DueSchedules = Readonly<{ ids: readonly string[]; dueIn: number | null }>

export type ScheduleChange = Readonly<{
  /** As it is to be; its version is one above the version on which the change is based. */
  schedule: Schedule
  /** The definition is written too. */
  isRedefined: boolean
  ticks: readonly TickChange[]
  /** One task for each tick that starts. */
  submissions: readonly Submission[]
  /** The caller of these tasks. */
  by: string
  /** Added to the audit log if the change is made. */
  audit?: NewEntry | undefined
}>

export type ScheduleChanged =
  | Readonly<{ kind: 'changed'; schedule: Schedule; tasks: readonly Move[]; ticks: number }>
  /** It was changed or deleted by another one, or the queue has no room. */
  | Readonly<{ kind: 'lost' }>
  /** `crowded`: there is no room for tasks of its type, or under one of its limits. */
  | Readonly<{ kind: 'full'; crowded?: Crowded }>

export type Outcome = Readonly<{ scheduleId: string; tickAt: number; status: Status }>

/** The answer to a change whose tasks were not accepted. */
export function fullOf(
  answer:
    | Crowded
    | Readonly<{ kind: 'full' | 'conflict' | 'taken' | 'no_predecessor' | 'no_parent' | 'many_children' }>,
): Extract<ScheduleChanged, { kind: 'full' }> {
  return { kind: 'full', ...(answer.kind === 'crowded' ? { crowded: answer } : {}) }
}
