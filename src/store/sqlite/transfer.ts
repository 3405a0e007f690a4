import type { DatabaseSync } from 'node:sqlite'
import type { AuditEntry } from '../../core/audit.ts'
import { StoreUnavailable } from '../../core/errors.ts'
import type { EdgePolicy } from '../../core/dependency.ts'
import type { Task, TaskId } from '../../core/task.ts'
import { keepsKey } from '../../core/unique.ts'
import type { AuditCursor } from '../audit-log.ts'
import { stepValues } from '../step-rows.ts'
import { auditValues, entryOfRow } from '../auditing.ts'
import { rowIdOf, selectedNames, type StoredRow } from '../columns.ts'
import type { Hold } from '../store.ts'
import {
  importedAfter,
  missingOf,
  transferredTask,
  noPredecessor,
  type DeliveryImage,
  type EventImages,
  type Surroundings,
  type TaskCounts,
  type TaskImage,
  type TickImage,
  type TransferSource,
  type TransferTarget,
} from '../transfer.ts'
import { indexEntries } from './audit.ts'
import { connect } from './connection.ts'
import { Counters, type HoldRow } from './counters.ts'
import type { Schedule } from '../../core/schedule.ts'
import { migrate, mustBeWhole, unfinishedCopy } from './migrations.ts'
import { figureFrom, putFigure, type FigureValues } from './figures.ts'
import { insertLimit, limitFrom, type LimitRow } from './lanes.ts'
import type { Webhook } from '../../core/webhook.ts'
import { deliveryFrom } from '../delivery-rows.ts'
import { eventImages } from '../outbox.ts'
import { readLog } from './log.ts'
import { RowWriter } from './row-writer.ts'
import { isAwaited, selectedColumns, taskOf } from './rows.ts'
import { insertSchedule, scheduleFrom, type ScheduleRow } from './schedules.ts'
import { prepareAll, type Statements } from './statements.ts'
import { readSteps } from './steps.ts'
import { putWait, readWaits } from './waits.ts'
import { bodyOf, keyOf, type KeyRow } from './keys.ts'

/** Opens the file for a transfer, and keeps every other process out of it. Throws `StoreUnavailable`. */
export function openSqliteTransfer(path: string): SqliteTransfer {
  const db = connect(path)
  try {
    migrate(db)
    return new SqliteTransfer(db, path)
  } catch (error) {
    db.close()
    throw error
  }
}

export class SqliteTransfer implements TransferSource, TransferTarget {
  readonly #db: DatabaseSync
  readonly #path: string
  readonly #sql: Statements

  constructor(db: DatabaseSync, path: string) {
    this.#db = db
    this.#path = path
    this.#sql = prepareAll(db)
  }

