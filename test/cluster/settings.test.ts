import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { quick } from '../fixtures/quick.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { aMinute, patiently, until } from '../support/until.ts'

/** Settings from `alter role`, and locked tables. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let server: PostgresServer

const hostile = {
  array_nulls: 'off',
  transform_null_equals: 'on',
  standard_conforming_strings: 'off',
  escape_string_warning: 'on',
  extra_float_digits: '-15',
  bytea_output: 'escape',
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  search_path: 'evil, pg_catalog',
  client_encoding: 'LATIN1',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  synchronous_commit: 'off',
  enable_indexscan: 'off',
  enable_nestloop: 'off',
  statement_timeout: '1500',
  lock_timeout: '1000',
  idle_in_transaction_session_timeout: '1',
  idle_session_timeout: '700',
  quote_all_identifiers: 'on',
}

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

async function connected(url = server.url): Promise<Client> {
  const client = new Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Creates a role whose sessions have these settings; returns a URL that uses it. */
async function roleWith(settings: Readonly<Record<string, string>>): Promise<string> {
  const admin = await connected()
  const name = newSchema()
  await admin.query(`create role ${name} login superuser password 'x'`)
  await admin.query('create schema if not exists evil')
  await admin.query(`create or replace function evil.now() returns text language sql as 'select ''evil'''`)
  for (const [setting, value] of Object.entries(settings)) {
    const list = setting === 'search_path' ? value : `'${value}'`
    await admin.query(`alter role ${name} set ${setting} = ${list}`)
  }
  await admin.end()
  const url = new URL(server.url)
  url.username = name
  url.password = 'x'
  return url.href
}

async function open(url: string, schema = newSchema(), maxConcurrent = 4): Promise<TaskManager> {
  const manager = await openTaskManager({
    database: `${url}?schema=${schema}&lease=60`,
    tasks: [patient, quick],
    maxConcurrent,
    drain: 1,
    logger: quiet,
  })
  onTestFinished(() => manager.close())
  return manager
}

/** Submits in every way, runs, pauses, lists, searches, and restores a number exactly. */
async function works(manager: TaskManager): Promise<void> {
  const handles = await manager.submitAll(
    quick,
    Array.from({ length: 50 }, (_, a) => ({ a })),
    { tags: ['t'] },
  )
  expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(handles.map((_, a) => a * 2))
  const timeout = 1_234_567.891
  const long = await manager.submit(patient, {}, { idempotencyKey: 'NULL', timeout, tags: ['\\', 'ü "\'{}'] })
  expect((await long.task()).timeout).toBe(timeout * 1_000)
  const signal = AbortSignal.timeout(aMinute)
  for await (const event of long.events({ signal })) if (event.kind === 'progress') break
  expect(await long.pause(patiently)).toMatchObject({ status: 'paused' })
  expect((await manager.list({ tag: '\\' })).tasks).toHaveLength(1)
  expect((await manager.explain(long.id)).reasons).toMatchObject([{ code: 'paused' }])
  expect(await long.cancel(patiently)).toMatchObject({ status: 'cancelled' })
  expect((await manager.counts()).byType['quick']).toEqual({ completed: 50 })
  expect((await manager.nodes()).length).toBe(1)
}

describe('a role with its own settings', () => {
  test('breaks nothing, and its commits are durable', async () => {
    const schema = newSchema()
    const manager = await open(await roleWith(hostile), schema)
    const admin = await connected()
    await admin.query(`create table ${schema}.seen (value text);
      create function ${schema}.see() returns trigger language plpgsql as
        $$ begin insert into ${schema}.seen select current_setting('synchronous_commit'); return new; end $$;
      create trigger see before insert on ${schema}.tasks execute function ${schema}.see()`)
    await works(manager)
    expect((await admin.query(`select distinct value from ${schema}.seen`)).rows).toEqual([{ value: 'on' }])
    await admin.end()
  })

  test('breaks nothing behind a pooler', async () => {
    const admin = await connected()
    const reset: string[] = []
    for (const [name, value] of Object.entries(hostile)) {
      if (name === 'client_encoding' || name === 'default_transaction_read_only') continue
      await admin.query(`alter role postgres set ${name} = ${name === 'search_path' ? value : `'${value}'`}`)
      reset.push(`alter role postgres reset ${name}`)
    }
    await using pooler = await startPgBouncer(server.url)
    try {
      if (pooler !== undefined) await works(await open(pooler.url))
    } finally {
      for (const text of reset) await admin.query(text)
      await admin.end()
    }
  })

  test('neither breaks a submit in a transaction of the caller, nor is changed by it', async () => {
    const url = await roleWith({ array_nulls: 'off' })
    const manager = await open(url, newSchema(), 0)
    const client = await connected(url)
    await client.query('begin')
    const handle = await manager.submit(quick, { a: 1 }, { tx: client })
    expect((await client.query('show array_nulls')).rows).toEqual([{ array_nulls: 'off' }])
    await client.query('commit')
    await client.end()
    expect(await handle.task()).toMatchObject({ status: 'queued', runAt: null, idempotencyKey: null })
  })
})

describe('a locked table', () => {
  const refusedWithin = async (reads: readonly (() => Promise<unknown>)[]) => {
    const began = performance.now()
    const answers = await Promise.allSettled(reads.map((read) => read()))
    return { answers: answers.map(({ status }) => status), took: performance.now() - began }
  }

  test('delays its readers for some seconds, however many they are, and no others', async () => {
    const schema = newSchema()
    const manager = await open(server.url, schema, 0)
    const handle = await manager.submit(quick, { a: 1 })
    const locker = await connected()
    await locker.query(`begin; lock table ${schema}.tasks in access exclusive mode`)
    const many = Array.from({ length: 20 }, (_, index) => async () => {
      // Staggered, so that they do not share a statement.
      await new Promise((resolve) => {
        setTimeout(resolve, index * 20)
      })
      return handle.task()
    })
    const list = () => manager.list({})
    // On a busy machine they may be refused before another reader had its turn: then once more.
    await until('another reader is answered while several wait', async () => {
      const waiting = refusedWithin([
        ...many,
        list,
        () => manager.details(handle.id),
        () => manager.explain(handle.id),
      ])
      let isOver = false
      void waiting.then(() => (isOver = true))
      await until('several wait at once', async () => {
        const waits = `select from pg_locks where not granted and relation = '${schema}.tasks'::regclass`
        return isOver || (await locker.query(waits)).rows.length > 1
      })
      expect((await manager.counts()).byType).toEqual({ quick: { queued: 1 } })
      const wereBeside = !isOver
      const { answers, took } = await waiting
      expect(new Set(answers)).toEqual(new Set(['rejected']))
      // They were refused concurrently: one after another, it would take two seconds each.
      return wereBeside && took < 2_000 * answers.length
    })
    await expect(handle.task()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', unknown: false })
    await locker.query('rollback')
    await locker.end()
    expect(await handle.task()).toMatchObject({ status: 'queued' })
  })

  test('refuses a start within seconds, with the reason', async () => {
    const schema = newSchema()
    const first = await open(server.url, schema, 0)
    await first.close()
    const locker = await connected()
    await locker.query(`begin; lock table ${schema}.migrations in access exclusive mode`)
    await expect(open(server.url, schema, 0)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await locker.query('rollback')
    await locker.end()
    expect((await open(server.url, schema, 0)).state.phase).toBe('ready')
  })
})
