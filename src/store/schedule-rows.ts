import {
  definitionOf,
  stateOf,
  type Schedule,
  type ScheduleDefinition,
  type ScheduleState,
} from '../core/schedule.ts'
import type { Submission, TaskId } from '../core/task.ts'
import type { ScheduleChange } from './schedule-store.ts'
import type { Accepted } from './store.ts'

/** How the SQL stores write schedules: the definition, which may be large, apart from what changes with each tick. */

export function definitionText(schedule: Schedule): string {
  return JSON.stringify(definitionOf(schedule))
}

export function stateText(schedule: Schedule): string {
  return JSON.stringify(stateOf(schedule))
}

export function scheduleOf(id: string, definition: string, state: string): Schedule {
  return { id, ...(JSON.parse(definition) as ScheduleDefinition), ...(JSON.parse(state) as ScheduleState) }
}

/** Whether the end of one of its tasks may change what it does next. */
export function dependsOnOutcomes({ buffered, pauseOnFailures }: Schedule): boolean {
  return buffered > 0 || pauseOnFailures !== null
}

/** The change with the tasks that its submissions led to: one that had the unique key already is not a new one. */
export function withAccepted<Change extends Pick<ScheduleChange, 'schedule' | 'ticks' | 'audit'>>(
  change: Change,
  submissions: readonly Submission[],
  accepted: readonly Accepted[],
): Change {
  const ids = new Map(submissions.map(({ id }, index) => [id, accepted[index]?.task.id ?? id]))
  if (accepted.every(({ task }, index) => task.id === submissions[index]?.id)) return change
  const idOf = (id: TaskId | null) => (id === null ? null : (ids.get(id) ?? id))
  const { schedule, ticks, audit } = change
  return {
    ...change,
    audit: audit === undefined ? undefined : { ...audit, taskId: idOf(audit.taskId) },
    schedule: { ...schedule, lastTaskId: idOf(schedule.lastTaskId) },
    ticks: ticks.map((tick) => ({ ...tick, to: { ...tick.to, taskId: idOf(tick.to.taskId) } })),
  }
}

/** A row of a tick, as far as it decides whether a change applies. */
export type TickRow = Readonly<{ hasTask: boolean; waits: boolean }>

/** The part of a change that applies to these rows. */
export function applicable(
  { schedule, ticks, submissions }: ScheduleChange,
  rows: ReadonlyMap<number, TickRow>,
): Readonly<{ schedule: Schedule }> & Pick<ScheduleChange, 'ticks' | 'submissions'> {
  const applied = ticks.filter(({ tickAt, from }) => {
    const row = rows.get(tickAt)
    return from === 'waiting' ? row?.waits === true : row === undefined || !(row.hasTask || row.waits)
  })
  if (applied.length === ticks.length) return { schedule, ticks, submissions }
  const dropped = new Set(ticks.filter((tick) => !applied.includes(tick)))
  const started = new Set(applied.map(({ to }) => to.taskId))
  const waitsNot = [...dropped].filter(({ from, to }) => from === 'new' && to.waits !== null).length
  const isLastDropped = [...dropped].some(({ to }) => to.taskId !== null && to.taskId === schedule.lastTaskId)
  return {
    schedule: {
      ...schedule,
      buffered: Math.max(0, schedule.buffered - waitsNot),
      lastTaskId: isLastDropped ? null : schedule.lastTaskId,
    },
    ticks: applied,
    submissions: submissions.filter(({ id }: Submission) => started.has(id)),
  }
}