  async images(after: number, limit: number): Promise<readonly TaskImage[]> {
    mustBeWhole(this.#db, this.#path)
    const read = this.#db.prepare(
      `select ${selectedColumns}, timeline from tasks where row_id > ? order by row_id limit ?`,
    )
    read.setReturnArrays(true)
    return (read.all(after, limit) as unknown as StoredRow[]).map((row) => {
      const rowId = rowIdOf(row)
      const document = (kind: 'parameters' | 'checkpoint' | 'result') =>
        ((this.#sql[kind].get(rowId) as unknown as [string] | undefined) ?? [null])[0]
      return {
        rowId,
        task: transferredTask(taskOf(row)),
        timeline: row[selectedNames.length] as string,
        parameters: document('parameters') ?? 'null',
        checkpoint: document('checkpoint'),
        result: document('result'),
        steps: readSteps(this.#sql, rowId, unlimitedSteps).steps,
        waits: readWaits(this.#sql, rowId),
        log: readLog(this.#sql, rowId, 0, Number.MAX_SAFE_INTEGER),
        after: this.#edgesTo(taskOf(row).id),
        isAwaited: isAwaited(row),
      }
    })
  }

  async surroundings(): Promise<Surroundings> {
    const operations = this.#db.prepare('select id, node, body, cancel from operations order by number').all()
    const holds = this.#sql.holds.all() as unknown as HoldRow[]
    const [version] = this.#sql.keysVersion.get() as unknown as [number]
    const keys = (this.#sql.keys.all() as unknown as KeyRow[]).map(keyOf)
    return {
      keys: { version, keys },
      figures: (this.#sql.figures.all() as unknown as FigureValues[]).map(figureFrom),
      limits: (this.#sql.limits.all() as unknown as LimitRow[]).map(limitFrom),
      webhooks: (this.#sql.webhooks.all() as unknown as [string][]).map(
        ([body]) => JSON.parse(body) as Webhook,
      ),
      queuePosition: (this.#sql.sequence.get() as unknown as [number])[0],
      holds: Object.fromEntries(
        holds.map(([type, since, by, reason]): [string, Hold] => [type, { since, by, reason }]),
      ),
      operations: operations.map(({ id, node, body, cancel }) => ({
        id: String(id),
        node: String(node),
        body: String(body),
        cancel: cancel === 1,
      })),
    }
  }

  async entries(after: AuditCursor | null, limit: number): Promise<readonly AuditEntry[]> {
    const rows = this.#sql.entriesAfter.all(
      after?.at ?? -1,
      after?.number ?? -1,
      limit,
    ) as unknown as unknown[][]
    return rows.map((row) => entryOfRow(row))
  }

  async lastEntry(): Promise<AuditCursor | null> {
    const row = this.#sql.lastEntry.get() as unknown as [number, number] | undefined
    return row === undefined ? null : { at: row[0], number: row[1] }
  }

  async countEntries(): Promise<number> {
    return Number(this.#db.prepare('select count(*) as entries from audit').get()?.['entries'])
  }

  async writeEntries(entries: readonly AuditEntry[]): Promise<void> {
    this.#within(() => {
      for (const entry of entries) {
        const values = auditValues(entry) as (string | number | null)[]
        this.#sql.addEntry.run(entry.at, Number(entry.id), ...values)
      }
      indexEntries(this.#sql)
    })
  }

  async schedules(after: string, limit: number): Promise<readonly Schedule[]> {
    return (this.#sql.schedulesAfter.all(after, limit) as unknown as ScheduleRow[]).map(scheduleFrom)
  }

  async ticks(
    { scheduleId, tickAt }: Pick<TickImage, 'scheduleId' | 'tickAt'>,
    limit: number,
  ): Promise<readonly TickImage[]> {
    const rows = this.#db
      .prepare(
        `select schedule_id as scheduleId, tick_at as tickAt, task_id as taskId, status, skipped, waits, stored_at as storedAt
          from ticks where (schedule_id, tick_at) > (?, ?) order by schedule_id, tick_at limit ?`,
      )
      .all(scheduleId, tickAt, limit)
    return rows.map((row) => ({ ...row }) as unknown as TickImage)
  }

  async writeSchedules(schedules: readonly Schedule[], ticks: readonly TickImage[]): Promise<void> {
    this.#within(() => {
      for (const schedule of schedules) {
        this.#sql.removeSchedule.run(schedule.id)
        insertSchedule(this.#sql, schedule)
      }
      for (const { scheduleId, tickAt, taskId, status, skipped, waits, storedAt } of ticks) {
        this.#sql.putTick.run(scheduleId, tickAt, taskId, skipped, waits, storedAt)
        if (status !== null) this.#sql.setOutcome.run(status, scheduleId, tickAt)
      }
    })
  }

  async deliveries(after: number, limit: number): Promise<readonly DeliveryImage[]> {
    return this.#sql.deliveriesAfter.all(after, limit).map((row) => deliveryFrom(row))
  }

  async events(after: number): Promise<EventImages | null> {
    const row = this.#sql.eventsAfter.get(after) as unknown as [number, number, string] | undefined
    return row === undefined ? null : eventImages(row[0], row[2])
  }

  async writeDeliveries(deliveries: readonly DeliveryImage[]): Promise<void> {
    this.#within(() => {
      for (const one of deliveries) {
        const { number, webhookId, lane, url, event, taskId, version, data, createdAt, ...state } = one
        const { status, attempts, nextAt, claim, history } = state
        const fixed = [number, webhookId, lane, url, event, taskId, version, data, createdAt] as const
        this.#sql.putDelivery.run(...fixed, status, attempts, nextAt, claim, JSON.stringify(history))
      }
    })
  }

  async counters(): Promise<TaskCounts> {
    return this.#counts('select type, status, tasks from counters where tasks > 0')
  }

  async tasks(): Promise<TaskCounts> {
    return this.#counts('select type, status, count(*) as tasks from tasks group by type, status')
  }

  async encrypted(): Promise<ReadonlyMap<string, number>> {
    const heads = ['parameters', 'checkpoints', 'results', 'steps', 'waits'].map(
      (table) => `select substr(body, 1, 40) as head from ${table} where body is not null`,
    )
    const answers = 'select substr(answer, 1, 40) from waits where answer is not null'
    const schedules = `select substr(json_extract(definition, '$.parameters'), 1, 40) from schedules`
    const webhooks = `select substr(json_extract(body, '$.url'), 1, 40) from webhooks`
    const callbacks = 'select substr(url, 1, 40) from deliveries where url is not null'
    const told = `select substr(json_extract(value, '$[6].callback.url'), 1, 40)
      from outbox, json_each(outbox.body, '$[1]') where json_extract(value, '$[6].callback') is not null`
    const lines = 'select substr(line, 1, 40) from log'
    const all = [...heads, answers, lines, schedules, webhooks, callbacks, told].join(' union all ')
    const key = `case when head like 'enc:1:%:%' then substr(head, 7, instr(substr(head, 7), ':') - 1) else '' end`
    const rows = this.#db.prepare(`select ${key} as key, count(*) as texts from (${all}) group by 1`).all()
    return new Map(rows.map(({ key, texts }) => [String(key), Number(texts)]))
  }

  async begin(source: string): Promise<number> {
    const begun = unfinishedCopy(this.#db)
    if (begun === undefined) {
      const any = this.#db
        .prepare(
          'select 1 from tasks union all select 1 from audit union all select 1 from schedules union all select 1 from webhooks limit 1',
        )
        .get()
      if (any !== undefined)
        throw refused(
          `The database ${this.#path} contains tasks, schedules or audit entries: copy into an empty one.`,
        )
      this.#db.exec('begin immediate; create table transfer (source text not null) strict')
      this.#db.prepare('insert into transfer values (?)').run(source)
      this.#db.exec('commit')
    } else if (begun !== source) {
      throw refused(
        `The database ${this.#path} is the target of an unfinished copy from ${begun}. Finish that one, or choose another target.`,
      )
    }
    return this.#lastRow()
  }

  async write(images: readonly TaskImage[]): Promise<void> {
    this.#within((writer) => {
      for (const image of images) this.#insert(writer, image)
    })
  }

  async add(images: readonly TaskImage[]): Promise<number> {
    mustBeWhole(this.#db, this.#path)
    let rowId = this.#lastRow()
    let [position] = this.#sql.sequence.get() as unknown as [number]
    let added = 0
    this.#within((writer) => {
      for (const image of images) {
        const { id, idempotencyKey: key, status } = image.task
        if (this.#sql.rowById.get(id) !== undefined) continue
        if (key !== null && this.#sql.rowByKey.get(key) !== undefined) continue
        if (this.#isTaken(image.task)) continue
        const queuePosition = status === 'queued' ? ++position : image.task.queuePosition
        const after = importedAfter(image, (id) => this.#sql.rowById.get(id) !== undefined)
        const task = { ...image.task, queuePosition, missing: missingOf(image) }
        this.#insert(writer, { ...image, after, rowId: ++rowId, task })
        for (const { predecessor } of after) this.#await(task, predecessor)
        added += 1
      }
      this.#sql.setSequence.run(position)
    })
    return added
  }

  async finish({
    queuePosition,
    holds,
    operations,
    limits,
    webhooks,
    figures,
    keys: { version, keys },
  }: Surroundings): Promise<void> {
    this.#within(() => {
      for (const webhook of webhooks) this.#sql.putWebhook.run(webhook.id, JSON.stringify(webhook))
      for (const limit of limits) insertLimit(this.#sql, limit)
      for (const row of figures) putFigure(this.#sql, row)
      // New deliveries have numbers of the same sequence.
      const [last] = this.#sql.lastDelivery.get() as unknown as [number]
      this.#sql.setSequence.run(Math.max(queuePosition, last))
      for (const [type, { since, by, reason }] of Object.entries(holds))
        this.#sql.hold.run(type, since, by, reason)
      const add = this.#db.prepare('insert into operations (id, node, body, cancel) values (?, ?, ?, ?)')
      for (const { id, node, body, cancel } of operations) add.run(id, node, body, cancel ? 1 : 0)
      for (const key of keys) {
        this.#sql.addKey.run(key.id, key.name, bodyOf(key))
        this.#sql.useKey.run(key.lastUsedAt, key.id)
      }
      this.#db.prepare('update keys_version set version = ?').run(version)
      this.#db.exec('drop table transfer')
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db.close()
  }

  #insert(
    writer: RowWriter,
    { rowId, task, timeline, parameters, checkpoint, result, steps, waits, log, after, isAwaited }: TaskImage,
  ): void {
    writer.copy({ rowId, task, lines: timeline, parameters })
    if (checkpoint !== null) this.#sql.putCheckpoint.run(rowId, checkpoint)
    if (result !== null) this.#sql.putResult.run(rowId, result)
    for (const step of steps) this.#sql.addStep.run(rowId, step.number, ...stepValues(step))
    for (const wait of waits) putWait(this.#sql, rowId, wait)
    for (const { number, at, attempt, text } of log)
      this.#sql.insertLine.run(rowId, number, at, attempt, text)
    if (isAwaited) this.#sql.await.run(rowId)
    for (const { predecessor, onFailure } of after) this.#sql.insertEdge.run(predecessor, task.id, onFailure)
  }

  #edgesTo(id: TaskId): TaskImage['after'] {
    const rows = this.#sql.edgesTo.all(id) as unknown as [TaskId, EdgePolicy][]
    return rows.map(([predecessor, onFailure]) => ({ predecessor, onFailure }))
  }

  #await(task: Task, predecessor: TaskId): void {
    const row = this.#sql.rowById.get(predecessor) as unknown as StoredRow | undefined
    if (row === undefined) throw noPredecessor(task, predecessor)
    this.#sql.await.run(rowIdOf(row))
  }

  #within(work: (writer: RowWriter) => void): void {
    const counters = new Counters(this.#sql)
    this.#db.exec('begin immediate')
    try {
      counters.reload()
      work(new RowWriter(this.#sql, counters, null))
      counters.flush()
      this.#db.exec('commit')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  /** Another task has the unique key that this one needs. */
  #isTaken(task: Task): boolean {
    if (!keepsKey(task)) return false
    const row = this.#sql.keyHolder.get(task.type, task.unique!.key) as unknown as KeyHolder | undefined
    return row !== undefined && (row[2] === null || Date.now() - row[1] < row[2])
  }

  #lastRow(): number {
    return (this.#sql.maxNumber.get() as unknown as [number])[0]
  }

  #counts(sql: string): TaskCounts {
    return new Map(
      this.#db
        .prepare(sql)
        .all()
        .map(({ type, status, tasks }) => [`${String(type)} ${String(status)}`, Number(tasks)]),
    )
  }
}

const unlimitedSteps = { after: 0, limit: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER }

type KeyHolder = [id: TaskId, takenAt: number, lasts: number | null]

function refused(message: string): StoreUnavailable {
  return new StoreUnavailable(message, { unknown: false })
}
