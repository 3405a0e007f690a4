import type { NewEntry } from '../../core/audit.ts'
import {
  recentSeen,
  unfinishedSeen,
  waitingSeen,
  type Overlap,
  type Schedule,
  type ScheduleView,
  type SkipReason,
  type Tick,
} from '../../core/schedule.ts'
import type { Status, TaskId } from '../../core/task.ts'
import type { SubmitCall } from '../commands.ts'
import {
  applicable,
  definitionText,
  dependsOnOutcomes,
  scheduleOf,
  stateText,
  type TickRow,
  withAccepted,
} from '../schedule-rows.ts'
import {
  fullOf,
  ticksKept,
  type DueSchedules,
  type Outcome,
  type ScheduleChange,
  type ScheduleChanged,
  type ScheduleStore,
} from '../schedule-store.ts'
import type { Submitted } from '../store.ts'
import type { Statements } from './statements.ts'
import type { Effect } from './commits.ts'

/** What the schedules use of the store. */
export type ScheduleSource = Readonly<{
  sql(): Statements
  now(): number
  /** A time before the last `ms`. */
  ago(ms: number): number
  write<T>(run: () => T, effect?: Effect): Promise<T>
  read<T>(look: () => T): T
  submit(call: SubmitCall): Submitted
  /** Within the transaction of the change. */
  audit(entry: NewEntry | undefined, at: number): void
}>

/** The tables of schedules and ticks. */
export class SqliteSchedules implements ScheduleStore {
  readonly #store: ScheduleSource

  constructor(store: ScheduleSource) {
    this.#store = store
  }

  add(schedule: Schedule, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (!insertSchedule(this.#store.sql(), schedule)) return false
      this.#store.audit(audit, this.#store.now())
      return true
    }, 'adds')
  }

