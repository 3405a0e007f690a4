import type { Overlap, Schedule, ScheduleDefinition, Tick } from '../core/schedule.ts'
import type { TaskId } from '../core/task.ts'
import type { ScheduleDraft } from '../registry/schedule.ts'

/** A schedule with its next ticks, and its newest runs, newest first. */
export type ScheduleInfo = Readonly<{
  schedule: Schedule
  /** Unix milliseconds; none while it is paused. */
  nextTicks: readonly number[]
  runs: readonly Tick[]
}>

export type SchedulePage = Readonly<{ schedules: readonly ScheduleInfo[]; next: string | null }>

/** The ticks of a past range, both ends included: dates or Unix seconds. */
export type Backfill = Readonly<{ from: Date | number; until: Date | number; overlap?: Overlap }>

/** Schedules, for one caller. */
export interface SchedulesApi {
  /** Throws `ScheduleExists`, and what a submit of its task would throw. */
  create(draft: ScheduleDraft): Promise<ScheduleInfo>
  /** Replaces the definition; `paused` is kept unless it is given. Throws `ScheduleUnknown`. */
  replace(id: string, draft: ScheduleDraft): Promise<ScheduleInfo>
  get(id: string): Promise<ScheduleInfo>
  /** By id, after `after`. */
  list(options?: Readonly<{ after?: string; limit?: number }>): Promise<SchedulePage>
  pause(id: string, options?: Readonly<{ reason?: string }>): Promise<ScheduleInfo>
  resume(id: string): Promise<ScheduleInfo>
  /** Submits a task now, also while the schedule is paused. */
  run(id: string): Promise<TaskId>
  /** Runs the ticks of a past range that have no task yet. */
  backfill(id: string, range: Backfill): Promise<Readonly<{ ticks: number; operationId: string }>>
  /** Deletes it; its tasks remain. */
  remove(id: string): Promise<void>
  /** The newest first, before `before` (Unix milliseconds). */
  ticks(id: string, options?: Readonly<{ before?: number; limit?: number }>): Promise<readonly Tick[]>
  /** The next ticks of a draft, which is not stored. Throws what `create` would throw for it, except `ScheduleExists`. */
  preview(
    draft: ScheduleDraft,
  ): Promise<Readonly<{ definition: ScheduleDefinition; nextTicks: readonly number[] }>>
}
