import type { NewEntry } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
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
import type { Status } from '../../core/task.ts'
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
import { addEntries } from './audit.ts'
import type { Rows, Session } from './connection.ts'
import type { QueueEstimate } from './counters.ts'
import type { Statements } from './statements.ts'
import { submitAll } from './submitting.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the schedules use of the store. */
export type ScheduleSource = Readonly<{
  sql: Statements
  clock: Clock | undefined
  waiting: QueueEstimate
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** The tables of schedules and ticks. */
export class PostgresSchedules implements ScheduleStore {
  readonly #store: ScheduleSource

  constructor(store: ScheduleSource) {
    this.#store = store
  }

  add(schedule: Schedule, audit?: NewEntry): Promise<boolean> {
    return this.#store.alone(async (tx) => {
      tx.leaveMark()
      const added = await tx.ask(tx.source.sql.addSchedule, [...addedValues(schedule)])
      if (added.length === 0) return false
      if (audit !== undefined) addEntries(tx, [audit], (await tx.moment(0)).now)
      return true
    })
  }

  change(changes: readonly ScheduleChange[], maxQueued: number): Promise<readonly ScheduleChanged[]> {
    return this.#store.alone((tx) => change(tx, changes, maxQueued, this.#store.waiting))
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.alone(async (tx) => {
      const { removeSchedule, removeTicks } = tx.source.sql
      tx.leaveMark()
      if ((await tx.ask(removeSchedule, [encodeText(id)])).length === 0) return false
      tx.write(removeTicks, [encodeText(id)])
      if (audit !== undefined) addEntries(tx, [audit], (await tx.moment(0)).now)
      return true
    })
  }

  list(after: string, limit: number): Promise<readonly Schedule[]> {
    return this.#store.read(async (session) =>
      (await session.query(this.#store.sql.schedulesAfter, [encodeText(after), limit])).map(scheduleFrom),
    )
  }

  /** The schedules first: what is read after them is no older. */
  view(ids: readonly string[]): Promise<readonly ScheduleView[]> {
    const { sql } = this.#store
    const keys = ids.map(encodeText)
    return this.#store.read(async (session) => {
      const [schedules, unfinished, waiting, recent] = await Promise.all([
        session.query(sql.schedules, [keys]),
        session.query(sql.unfinishedOf, [keys, unfinishedSeen]),
        session.query(sql.waitingTicks, [keys, waitingSeen]),
        session.query(sql.startedTicks, [keys, recentSeen]),
      ])
      return schedules.map(scheduleFrom).map((schedule) => {
        const own = (rows: Rows) => rows.filter(([id]) => decodeText(id as string) === schedule.id)
        return {
          schedule,
          unfinished: own(unfinished).map(([, id, control]) => ({
            id: decodeText(id as string),
            isCancelling: control === 'cancel',
          })),
          waiting: own(waiting).map(tickFrom),
          recent: own(recent).map(tickFrom),
        }
      })
    })
  }

  due(types: readonly string[], limit: number): Promise<DueSchedules> {
    const { sql, clock } = this.#store
    const names = types.map(encodeText)
    return this.#store.read(async (session) => {
      const now = clock?.now() ?? null
      const rows = await session.query(sql.dueSchedules, [now, names, limit])
      const ids = rows.map(([id]) => decodeText(id as string))
      if (ids.length === limit) return { ids, dueIn: 0 }
      const [next] = await session.query(sql.nextSchedule, [now, names])
      return { ids, dueIn: next === undefined ? null : (next[0] as number) }
    })
  }

  lag(): Promise<number> {
    const { sql, clock } = this.#store
    return this.#store.read(async (session) => {
      const [row] = await session.query(sql.scheduleLag, [clock?.now() ?? null])
      return (row?.[0] ?? 0) as number
    })
  }

  record(outcomes: readonly Outcome[]): Promise<readonly string[]> {
    const sorted = outcomes.toSorted((a, b) =>
      a.scheduleId === b.scheduleId ? a.tickAt - b.tickAt : a.scheduleId < b.scheduleId ? -1 : 1,
    )
    const ids = sorted.map(({ scheduleId }) => encodeText(scheduleId))
    return this.#store.alone(async (tx) => {
      const { setOutcomes, watching } = tx.source.sql
      tx.write(setOutcomes, [ids, sorted.map(({ tickAt }) => tickAt), sorted.map(({ status }) => status)])
      const rows = await tx.ask(watching, [[...new Set(ids)]])
      return rows.map(([id]) => decodeText(id as string))
    })
  }

  ticks(id: string, before: number, limit: number): Promise<readonly Tick[]> {
    return this.#store.read(async (session) =>
      (await session.query(this.#store.sql.ticksBefore, [encodeText(id), before, limit])).map(tickFrom),
    )
  }

  prune(
    retention: number,
    after: string,
    limits: Readonly<{ schedules: number; ticks: number }>,
  ): Promise<Readonly<{ next: string | null; deleted: number }>> {
    return this.#store.alone(async (tx) => {
      const { scheduleIds, pruneTicks } = tx.source.sql
      const ids = (await tx.ask(scheduleIds, [encodeText(after), limits.schedules])).map(
        ([id]) => id as string,
      )
      const now = this.#store.clock?.now() ?? null
      const gone = await tx.ask(pruneTicks, [ids, now, retention, ticksKept - 1, limits.ticks])
      const next = ids.length < limits.schedules ? null : decodeText(ids.at(-1)!)
      return { next, deleted: gone.length }
    })
  }
}

