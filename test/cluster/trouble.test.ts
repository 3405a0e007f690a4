import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTaskManager, StoreUnavailable, type TaskManager } from '../../src/index.ts'
import { isDirect } from '../../src/store/postgres/prepared.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { quick } from '../fixtures/quick.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { patiently, until } from '../support/until.ts'

/** What administrators, poolers and other sessions do to the connections of nodes. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

async function pair(url: string, schema = newSchema()) {
  const open = (maxConcurrent: number) =>
    openTaskManager({
      database: `${url}?schema=${schema}&lease=20`,
      tasks: [patient, quick],
      maxConcurrent,
      drain: 2,
      logger: quiet,
    })
  const [api, worker] = await Promise.all([open(0), open(8)])
  return {
    api,
    worker,
    schema,
    [Symbol.asyncDispose]: async () => void (await Promise.all([api.close(), worker.close()])),
  }
}

async function isDirectAt(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await isDirect(client)
  } finally {
    await client.end()
  }
}

/** Submits, runs and controls tasks across nodes. */
async function worksAcross(api: TaskManager): Promise<void> {
  const handles = await api.submitAll(
    quick,
    Array.from({ length: 200 }, (_, a) => ({ a })),
  )
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(handles.map((_, a) => a * 2))
  const long = await api.submit(patient, {})
  await until('it runs', async () => (await long.task()).status === 'running')
  expect(await long.pause(patiently)).toMatchObject({ status: 'paused' })
  await long.resume(patiently)
  await until('it runs', async () => (await long.task()).status === 'running')
  expect(await long.cancel(patiently)).toMatchObject({ status: 'cancelled' })
}

describe('nodes', () => {
  test('listen again when their notification connections are closed, and miss nothing in between', async () => {
    await using nodes = await pair(server.url)
    const bothListen = () =>
      until('both listen', async () => {
        const listening = await ask(`select 1 from pg_stat_activity where application_name like '%signals%'`)
        return listening.length === 2
      })
    for (let turn = 0; turn < 3; turn++) {
      await bothListen()
      await ask(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%signals%'`,
      )
      await worksAcross(nodes.api)
    }
    await bothListen()
  })

  test('work behind a pooler in transaction mode', async () => {
    await using pooler = await startPgBouncer(server.url)
    if (pooler === undefined) return
    expect(await Promise.all([server.url, pooler.url].map(isDirectAt))).toEqual([true, false])
    await using nodes = await pair(pooler.url)
    await worksAcross(nodes.api)
    // The lease is renewed through the pooler too.
    const [before] = await ask(`select max(renewed_at) as at from ${nodes.schema}.nodes`)
    await until('it is renewed', async () => {
      const [now] = await ask(`select max(renewed_at) as at from ${nodes.schema}.nodes`)
      return Number(now?.['at']) > Number(before?.['at'])
    })
  })

  test('report an unavailable database while its tables are locked, keep their lease, and continue', async () => {
    await using nodes = await pair(server.url)
    const { api, worker, schema } = nodes
    const node = worker.state.id
    const locker = new Client({ connectionString: server.url })
    await locker.connect()
    await locker.query(`begin; lock table ${schema}.tasks in access exclusive mode`)
    const began = performance.now()
    const refused = await api.submit(quick, { a: 1 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StoreUnavailable)
    expect(refused).toMatchObject({ unknown: false })
    expect(performance.now() - began).toBeGreaterThan(1_500)
    await locker.query('rollback')
    await locker.end()
    expect(await (await api.submit(quick, { a: 2 })).result()).toBe(4)
    expect(worker.state.id).toBe(node)
  })

  test('report an unavailable database while a statement takes too long, keep running tasks, and continue', async () => {
    await using nodes = await pair(server.url)
    const { api, worker, schema } = nodes
    const node = worker.state.id
    const running = await api.submit(patient, {})
    await until('it runs', async () => (await running.task()).status === 'running')
    await ask(`create function ${schema}.dawdle() returns trigger language plpgsql as
      $$ begin perform pg_sleep(60); return new; end $$`)
    await ask(`create trigger dawdle before insert on ${schema}.tasks execute function ${schema}.dawdle()`)
    const began = performance.now()
    const refused = await api.submit(quick, { a: 1 }).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(StoreUnavailable)
    expect(refused).toMatchObject({ unknown: false, cause: { code: '57014' } })
    expect(performance.now() - began).toBeGreaterThan(9_000)
    await ask(`drop trigger dawdle on ${schema}.tasks`)
    expect(await (await api.submit(quick, { a: 2 })).result()).toBe(4)
    expect(await api.counts()).toMatchObject({ byType: { quick: { completed: 1 }, patient: { running: 1 } } })
    expect(worker.state.id).toBe(node)
    expect(await running.cancel(patiently)).toMatchObject({ status: 'cancelled', fence: 1 })
  })
})

async function ask(text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: server.url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}
