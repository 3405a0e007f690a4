import type { Edge, EdgePolicy } from '../../core/dependency.ts'
import type { AuditEntry } from '../../core/audit.ts'
import { StoreUnavailable } from '../../core/errors.ts'
import type { AuditCursor } from '../audit-log.ts'
import { stepOf } from '../step-rows.ts'
import { auditColumns, auditValues, entryOfRow } from '../auditing.ts'
import type { Overlap, Schedule, SkipReason } from '../../core/schedule.ts'
import type { Status, TaskId } from '../../core/task.ts'
import { keepsKey, uniqueName } from '../../core/unique.ts'
import { fixedColumns, movingColumns, rowIdOf } from '../columns.ts'
import { lanesEntered, queueEntered } from '../slot-changes.ts'
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
import { deliveryNames } from '../delivery-rows.ts'
import { eventImages } from '../outbox.ts'
import { addressOf } from './address.ts'
import { packed } from './column-batching.ts'
import { Connection, type Parameter, type Rows, type Session } from './connection.ts'
import { holdOf } from './counters.ts'
import { defaultSchema, migrateSchema } from './migrating.ts'
import { figureColumns, figureFrom } from './figures.ts'
import { limitColumns, limitFrom, queueColumns } from './lane-rows.ts'
import { deliveryFrom, webhookFrom } from './outbox.ts'
import { mustBeWhole, quoted, unfinishedCopy } from './migrations.ts'
import { columnsOf, isAwaited, selectedColumns, selectedCount, tagColumns, tagsOf, taskOf } from './rows.ts'
import { addedSteps } from './steps.ts'
import { addedWaits } from './wait-writes.ts'
import { waitOf } from '../wait-rows.ts'
import { statementsFor, type Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import { keyRowsOf } from './unique-keys.ts'
import { bodyOf, keyOf } from './keys.ts'
import { addedValues, scheduleFrom } from './schedules.ts'

/** Milliseconds that a statement may take: sorting or counting many tasks takes a while. */
const patience = 21_600_000

/**
 * Opens the database for a transfer. `alone`: no node may be alive, and none can start until it is closed. Throws
 * `StoreUnavailable`.
 */
export async function openPostgresTransfer(
  database: string,
  { alone }: Readonly<{ alone: boolean }>,
): Promise<PostgresTransfer> {
  const { servers, schema = defaultSchema } = addressOf(database)
  await migrateSchema(servers, schema, { evenIfUnfinished: true })
  const connect = (what: string) =>
    new Connection(servers, `fermata ${schema} ${what}`, { answerWithin: patience })
  const connections = [connect('transfer')]
  const transfer = new PostgresTransfer(await connections[0]!.session(), schema, connections)
  try {
    if (alone) {
      const guard = connect('guard')
      connections.push(guard)
      await keepNodesOut(await guard.session(), schema)
    }
    return transfer
  } catch (error) {
    await transfer[Symbol.asyncDispose]()
    throw error
  }
}

/** Until the end of its connection: the start of a node waits for this lock. */
async function keepNodesOut(session: Session, schema: string): Promise<void> {
  await session.query(
    `begin; set local idle_in_transaction_session_timeout = 0; set local lock_timeout = '10s'`,
  )
  await session.query(`lock table ${quoted(schema)}.nodes in share row exclusive mode`)
  const living = await session.query(statementsFor(schema).living, [null])
  if (living.length === 0) return
  const nodes = living.map(([, , , , host, pid]) => `${host ?? 'unknown'} (process ${pid ?? '?'})`)
  throw refused(`Nodes are using the database: ${nodes.join(', ')}. Stop them, and try again.`)
}

export class PostgresTransfer implements TransferSource, TransferTarget {
  readonly #session: Session
  readonly #schema: string
  readonly #s: string
  readonly #sql: Statements
  readonly #connections: readonly Connection[]
  /** The last row that the cursor has returned. */
  #cursorAt: number | undefined

  constructor(session: Session, schema: string, connections: readonly Connection[]) {
    this.#session = session
    this.#schema = schema
    this.#s = quoted(schema)
    this.#sql = statementsFor(schema)
    this.#connections = connections
  }

  /** One cursor over all tasks: no index has their order. */
  async images(after: number, limit: number): Promise<readonly TaskImage[]> {
    if (this.#cursorAt !== after) {
      await mustBeWhole(this.#session, this.#schema)
      if (this.#cursorAt !== undefined) await this.#session.query('rollback')
      const document = (table: string) => `(select body from ${this.#s}.${table} d where d.row_id = t.row_id)`
      await this.#session.query(
        'begin isolation level repeatable read read only; set local idle_in_transaction_session_timeout = 0',
      )
      await this.#session.query(`declare images no scroll cursor for
        select ${selectedColumns('t')}, timeline, ${document('parameters')}, ${document('checkpoints')}, ${document('results')}
        from ${this.#s}.tasks t where row_id > ${Math.floor(after)} order by row_id`)
    }
    const rows = await this.#session.query(`fetch ${Math.floor(limit)} from images`)
    const logs = await this.#logsOf(rows.map(rowIdOf))
    const steps = await this.#stepsOf(rows.map(rowIdOf))
    const waits = await this.#waitsOf(rows.map(rowIdOf))
    const edges = await this.#edgesTo(rows.map((row) => taskOf(row).id))
    const images = rows.map((row): TaskImage => {
      const [timeline, parameters, checkpoint, result] = row.slice(selectedCount) as (string | null)[]
      const rowId = rowIdOf(row)
      return {
        rowId,
        task: transferredTask(taskOf(row)),
        timeline: timeline!,
        parameters: decodedOrNull(parameters) ?? 'null',
        checkpoint: decodedOrNull(checkpoint),
        result: decodedOrNull(result),
        steps: steps.get(rowId) ?? [],
        waits: waits.get(rowId) ?? [],
        log: logs.get(rowId) ?? [],
        after: edges.get(taskOf(row).id) ?? [],
        isAwaited: isAwaited(row),
      }
    })
    this.#cursorAt = images.at(-1)?.rowId ?? after
    return images
  }

  async surroundings(): Promise<Surroundings> {
    const [places, holds, operations, keys, limits, webhooks, figures] = await Promise.all([
      this.#session.query(`select last_value from ${this.#s}.places`),
      this.#session.query(this.#sql.holds),
      this.#session.query(`select id, node, body, cancel from ${this.#s}.operations order by number`),
      this.#session.query(this.#sql.keys, [null]),
      this.#session.query(this.#sql.limits),
      this.#session.query(this.#sql.webhooks),
      this.#session.query(this.#sql.figures),
    ])
    return {
      keys: { version: keys[0]?.[0] as number, keys: keys.filter(([, body]) => body !== null).map(keyOf) },
      queuePosition: Number(places[0]?.[0]),
      limits: limits.map(limitFrom),
      figures: figures.map(figureFrom),
      webhooks: webhooks.flatMap(([, body]) => (body === null ? [] : [webhookFrom(body as string)])),
      holds: Object.fromEntries(holds.map((row) => [decodeText(row[0] as string), holdOf(row)])),
      operations: operations.map(([id, node, body, cancel]) => ({
        id: decodeText(id as string),
        node: decodeText(node as string),
        body: body as string,
        cancel: cancel as boolean,
      })),
    }
  }

  async entries(after: AuditCursor | null, limit: number): Promise<readonly AuditEntry[]> {
    const rows = await this.#session.query(this.#sql.entriesAfter, [
      after?.at ?? -1,
      after?.number ?? -1,
      limit,
    ])
    return rows.map((row) => entryOfRow(row, decodeText))
  }

  async lastEntry(): Promise<AuditCursor | null> {
    const [row] = await this.#session.query(this.#sql.lastEntry)
    return row === undefined ? null : { at: row[0] as number, number: row[1] as number }
  }

  async countEntries(): Promise<number> {
    const [row] = await this.#session.query(`select count(*) from ${this.#s}.audit`)
    return Number(row?.[0])
  }

  async writeEntries(entries: readonly AuditEntry[]): Promise<void> {
    const rows = entries.map((entry) => auditValues(entry, encodeText))
    await this.#within(async () => {
      await this.#session.query(this.#sql.putEntries, [
        entries.map(({ at }) => at),
        entries.map(({ id }) => Number(id)),
        ...auditColumns.map((_, index) => rows.map((row) => row[index]!)),
      ])
    })
  }

  async schedules(after: string, limit: number): Promise<readonly Schedule[]> {
    return (await this.#session.query(this.#sql.schedulesAfter, [encodeText(after), limit])).map(scheduleFrom)
  }

  async ticks(
    { scheduleId, tickAt }: Pick<TickImage, 'scheduleId' | 'tickAt'>,
    limit: number,
  ): Promise<readonly TickImage[]> {
    const rows = await this.#session.query(
      `select schedule_id, tick_at, task_id, status, skipped, waits, stored_at from ${this.#s}.ticks
        where (schedule_id, tick_at) > ($1, $2::bigint) order by schedule_id, tick_at limit $3::int`,
      [encodeText(scheduleId), tickAt, limit],
    )
    return rows.map(([id, at, task, status, skipped, waits, storedAt]) => ({
      scheduleId: decodeText(id as string),
      tickAt: at as number,
      taskId: decodedOrNull(task as string | null),
      status: status as Status | null,
      skipped: skipped as SkipReason | null,
      waits: waits as Overlap | null,
      storedAt: storedAt as number,
    }))
  }

  async writeSchedules(schedules: readonly Schedule[], ticks: readonly TickImage[]): Promise<void> {
    await this.#within(async () => {
      for (const schedule of schedules) {
        await this.#session.query(this.#sql.removeSchedule, [encodeText(schedule.id)])
        await this.#session.query(this.#sql.addSchedule, [...addedValues(schedule)])
      }
      if (ticks.length === 0) return
      await this.#session.query(
        `insert into ${this.#s}.ticks (schedule_id, tick_at, task_id, status, skipped, waits, stored_at)
          select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[])
          on conflict do nothing`,
        [
          ticks.map(({ scheduleId }) => encodeText(scheduleId)),
          ticks.map(({ tickAt }) => tickAt),
          ticks.map(({ taskId }) => (taskId === null ? null : encodeText(taskId))),
          ticks.map(({ status }) => status),
          ticks.map(({ skipped }) => skipped),
          ticks.map(({ waits }) => waits),
          ticks.map(({ storedAt }) => storedAt),
        ],
      )
    })
  }

  async deliveries(after: number, limit: number): Promise<readonly DeliveryImage[]> {
    return (await this.#session.query(this.#sql.deliveriesAfter, [after, limit])).map(deliveryFrom)
  }

  async events(after: number): Promise<EventImages | null> {
    const [row] = await this.#session.query(this.#sql.eventsAfter, [after])
    return row === undefined ? null : eventImages(row[0] as number, decodeText(row[1] as string))
  }

  async writeDeliveries(deliveries: readonly DeliveryImage[]): Promise<void> {
    await this.#within(async () => {
      await this.#session.query(
        `insert into ${this.#s}.deliveries (${deliveryNames.join(', ')})
          select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[],
            $9::bigint[], $10::text[], $11::int[], $12::bigint[], $13::int[], $14::text[])
          on conflict do nothing`,
        [
          deliveries.map(({ number }) => number),
          deliveries.map(({ webhookId }) => encodeText(webhookId)),
          deliveries.map(({ lane }) => encodeText(lane)),
          deliveries.map(({ url }) => (url === null ? null : encodeText(url))),
          deliveries.map(({ event }) => event),
          deliveries.map(({ taskId }) => (taskId === null ? null : encodeText(taskId))),
          deliveries.map(({ version }) => version),
          deliveries.map(({ data }) => encodeText(data)),
          deliveries.map(({ createdAt }) => createdAt),
          deliveries.map(({ status }) => status),
          deliveries.map(({ attempts }) => attempts),
          deliveries.map(({ nextAt }) => nextAt),
          deliveries.map(({ claim }) => claim),
          deliveries.map(({ history }) => encodeText(JSON.stringify(history))),
        ],
      )
    })
  }

  async counters(): Promise<TaskCounts> {
    return countsOf(await this.#session.query(this.#sql.counts))
  }

  async tasks(): Promise<TaskCounts> {
    return countsOf(
      await this.#session.query(`select type, status, count(*) from ${this.#s}.tasks group by type, status`),
    )
  }

  async encrypted(): Promise<ReadonlyMap<string, number>> {
    const tables = ['parameters', 'checkpoints', 'results', 'steps', 'waits']
    const answers = `select left(answer, 40) from ${this.#s}.waits where answer is not null`
    const heads = tables.map(
      (table) => `select left(body, 40) as head from ${this.#s}.${table} where body is not null`,
    )
    const schedules = `select left(definition::json ->> 'parameters', 40) from ${this.#s}.schedules`
    const webhooks = `select left(substring(body from '"url":"([^"]*)'), 40) from ${this.#s}.webhooks`
    const callbacks = `select left(url, 40) from ${this.#s}.deliveries where url is not null`
    const told = `select left(found[1], 40) from ${this.#s}.outbox, regexp_matches(body, '"url":"([^"]*)', 'g') as found`
    const lines = `select left(line, 40) from ${this.#s}.log`
    const all = [...heads, answers, lines, schedules, webhooks, callbacks, told].join(' union all ')
    const key = `case when head like 'enc:1:%:%' then split_part(head, ':', 3) else '' end`
    const rows = await this.#session.query(`select ${key}, count(*) from (${all}) as texts group by 1`)
    return new Map(rows.map(([name, texts]) => [name as string, Number(texts)]))
  }

  async begin(source: string): Promise<number> {
    const begun = await unfinishedCopy(this.#session, this.#schema)
    if (begun === undefined) {
      const any = await this.#session.query(
        `select 1 from ${this.#s}.tasks union all select 1 from ${this.#s}.audit union all select 1 from ${this.#s}.schedules
          union all select 1 from ${this.#s}.webhooks limit 1`,
      )
      if (any.length > 0)
        throw refused(
          `The schema ${this.#schema} of the target contains tasks, schedules or audit entries: copy into an empty one.`,
        )
      await this.#within(async () => {
        await this.#session.query(`create table ${this.#s}.transfer (source text not null)`)
        await this.#session.query(`insert into ${this.#s}.transfer values ($1)`, [source])
      })
    } else if (begun !== source) {
      throw refused(
        `The target is that of an unfinished copy from ${begun}. Finish that one, or choose another target.`,
      )
    }
    const [row] = await this.#session.query(`select coalesce(max(row_id), 0) from ${this.#s}.tasks`)
    return Number(row?.[0])
  }

  async write(images: readonly TaskImage[]): Promise<void> {
    await this.#within(() => this.#insert(images))
  }

  async add(images: readonly TaskImage[]): Promise<number> {
    await mustBeWhole(this.#session, this.#schema)
    const keys = images.flatMap(({ task: { idempotencyKey: key } }) =>
      key === null ? [] : [encodeText(key)],
    )
    const unique = images.filter(({ task }) => keepsKey(task)).map(({ task }) => task)
    const [ids, ofKeys, holders, places] = await Promise.all([
      this.#session.query(this.#sql.existing, [images.map(({ task }) => encodeText(task.id))]),
      this.#session.query(this.#sql.tasksByKey, [keys]),
      this.#session.query(this.#sql.keyHolders, [
        unique.map(({ type }) => encodeText(type)),
        unique.map(({ unique: own }) => encodeText(own!.key)),
      ]),
      this.#session.query(
        `select nextval('${this.#s.replaceAll("'", "''")}.places') from generate_series(1, $1::int)`,
        [images.length],
      ),
    ])
    const takenIds = new Set(ids.map(([id]) => decodeText(id as string)))
    const takenKeys = new Set(ofKeys.map((row) => taskOf(row).idempotencyKey))
    const taken = keyRowsOf(holders, Date.now()).filter(({ isOver }) => !isOver)
    const takenNames = new Set(taken.map(({ name }) => name))
    const added = images.flatMap((image, index) => {
      const { task } = image
      if (takenIds.has(task.id) || (task.idempotencyKey !== null && takenKeys.has(task.idempotencyKey)))
        return []
      if (keepsKey(task)) {
        const name = uniqueName(task.type, task.unique!.key)
        if (takenNames.has(name)) return []
        takenNames.add(name)
      }
      takenIds.add(task.id)
      takenKeys.add(task.idempotencyKey)
      const rowId = Number(places[index]?.[0])
      const queuePosition = task.status === 'queued' ? rowId : task.queuePosition
      return [
        {
          ...image,
          rowId,
          task: { ...task, queuePosition, missing: missingOf(image) },
        },
      ]
    })
    if (added.length > 0) {
      await this.#within(async () => {
        const images = await this.#withoutLostParents(added)
        await this.#insert(images)
        await this.#awaitPredecessors(images)
      })
    }
    return added.length
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
    const places = `${this.#s.replaceAll("'", "''")}.places`
    await this.#within(async () => {
      await this.#session.query(
        `select setval('${places}', greatest(1, $1::bigint, (select max(row_id) from ${this.#s}.tasks)))`,
        [queuePosition],
      )
      await this.#session.query(this.#sql.putLimits, limitColumns(limits))
      await this.#session.query(this.#sql.putFigures, figureColumns(figures))
      for (const webhook of webhooks) {
        await this.#session.query(this.#sql.putWebhook, [
          encodeText(webhook.id),
          encodeText(JSON.stringify(webhook)),
        ])
        await this.#session.query(this.#sql.raiseWebhooksVersion)
      }
      await this.#session.query(
        `select setval(pg_get_serial_sequence($1, 'number'), greatest(1, (select max(number) from ${this.#s}.deliveries)))`,
        [`${this.#s}.deliveries`],
      )
      for (const [type, { since, by, reason }] of Object.entries(holds))
        await this.#session.query(this.#sql.hold, [
          encodeText(type),
          since,
          encodeText(by),
          reason === null ? null : encodeText(reason),
        ])
      for (const { id, node, body, cancel } of operations)
        await this.#session.query(
          `insert into ${this.#s}.operations (id, node, body, cancel) values ($1, $2, $3, $4)`,
          [encodeText(id), encodeText(node), body, cancel],
        )
      for (const key of keys) {
        await this.#session.query(this.#sql.addKey, [encodeText(key.id), encodeText(key.name), bodyOf(key)])
        await this.#session.query(`update ${this.#s}.keys set last_used_at = $2::bigint where id = $1`, [
          encodeText(key.id),
          key.lastUsedAt,
        ])
      }
      await this.#session.query(
        `insert into ${this.#s}.keys_version as v (one, version) values (1, $1::bigint)
          on conflict (one) do update set version = excluded.version`,
        [version],
      )
      await this.#session.query(`drop table ${this.#s}.transfer`)
    })
    await this.#session.query(`analyze ${this.#s}.tasks`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()))
  }

  async #insert(images: readonly TaskImage[]): Promise<void> {
    const s = this.#s
    const tasks = images.map(({ task }) => task)
    const numbers = images.map(({ rowId }) => rowId)
    const { parts, values } = packed([
      { name: 'row_id', type: 'bigint', values: numbers },
      { name: 'timeline', type: 'text', values: images.map(({ timeline }) => timeline) },
      ...columnsOf(tasks, fixedColumns),
      ...columnsOf(tasks, movingColumns),
    ])
    const writes: Promise<Rows>[] = []
    const write = (text: string, parameters: readonly Parameter[]) =>
      void writes.push(this.#session.query(text, parameters))
    write(this.#sql.insertTasks(parts), values)
    write(this.#sql.insertParameters, [numbers, images.map(({ parameters }) => encodeText(parameters))])
    for (const [kind, put] of [
      ['checkpoint', this.#sql.putCheckpoints],
      ['result', this.#sql.putResults],
    ] as const) {
      const given = images.filter((image) => image[kind] !== null)
      if (given.length > 0)
        write(put, [given.map(({ rowId }) => rowId), given.map((image) => encodeText(image[kind]!))])
    }
    const newest = new Map(
      tasks.filter(keepsKey).map((task) => [uniqueName(task.type, task.unique!.key), task] as const),
    )
    const kept = [...newest.values()]
    if (kept.length > 0)
      write(
        `insert into ${s}.unique_keys as k (type, key, task_id, taken_at, lasts)
          select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
          on conflict (type, key) do update set task_id = excluded.task_id, taken_at = excluded.taken_at, lasts = excluded.lasts`,
        [
          kept.map(({ type }) => encodeText(type)),
          kept.map(({ unique }) => encodeText(unique!.key)),
          kept.map(({ id }) => encodeText(id)),
          kept.map(({ createdAt }) => createdAt),
          kept.map(({ unique }) => unique!.for),
        ],
      )
    const lanes = lanesEntered(tasks)
    if (lanes.length > 0) write(this.#sql.noteLanes, [lanes])
    const queue = queueEntered(tasks)
    if (queue.length > 0) write(this.#sql.enterQueues, queueColumns(queue))
    const tags = tagsOf(images)
    if (tags.length > 0)
      write(this.#sql.insertTags, [...tagColumns(tags), tags.map(({ task }) => encodeText(task.id))])
    const lines = images.flatMap(({ rowId, log }) => log.map((line) => ({ ...line, rowId })))
    if (lines.length > 0)
      write(
        `insert into ${s}.log (row_id, number, at, attempt, line)
          select * from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::text[])`,
        [
          lines.map(({ rowId }) => rowId),
          lines.map(({ number }) => number),
          lines.map(({ at }) => at),
          lines.map(({ attempt }) => attempt),
          lines.map(({ text }) => encodeText(text)),
        ],
      )
    if (images.some(({ steps }) => steps.length > 0)) write(this.#sql.addSteps, addedSteps(images))
    if (images.some(({ waits }) => waits.length > 0)) write(this.#sql.putWaits, addedWaits(images))
    const awaited = images.filter((image) => image.isAwaited)
    if (awaited.length > 0) write(this.#sql.awaitTasks, [awaited.map(({ task }) => encodeText(task.id))])
    const edges = edgesOf(images)
    if (edges.length > 0)
      write(this.#sql.insertEdges, [
        edges.map(({ predecessor }) => encodeText(predecessor)),
        edges.map(({ successor }) => encodeText(successor)),
        edges.map(({ onFailure }) => onFailure),
      ])
    const counts = Map.groupBy(tasks, ({ type, status }) => `${type} ${status}`)
    const groups = [...counts.values()].map((group) => ({ ...group[0]!, count: group.length }))
    write(this.#sql.addDeltas, [
      groups.map(({ type }) => encodeText(type)),
      groups.map(({ status }) => status),
      groups.map(({ count }) => count),
    ])
    await Promise.all(writes)
  }

  async #within(work: () => Promise<void>): Promise<void> {
    await this.#session.query(`begin; set local lock_timeout = '10s'`)
    try {
      await work()
      await this.#session.query('commit')
    } catch (error) {
      await this.#session.query('rollback').catch(() => undefined)
      throw error
    }
  }

  async #edgesTo(ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, TaskImage['after']>> {
    const rows = await this.#session.query(this.#sql.edgesTo, [ids.map(encodeText)])
    const groups = Map.groupBy(rows, ([successor]) => decodeText(successor as string))
    const edgeOf = ([, predecessor, onFailure]: Rows[number]) => ({
      predecessor: decodeText(predecessor as string),
      onFailure: onFailure as EdgePolicy,
    })
    return new Map(Array.from(groups, ([successor, edges]) => [successor, edges.map(edgeOf)] as const))
  }

  async #withoutLostParents(added: readonly TaskImage[]): Promise<readonly TaskImage[]> {
    const parents = new Set(added.flatMap(({ task }) => (task.parent === null ? [] : [task.parent.id])))
    if (parents.size === 0) return added
    const existing = await this.#session.query(this.#sql.existing, [[...parents].map(encodeText)])
    const there = new Set([
      ...existing.map(([id]) => decodeText(id as string)),
      ...added.map(({ task }) => task.id),
    ])
    return added.map((image) => ({ ...image, after: importedAfter(image, (id) => there.has(id)) }))
  }

  async #awaitPredecessors(images: readonly TaskImage[]): Promise<void> {
    const edges = edgesOf(images)
    if (edges.length === 0) return
    const ids = [...new Set(edges.map(({ predecessor }) => encodeText(predecessor)))]
    const existing = await this.#session.query(this.#sql.existing, [ids])
    const there = new Set(existing.map(([id]) => decodeText(id as string)))
    const lost = edges.find(({ predecessor }) => !there.has(predecessor))
    if (lost !== undefined) throw noPredecessor({ id: lost.successor }, lost.predecessor)
    await this.#session.query(this.#sql.awaitTasks, [ids])
  }

  async #stepsOf(rowIds: readonly number[]) {
    const rows = await this.#session.query(this.#sql.stepsOf, [rowIds])
    const groups = Map.groupBy(rows, ([rowId]) => rowId as number)
    return new Map(
      Array.from(
        groups,
        ([rowId, group]) => [rowId, group.map((row) => stepOf(row.slice(1), decodeText))] as const,
      ),
    )
  }

  async #waitsOf(rowIds: readonly number[]) {
    const rows = await this.#session.query(this.#sql.waitsOfRows, [rowIds])
    const groups = Map.groupBy(rows, ([rowId]) => rowId as number)
    return new Map(
      Array.from(
        groups,
        ([rowId, group]) => [rowId, group.map((row) => waitOf(row.slice(1), decodeText))] as const,
      ),
    )
  }

  async #logsOf(rowIds: readonly number[]) {
    const rows = await this.#session.query(
      `select row_id, number, at, attempt, line from ${this.#s}.log where row_id = any($1::bigint[]) order by row_id, number`,
      [rowIds],
    )
    const lines = rows.map(([rowId, number, at, attempt, text]) => ({
      rowId: rowId as number,
      line: {
        number: number as number,
        at: at as number,
        attempt: attempt as number,
        text: decodeText(text as string),
      },
    }))
    const groups = Map.groupBy(lines, ({ rowId }) => rowId)
    return new Map(Array.from(groups, ([rowId, group]) => [rowId, group.map(({ line }) => line)] as const))
  }
}

function edgesOf(images: readonly TaskImage[]): Edge[] {
  return images.flatMap(({ task, after }) =>
    after.map(({ predecessor, onFailure }) => ({ predecessor, successor: task.id, onFailure })),
  )
}

function countsOf(rows: Rows): TaskCounts {
  return new Map(
    rows.map(([type, status, tasks]) => [`${decodeText(type as string)} ${status as string}`, Number(tasks)]),
  )
}

function decodedOrNull(text: string | null | undefined): string | null {
  return text == null ? null : decodeText(text)
}

function refused(message: string): StoreUnavailable {
  return new StoreUnavailable(message, { unknown: false })
}