  change(changes: readonly ScheduleChange[], maxQueued: number): Promise<readonly ScheduleChanged[]> {
    return this.#store.write(() => changes.map((change) => this.#change(change, maxQueued)), 'adds')
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      const { removeSchedule, removeTicks } = this.#store.sql()
      if (removeSchedule.run(id).changes === 0) return false
      removeTicks.run(id)
      this.#store.audit(audit, this.#store.now())
      return true
    })
  }

  async list(after: string, limit: number): Promise<readonly Schedule[]> {
    return this.#store.read(() =>
      (this.#store.sql().schedulesAfter.all(after, limit) as unknown as ScheduleRow[]).map(scheduleFrom),
    )
  }

  async view(ids: readonly string[]): Promise<readonly ScheduleView[]> {
    return this.#store.read(() => ids.flatMap((id) => this.#view(id)))
  }

  async due(types: readonly string[], limit: number): Promise<DueSchedules> {
    return this.#store.read(() => {
      const { dueSchedules, nextSchedule } = this.#store.sql()
      const now = this.#store.now()
      const names = JSON.stringify(types)
      const rows = dueSchedules.all(now, names, limit) as unknown as [string][]
      if (rows.length === limit) return { ids: rows.map(([id]) => id), dueIn: 0 }
      const next = nextSchedule.get(now, names) as unknown as [number] | undefined
      return { ids: rows.map(([id]) => id), dueIn: next === undefined ? null : next[0] - now }
    })
  }

  async lag(): Promise<number> {
    const first = this.#store.read(() => this.#store.sql().firstDue.get()) as unknown as [number | null]
    return first[0] === null ? 0 : Math.max(0, this.#store.now() - first[0])
  }

  record(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    return this.#store.write(() => {
      const { setOutcome, isWatching } = this.#store.sql()
      for (const { scheduleId, tickAt, status } of outcomes) setOutcome.run(status, scheduleId, tickAt)
      const ids = [...new Set(outcomes.map(({ scheduleId }) => scheduleId))]
      return ids.filter((id) => isWatching.get(id) !== undefined)
    })
  }

  async ticks(id: string, before: number, limit: number): Promise<readonly Tick[]> {
    return this.#store.read(() => this.#ticks(this.#store.sql().ticksBefore.all(id, before, limit)))
  }

  prune(
    retention: number,
    after: string,
    limits: Readonly<{ schedules: number; ticks: number }>,
  ): Promise<Readonly<{ next: string | null; deleted: number }>> {
    return this.#store.write(() => {
      const { scheduleIds, pruneTicks } = this.#store.sql()
      const before = this.#store.ago(retention)
      const ids = (scheduleIds.all(after, limits.schedules) as unknown as [string][]).map(([id]) => id)
      let deleted = 0
      for (const id of ids) deleted += Number(pruneTicks.run(id, before, ticksKept - 1, limits.ticks).changes)
      return { next: ids.length < limits.schedules ? null : ids.at(-1)!, deleted }
    })
  }

  #change(change: ScheduleChange, maxQueued: number): ScheduleChanged {
    const sql = this.#store.sql()
    const { id, version } = change.schedule
    const [found] = (sql.scheduleVersion.get(id) ?? []) as unknown as [number?]
    if (found !== version - 1) return { kind: 'lost' }
    const rows = new Map<number, TickRow>()
    for (const { tickAt } of change.ticks) {
      const row = sql.tick.get(id, tickAt) as unknown as [TaskId | null, Overlap | null] | undefined
      if (row !== undefined) rows.set(tickAt, { hasTask: row[0] !== null, waits: row[1] !== null })
    }
    const { submissions, ...meant } = applicable(change, rows)
    const submitted = this.#store.submit({ submissions, options: { by: change.by, maxQueued } })
    if (submitted.kind !== 'accepted') return fullOf(submitted)
    const { schedule, ticks, audit } = withAccepted(
      { ...meant, audit: change.audit },
      submissions,
      submitted.tasks,
    )
    const now = this.#store.now()
    for (const { tickAt, to } of ticks) sql.putTick.run(id, tickAt, to.taskId, to.skipped, to.waits, now)
    if (change.isRedefined) sql.setDefinition.run(schedule.type, definitionText(schedule), id)
    const watches = dependsOnOutcomes(schedule) ? 1 : 0
    sql.setSchedule.run(schedule.dueAt, version, watches, stateText(schedule), id)
    this.#store.audit(audit, now)
    return {
      kind: 'changed',
      schedule,
      tasks: submitted.tasks.filter((task) => !task.replayed),
      ticks: ticks.length,
    }
  }

  #view(id: string): ScheduleView[] {
    const sql = this.#store.sql()
    const row = sql.schedule.get(id) as unknown as ScheduleRow | undefined
    if (row === undefined) return []
    const unfinished = sql.unfinishedOf.all(id, unfinishedSeen) as unknown as [TaskId, string | null][]
    return [
      {
        schedule: scheduleFrom(row),
        unfinished: unfinished.map(([task, control]) => ({ id: task, isCancelling: control === 'cancel' })),
        waiting: this.#ticks(sql.waitingTicks.all(id, waitingSeen)),
        recent: this.#ticks(sql.startedTicks.all(id, recentSeen)),
      },
    ]
  }

  #ticks(rows: unknown): Tick[] {
    return (rows as TickColumns[]).map(([tickAt, taskId, status, skipped, waits]) => ({
      tickAt,
      taskId,
      status,
      skipped,
      waits,
    }))
  }
}

export type ScheduleRow = [id: string, definition: string, state: string]
type TickColumns = [number, TaskId | null, Status | null, SkipReason | null, Overlap | null]

export function scheduleFrom([id, definition, state]: ScheduleRow): Schedule {
  return scheduleOf(id, definition, state)
}

/** False if the id is taken. */
export function insertSchedule(sql: Statements, schedule: Schedule): boolean {
  const { id, type, dueAt, version } = schedule
  const watches = dependsOnOutcomes(schedule) ? 1 : 0
  const { changes } = sql.addSchedule.run(
    id,
    type,
    dueAt,
    version,
    watches,
    definitionText(schedule),
    stateText(schedule),
  )
  return changes === 1
}