async function change(
  tx: Transaction,
  changes: readonly ScheduleChange[],
  maxQueued: number,
  waiting: QueueEstimate,
): Promise<ScheduleChanged[]> {
  const { sql } = tx.source
  tx.leaveMark()
  const ids = [...new Set(changes.map(({ schedule }) => encodeText(schedule.id)))].sort()
  const named = changes.flatMap(({ schedule, ticks }) =>
    ticks.map(({ tickAt }) => ({ id: schedule.id, tickAt })),
  )
  const locked = await tx.ask(sql.lockSchedules, [ids])
  const versions = new Map(locked.map(([id, version]) => [decodeText(id as string), Number(version)]))
  const rows = new Map<string, Map<number, TickRow>>()
  if (named.length > 0) {
    const found = await tx.ask(sql.tickRows, [
      named.map(({ id }) => encodeText(id)),
      named.map(({ tickAt }) => tickAt),
    ])
    for (const [id, tickAt, hasTask, waits] of found) {
      const key = decodeText(id as string)
      const ofSchedule = rows.get(key) ?? new Map<number, TickRow>()
      ofSchedule.set(tickAt as number, { hasTask: hasTask as boolean, waits: waits as boolean })
      rows.set(key, ofSchedule)
    }
  }
  // A second change of the same schedule is based on a version that does not exist yet.
  const current = changes.filter(({ schedule }) => versions.get(schedule.id) === schedule.version - 1)
  const meant = current.map((one) => ({
    ...applicable(one, rows.get(one.schedule.id) ?? new Map()),
    change: one,
  }))
  const calls = meant.map(({ submissions, change: { by } }) => ({ submissions, options: { by, maxQueued } }))
  const wanted = calls.filter(({ submissions }) => submissions.length > 0)
  const answers = wanted.length === 0 ? [] : await submitAll(tx, wanted, waiting)
  const { now } = await tx.moment(0)
  const results = new Map<ScheduleChange, ScheduleChanged>()
  const done: Pick<ScheduleChange, 'schedule' | 'ticks' | 'audit'>[] = []
  for (const [index, { submissions, change: one, ...own }] of meant.entries()) {
    const submitted = answers[wanted.indexOf(calls[index]!)]
    if (submitted !== undefined && submitted.kind !== 'accepted') {
      results.set(one, fullOf(submitted))
      continue
    }
    const accepted = submitted?.tasks ?? []
    const changed = withAccepted({ ...own, audit: one.audit }, submissions, accepted)
    const { schedule, ticks } = changed
    done.push(changed)
    if (one.isRedefined) {
      const { id, type } = schedule
      tx.write(sql.setDefinition, [encodeText(id), encodeText(type), encodeText(definitionText(schedule))])
    }
    const tasks = accepted.filter((task) => !task.replayed)
    results.set(one, { kind: 'changed', schedule, tasks, ticks: ticks.length })
  }
  write(tx, done, now)
  const entries = done.flatMap(({ audit }) => audit ?? [])
  if (entries.length > 0) addEntries(tx, entries, now)
  return changes.map((one) => results.get(one) ?? { kind: 'lost' })
}

function write(
  tx: Transaction,
  written: readonly Pick<ScheduleChange, 'schedule' | 'ticks'>[],
  now: number,
): void {
  const { sql } = tx.source
  const ticks = written.flatMap(({ schedule, ticks: own }) =>
    own.map((tick) => ({ ...tick, id: schedule.id })),
  )
  tx.inPortions(ticks, (portion) =>
    tx.write(sql.putTicks, [
      portion.map(({ id }) => encodeText(id)),
      portion.map(({ tickAt }) => tickAt),
      portion.map(({ to }) => (to.taskId === null ? null : encodeText(to.taskId))),
      portion.map(({ to }) => to.skipped),
      portion.map(({ to }) => to.waits),
      now,
    ]),
  )
  if (written.length === 0) return
  tx.write(sql.setSchedules, [
    written.map(({ schedule }) => encodeText(schedule.id)),
    written.map(({ schedule }) => schedule.dueAt),
    written.map(({ schedule }) => schedule.version),
    written.map(({ schedule }) => dependsOnOutcomes(schedule)),
    written.map(({ schedule }) => encodeText(stateText(schedule))),
  ])
}

export function scheduleFrom([id, definition, state]: Rows[number]): Schedule {
  return scheduleOf(decodeText(id as string), decodeText(definition as string), decodeText(state as string))
}

/** The values of `addSchedule`. */
export function addedValues(schedule: Schedule) {
  const { id, type, dueAt, version } = schedule
  const [definition, state] = [definitionText(schedule), stateText(schedule)]
  return [
    encodeText(id),
    encodeText(type),
    dueAt,
    version,
    dependsOnOutcomes(schedule),
    encodeText(definition),
    encodeText(state),
  ] as const
}

function tickFrom([, tickAt, taskId, status, skipped, waits]: Rows[number]): Tick {
  return {
    tickAt: tickAt as number,
    taskId: taskId === null ? null : decodeText(taskId as string),
    status: status as Status | null,
    skipped: skipped as SkipReason | null,
    waits: waits as Overlap | null,
  }
}
