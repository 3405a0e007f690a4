import { existsSync, readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import { bucketOf, laneOf } from '../../src/core/limits.ts'
import { laneIdOf } from '../../src/store/columns.ts'
import { pickTasks, Round } from '../../src/store/lanes.ts'
import { arrayText } from '../../src/store/postgres/array.ts'
import { claim } from '../../src/store/postgres/claiming.ts'
import { Connection, type Parameter, type Session } from '../../src/store/postgres/connection.ts'
import { DatabaseTime } from '../../src/store/postgres/database-time.ts'
import { Hints } from '../../src/store/postgres/hints.ts'
import { statementsFor } from '../../src/store/postgres/statements.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { Outbox } from '../../src/store/postgres/outbox.ts'
import { Transaction } from '../../src/store/postgres/transaction.ts'
import { readNow } from '../../src/store/reading.ts'
import { Counters } from '../../src/store/sqlite/counters.ts'
import { SqliteLanes } from '../../src/store/sqlite/lanes.ts'
import { prepareAll } from '../../src/store/sqlite/statements.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import { CommitMetrics, type Store } from '../../src/store/store.ts'
import { fromApi, node, submission } from '../support/tasks.ts'
import { newSchema, temporaryFolder } from './stores.ts'

/** Keys of the smaller queue. `LIMIT_KEYS=10000` measures the real scale: 100,000 keys and a million tasks in the larger one. */
const keys = Number(process.env['LIMIT_KEYS'] ?? 2_000)
const tasksPerKey = process.env['LIMIT_KEYS'] === undefined ? 5 : 10
/** Tasks of one tenant. `TENANT_TASKS=1000000` measures the real scale. */
const backlog = Number(process.env['TENANT_TASKS'] ?? 20_000)
const timeout = 600_000
/** Keys of which a task may start. They are the last ones. */
const open = 10
/** Maximum 8 KiB pages of tables and indexes that a claim of one task may read, and more for each further task. */
const pages = 50
const pagesPerTask = 9
/** The same for SQLite, whose pages have 4 KiB; here, each of its touches counts. */
const sqlitePages = 60
const sqlitePagesPerTask = 25
const type = 'work'
const types = [{ type, concurrency: null }]
const limit = { name: 'api', concurrency: 1, rate: null, scope: 'global', origin: 'api' } as const

type Cost = Readonly<{ read: number; written: number }>

test(
  `a claim reads a few pages of PostgreSQL, however many keys are blocked`,
  { timeout: 600_000 },
  async () => {
    const costs = await Promise.all([keys, keys * 10].map(costsOnPostgres))
    console.log('pages of a claim of 1 and of 5 tasks on PostgreSQL:', JSON.stringify(costs))
    const [small, large] = costs
    for (const [one, five] of costs) {
      expect(one!.read).toBeLessThan(pages)
      expect(five!.read).toBeLessThan(pages + 4 * pagesPerTask)
    }
    // An index may be a level or two higher.
    for (const [index, { read, written }] of small!.entries()) {
      expect(large![index]!.read).toBeLessThan(read * 1.5)
      expect(large![index]!.written).toBeLessThan(written * 1.5)
    }
  },
)

test(
  'a claim does not read notes again that were read before, although they are still stored',
  { timeout },
  async () => {
    const schema = newSchema()
    await using store = await openPostgres(inject('postgres'), { schema, lease: 3_600_000 })
    await store.startNode(node('here'))
    await store.submit([ofTenant('first', 'large')], fromApi)
    const [holder, client] = await Promise.all([connected(), connected()])
    const notes = `${schema}.lane_notes`
    try {
      await client.query(`alter table ${notes} set (autovacuum_enabled = false)`)
      // What this snapshot can see is neither vacuumed nor skipped.
      await holder.query(`begin isolation level repeatable read; select count(*) from ${notes}`)
      await using connection = await claimsOn(schema)
      const costs: number[] = []
      for (let round = 0; round < 4; round++) {
        const rows = `select 'passed ' || n from generate_series(1, 20000) as n`
        await client.query(`insert into ${notes} (lane) ${rows}; delete from ${notes}`)
        await client.query(`insert into ${notes} (lane) values ('last')`)
        const { tx, cost } = await connection.claim(1)
        await tx.commit()
        costs.push(cost.read)
        await client.query(`insert into ${notes} (lane) values ('next')`)
        const next = await connection.claim(1)
        await next.tx.commit()
        costs.push(next.cost.read)
      }
      console.log('pages of claims behind notes that were read, at once and later:', JSON.stringify(costs))
      for (const [index, cost] of costs.entries()) if (index % 2 === 1) expect(cost).toBeLessThan(100)
    } finally {
      await Promise.all([holder.end(), client.end()])
    }
  },
)

test.skipIf(!existsSync('/proc/thread-self/io'))(
  'a claim reads a few pages of SQLite, however many keys are blocked',
  { timeout: 600_000 },
  async () => {
    const costs = []
    for (const count of [keys, keys * 10]) costs.push(await costsOnSqlite(count))
    console.log('pages read to choose 1 and 5 tasks on SQLite:', JSON.stringify(costs))
    const [small, large] = costs
    for (const [one, five] of costs) {
      expect(one).toBeLessThan(sqlitePages)
      expect(five).toBeLessThan(sqlitePages + 4 * sqlitePagesPerTask)
    }
    for (const [index, read] of small!.entries()) expect(large![index]).toBeLessThan(read * 1.5)
  },
)

describe('the single task of a tenant', () => {
  test('starts within one turn of another one with a large backlog on PostgreSQL', { timeout }, async () => {
    const schema = newSchema()
    const url = inject('postgres')
    await using store = await openPostgres(url, { schema, lease: 3_600_000 })
    await store.submit([ofTenant('first', 'large')], fromApi)
    const client = new Client({ connectionString: url })
    await client.connect()
    try {
      await client.query(`
        insert into ${schema}.tasks (row_id, queue_position, id, type, status, priority, created_at, status_since, max_attempts,
            backoff, tags, timeline, admission, lane)
          select 1000 + n, 1000 + n, 'task ' || n, type, status, priority, created_at, status_since, max_attempts,
            backoff, tags, timeline, admission, lane
          from ${schema}.tasks, generate_series(1, ${backlog - 1}) as n;
        insert into ${schema}.parameters (row_id, body) select row_id, '{}' from ${schema}.tasks on conflict do nothing`)
      await client.query(`vacuum analyze ${schema}.tasks`)
      await store.startNode(node('here'))
      await startsInTurn(store)
    } finally {
      await client.end()
    }
  })

  test('starts within one turn of another one with a large backlog on SQLite', { timeout }, async () => {
    await using folder = await temporaryFolder()
    const path = `${folder.path}/tasks.db`
    {
      await using store = await openSqlite(path, { clock: systemClock })
      await store.submit([ofTenant('first', 'large')], fromApi)
    }
    const db = new DatabaseSync(path)
    const own = new Map([
      ['row_id', '1000 + n.value'],
      ['queue_position', '1000 + n.value'],
      ['id', `'task ' || n.value`],
    ])
    db.exec('begin')
    copyTasks(
      db,
      own,
      'tasks t, n',
      `with recursive n(value) as (select 1 union all select value + 1 from n where value < ${backlog - 1})`,
    )
    db.exec('analyze; commit')
    db.close()
    await using store = await openSqlite(path, { clock: systemClock })
    await store.startNode(node('here'))
    await startsInTurn(store)
  })
})

function ofTenant(id: string, fairnessKey: string) {
  return submission({ id, type, admission: { limits: [], fairnessKey, weight: 1, aging: null } })
}

/** Of any two tasks that start, one is that of the other tenant, once it is there. */
async function startsInTurn(store: Store): Promise<void> {
  const claim = async (most: number) =>
    (await store.claim({ node: 'here', limit: most, types })).map(({ task }) => task.id)
  expect(await claim(100)).toHaveLength(100)
  await store.submit([ofTenant('single', 'small')], fromApi)
  expect(await claim(2)).toContain('single')
}

async function connected(): Promise<Client> {
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  return client
}

type LaneOfKey = Readonly<{ id: string; bucket: string; body: string }>

/** Of so many keys, with a task from which all others are copied. */
async function lanesOn(store: Store, count: number): Promise<LaneOfKey[]> {
  await store.limits.put(limit)
  const admission = (key: string) => ({
    limits: [{ name: limit.name, key }],
    fairnessKey: null,
    weight: 1,
    aging: null,
  })
  await store.submit([submission({ id: 'first', type, admission: admission('none') })], fromApi)
  const { task: first } = (await store.read('first'))!
  return Array.from({ length: count }, (_, index) => {
    const task = { ...first, admission: admission(`key ${index}`) }
    const bucket = bucketOf(task.admission.limits[0]!)
    return { id: laneIdOf(task)!, bucket, body: JSON.stringify(laneOf(task)) }
  })
}

async function costsOnPostgres(count: number): Promise<Cost[]> {
  const schema = newSchema()
  await using store = await openPostgres(inject('postgres'), { schema, lease: 3_600_000 })
  await store.startNode(node('here'))
  await fillPostgres(schema, await lanesOn(store, count))
  return [await costOf(schema, 1), await costOf(schema, 5)]
}

async function fillPostgres(schema: string, lanes: readonly LaneOfKey[]): Promise<void> {
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  try {
    await client.query(`delete from ${schema}.lane_notes`)
    await client.query(
      `insert into ${schema}.lanes (id, type, suspect, keyed, priority, turn, position, waits_for, lane)
        select l.id, '${type}', false, false, 0, 0, 100 + l.number, case when l.number <= $4 then l.bucket end, l.body
        from unnest($1::text[], $2::text[], $3::text[]) with ordinality as l(id, bucket, body, number)`,
      [
        lanes.map(({ id }) => id),
        lanes.map(({ bucket }) => bucket),
        lanes.map(({ body }) => body),
        lanes.length - open,
      ],
    )
    await client.query(
      `insert into ${schema}.lane_buckets (bucket, lane) select * from unnest($1::text[], $2::text[])`,
      [lanes.map(({ bucket }) => bucket), lanes.map(({ id }) => id)],
    )
    await client.query(`
      insert into ${schema}.limit_slots (bucket, task_id, fence, node)
        select waits_for, 'running ' || waits_for, 0, 'here' from ${schema}.lanes where waits_for is not null;
      insert into ${schema}.tasks (row_id, queue_position, id, type, status, priority, created_at, status_since, max_attempts,
          backoff, tags, timeline, admission, lane)
        select l.position + n * ${lanes.length}, l.position + n * ${lanes.length}, 'task ' || l.position + n * ${lanes.length},
          '${type}', 'queued', 0, t.created_at, t.status_since, t.max_attempts, t.backoff, t.tags, t.timeline, t.admission, l.id
        from ${schema}.tasks t, generate_series(0, ${tasksPerKey - 1}) as n, ${schema}.lanes l where t.id = 'first';
      delete from ${schema}.tasks where id = 'first';
      insert into ${schema}.parameters (row_id, body) select row_id, '{}' from ${schema}.tasks on conflict do nothing`)
    for (const table of ['lanes', 'lane_buckets', 'lane_notes', 'limit_slots', 'tasks', 'parameters'])
      await client.query(`vacuum analyze ${schema}.${table}`)
  } finally {
    await client.end()
  }
}

/** Pages that all statements of a claim touch: of the second one on its connection, since the first one reads the catalog. Rolled back. */
async function costOf(schema: string, most: number): Promise<Cost> {
  await using connection = await claimsOn(schema)
  for (const isMeasured of [false, true]) {
    const { tx, cost, claimed } = await connection.claim(most)
    expect(claimed).toHaveLength(most)
    await tx.rollback()
    if (isMeasured) return cost
  }
  throw new Error('nothing was measured')
}

/** A connection on which claims are made, and what they cost; each has a transaction of its own. */
async function claimsOn(schema: string) {
  const sql = statementsFor(schema)
  const { addDeltas, putLaneBuckets, putLanes, takeSlots, leaveQueues } = sql
  const changes = new Set<string>([addDeltas, putLaneBuckets, putLanes, takeSlots, leaveQueues])
  const source = {
    schema,
    sql,
    clock: undefined,
    time: new DatabaseTime(),
    metrics: new CommitMetrics(),
    outbox: new Outbox(),
  }
  const connection = new Connection([inject('postgres')], 'cost')
  const session = await connection.session()
  // A second without a look from the beginning.
  const hints = new Hints(() => 0)
  return {
    async claim(most: number) {
      const cost = { read: 0, written: 0 }
      const explained = explaining(session, (text, count) => {
        if (changes.has(text) || text.startsWith('with moved')) cost.written += count
        else cost.read += count
      })
      const tx = new Transaction(explained, source, { lock: 60_000, statement: 60_000 })
      const { claimed } = await claim(tx, { node: 'here', limit: most, types }, new Set(), hints)
      await tx.flush()
      return { tx, cost, claimed }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

type Plan = Readonly<{ 'Shared Hit Blocks': number; 'Shared Read Blocks': number }>

/** Explains each statement, with the plan that it has in a transaction of the store, before it is executed. */
function explaining(session: Session, note: (text: string, pages: number) => void): Session {
  let last: Promise<unknown> = Promise.resolve()
  let number = 0
  const explained = async (text: string, values: readonly Parameter[] | undefined) => {
    if (values === undefined) return await session.query(text, values)
    const name = `cost_${(number += 1)}`
    await session.query(`savepoint cost; prepare ${name} as ${text}`)
    const [row] = await session.query(
      `explain (analyze, buffers, format json) execute ${name}(${values.map(literal).join(', ')})`,
    )
    await session.query(`rollback to cost; deallocate ${name}`)
    const [{ Plan: plan }] = row![0] as unknown as [{ Plan: Plan }]
    note(text, plan['Shared Hit Blocks'] + plan['Shared Read Blocks'])
    return await session.query(text, values)
  }
  const query: Session['query'] = (text, values) => {
    const answer = last.then(() => explained(text, values))
    last = answer.catch(() => undefined)
    return answer
  }
  return { ...session, query }
}

function literal(value: Parameter): string {
  if (value === null) return 'null'
  const text = typeof value === 'object' ? arrayText(value) : String(value)
  return `'${text.replaceAll("'", "''")}'`
}

async function costsOnSqlite(count: number): Promise<number[]> {
  await using folder = await temporaryFolder()
  const path = `${folder.path}/tasks.db`
  let lanes: LaneOfKey[]
  {
    await using store = await openSqlite(path, { clock: systemClock })
    lanes = await lanesOn(store, count)
  }
  const db = new DatabaseSync(path)
  try {
    fillSqlite(db, lanes)
    // Nothing is kept from one read to the next, so each page that is touched is a read.
    db.exec('pragma locking_mode = exclusive; pragma wal_checkpoint(truncate); pragma cache_size = 0')
    const sql = prepareAll(db)
    return [1, 5].map((most) => {
      db.exec('begin immediate')
      const now = Date.now()
      const rows = new SqliteLanes(sql, new Counters(sql), { node: 'here', now })
      const before = reads()
      expect(sql.isAwake.get(now)).toEqual([1])
      const request = { node: 'here', now, limit: most, types, plain: [], round: new Round() }
      const { picks, wakesAt } = readNow(pickTasks(rows, request))
      wakesAt(rows.wakesAt())
      const read = reads() - before
      db.exec('rollback')
      expect(picks).toHaveLength(most)
      return read
    })
  } finally {
    db.close()
  }
}

function fillSqlite(db: DatabaseSync, lanes: readonly LaneOfKey[]): void {
  const all = JSON.stringify(lanes)
  db.exec('begin; delete from lane_notes')
  db.prepare(
    `insert into lanes (id, type, suspect, keyed, priority, turn, position, waits_for, lane)
      select value ->> 'id', ?, 0, 0, 0, 0, 101 + key, case when key < ? then value ->> 'bucket' end, value ->> 'body'
      from json_each(?)`,
  ).run(type, lanes.length - open, all)
  db.prepare(
    `insert into lane_buckets (bucket, lane) select value ->> 'bucket', value ->> 'id' from json_each(?)`,
  ).run(all)
  db.exec(`insert into limit_slots (bucket, task_id, fence, node)
    select waits_for, 'running ' || waits_for, 0, 'here' from lanes where waits_for is not null`)
  const place = `l.position + n.value * ${lanes.length}`
  const own = new Map([
    ['row_id', place],
    ['queue_position', place],
    ['id', `'task ' || (${place})`],
    ['lane', 'l.id'],
  ])
  copyTasks(db, own, `lanes l, json_each('${JSON.stringify([...Array(tasksPerKey).keys()])}') as n, tasks t`)
  db.exec("delete from tasks where id = 'first'; analyze; commit")
}

/** Copies of the first task, with these columns of their own. */
function copyTasks(db: DatabaseSync, own: ReadonlyMap<string, string>, from: string, before = ''): void {
  const columns = db.prepare(`select name from pragma_table_info('tasks')`).all() as { name: string }[]
  const names = columns.map(({ name }) => name)
  db.exec(`${before} insert into tasks (${names.join(', ')})
    select ${names.map((name) => own.get(name) ?? `t.${name}`).join(', ')} from ${from} where t.id = 'first'`)
}

/** Reads of files by this thread. */
function reads(): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/thread-self/io', 'utf8'))?.[1])
}
