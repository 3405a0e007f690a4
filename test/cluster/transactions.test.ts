import { Client, Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { openTaskManager, TaskUnknown, type TaskEvent, type TaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { quick } from '../fixtures/quick.ts'
import { until } from '../support/until.ts'

/** Submits within a transaction of the caller. */

const logger = { debug() {}, info() {}, warn() {}, error: console.error }
let client: Client
beforeAll(async () => {
  client = new Client({ connectionString: inject('postgres') })
  await client.connect()
})
afterAll(() => client.end())

async function manager({ maxConcurrent = 2, schema = newSchema() } = {}): Promise<TaskManager> {
  const database = `${inject('postgres')}?schema=${schema}`
  const opened = await openTaskManager({ database, tasks: [quick], maxConcurrent, drain: 1, logger })
  onTestFinished(() => opened.close())
  return opened
}

/** Records the statuses published for each task from now on. */
function follow(node: TaskManager) {
  const statuses = new Map<string, string[]>()
  void (async () => {
    for await (const change of node.changes()) {
      if (change.kind !== 'transition') continue
      statuses.set(change.id, [...(statuses.get(change.id) ?? []), change.entry.status])
    }
  })()
  return { of: (id: string) => statuses.get(id) }
}

const queuedIn = async (node: TaskManager) => (await node.counts()).byType['quick']?.queued ?? 0

describe('a submit within a transaction', () => {
  test('exists with its commit, and runs immediately', async () => {
    const node = await manager()
    const published = follow(node)
    await client.query('begin')
    const handle = await node.submit(quick, { a: 4 }, { tx: client })
    await expect(handle.task()).rejects.toThrow(TaskUnknown)
    await expect(handle.result()).rejects.toThrow(TaskUnknown)
    expect((await node.counts()).byType).toEqual({})
    expect(published.of(handle.id)).toBeUndefined()
    await client.query('commit')
    expect(await handle.result()).toBe(8)
    const { timeline } = await handle.details()
    expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'completed'])
    expect((await node.counts()).byType).toEqual({ quick: { completed: 1 } })
    await until('its completion is published', () => published.of(handle.id)?.includes('completed'))
    expect(published.of(handle.id)).toEqual(['queued', 'running', 'completed'])
  })

  test('waits for tasks that exist, and leaves nothing of that behind if it is rolled back', async () => {
    const node = await manager()
    const first = await node.submit(quick, { a: 1 }, { delay: 3_600 })
    await client.query('begin')
    const undone = await node.submit(quick, { a: 2 }, { tx: client, after: [first.id] })
    await client.query('rollback')
    await expect(undone.task()).rejects.toThrow(TaskUnknown)
    await client.query('begin')
    const waits = await node.submit(quick, { a: 3 }, { tx: client, after: [first.id], onFailure: 'run' })
    await client.query('commit')
    expect(await waits.task()).toMatchObject({ status: 'waiting', missing: 1 })
    await node.control(first.id, 'cancel')
    expect(await waits.result()).toBe(6)
    await until('nothing waits for the cancelled task', () =>
      node.purge(first.id).then(
        () => true,
        () => false,
      ),
    )
    await client.query('begin')
    await expect(node.submit(quick, { a: 4 }, { tx: client, after: [first.id] })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    })
    await client.query('rollback')
  })

  test('is published as submitted before it is published as claimed, even if it was claimed first', async () => {
    const node = await manager()
    const published = follow(node)
    await client.query('begin')
    const { id } = await node.submit(quick, { a: 1 }, { tx: client })
    await client.query('commit')
    await (await node.submit(quick, { a: 2 })).result()
    await until('its completion is published', () => published.of(id)?.includes('completed'))
    // Once a later task is published, everything about the earlier one has been.
    const later = await node.submit(quick, { a: 3 })
    await until('the later one is published', () => published.of(later.id)?.includes('completed'))
    expect(published.of(id)).toEqual(['queued', 'running', 'completed'])
  })

  test('is published as submitted before changes by another node', async () => {
    const schema = newSchema()
    const submitter = await manager({ maxConcurrent: 0, schema })
    await manager({ schema })
    const published = follow(submitter)
    await client.query('begin')
    const handle = await submitter.submit(quick, { a: 1 }, { tx: client })
    // After this time, the polls for its commit are far apart.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await client.query('commit')
    expect(await handle.result()).toBe(2)
    // Another node ran it, so only the newest of its changes is published.
    await until('its completion is published', () => published.of(handle.id)?.at(-1) === 'completed')
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const statuses = published.of(handle.id)
    expect([statuses?.[0], statuses?.at(-1)]).toEqual(['queued', 'completed'])
    expect(statuses).toEqual([...new Set(statuses)])
  })

  test('vanishes with its rollback', async () => {
    const node = await manager()
    await client.query('begin')
    const handles = await node.submitAll(quick, [{ a: 1 }, { a: 2 }], { tx: client, tags: ['gone'] })
    await client.query('rollback')
    for (const handle of handles) await expect(handle.task()).rejects.toThrow(TaskUnknown)
    expect(await node.counts()).toMatchObject({ byType: {} })
    expect((await node.list({ tag: 'gone' })).tasks).toEqual([])
  })

  test('shares the outcome of the rest of the transaction', async () => {
    const node = await manager({ maxConcurrent: 0 })
    const table = `orders_${newSchema()}`
    await client.query(`create table ${table} (id int primary key)`)
    await client.query(`insert into ${table} values (1)`)
    const order = async (id: number) => {
      await client.query('begin')
      try {
        await node.submit(quick, { a: id }, { tx: client })
        await client.query(`insert into ${table} values ($1)`, [id])
        await client.query('commit')
      } catch {
        await client.query('rollback')
      }
    }
    for (const id of [1, 2, 1, 3]) await order(id)
    expect(await queuedIn(node)).toBe(2)
    await client.query(`drop table ${table}`)
  })

  test('counts, keeps keys and is all or nothing for a batch, like any other', async () => {
    const node = await manager({ maxConcurrent: 0 })
    const first = await node.submit(quick, { a: 1 }, { idempotencyKey: 'key' })
    await client.query('begin isolation level serializable')
    const again = await node.submit(quick, { a: 1 }, { idempotencyKey: 'key', tx: client })
    expect(again.id).toBe(first.id)
    await node.submitAll(quick, [{ a: 1 }, { a: 2 }, { a: 3 }], { tx: client, delay: 3_600 })
    await client.query('commit')
    expect((await node.counts()).byType['quick']).toEqual({ queued: 1, scheduled: 3 })
  })

  test('replaces a unique task with its commit, and not before', async () => {
    const node = await manager({ maxConcurrent: 0 })
    const published = follow(node)
    const unique = { key: 'key', onConflict: 'replace' } as const
    const first = await node.submit(quick, { a: 1 }, { unique })
    await client.query('begin')
    const second = await node.submit(quick, { a: 2 }, { unique, tx: client })
    expect((await first.task()).status).toBe('queued')
    expect(published.of(first.id)).not.toContain('cancelled')
    await client.query('commit')
    await until(
      'both are published',
      () => published.of(first.id)?.includes('cancelled') && published.of(second.id),
    )
    expect(published.of(second.id)).toEqual(['queued'])
    expect((await first.task()).status).toBe('cancelled')
    await client.query('begin')
    await node.submit(quick, { a: 3 }, { unique, tx: client })
    await client.query('rollback')
    expect((await second.task()).status).toBe('queued')
  })

  test('accepts a pooled client, and restores its type parsers', async () => {
    const node = await manager({ maxConcurrent: 0 })
    const pool = new Pool({ connectionString: inject('postgres'), max: 1 })
    const pooled = await pool.connect()
    await pooled.query('begin')
    await node.submit(quick, { a: 1 }, { tx: pooled })
    expect((await pooled.query('select 5::int8 as big')).rows).toEqual([{ big: '5' }])
    await pooled.query('commit')
    pooled.release()
    await pool.end()
    expect(await queuedIn(node)).toBe(1)
  })

  test('is found by other nodes too, without a notification', async () => {
    const database = `${inject('postgres')}?schema=${newSchema()}`
    const open = (maxConcurrent: number) =>
      openTaskManager({ database, tasks: [quick], maxConcurrent, drain: 1, logger })
    await using api = await open(0)
    await using _worker = await open(2)
    await client.query('begin')
    const handle = await api.submit(quick, { a: 5 }, { tx: client })
    await client.query('commit')
    const events: TaskEvent[] = []
    for await (const event of handle.events()) events.push(event)
    expect(events).toHaveLength(3)
    expect(await handle.result()).toBe(10)
  })

  test('without a transaction, or in another database, is refused with a reason', async () => {
    const node = await manager({ maxConcurrent: 0 })
    await expect(node.submit(quick, { a: 1 }, { tx: client })).rejects.toThrow(/not in a transaction/)
    const other = new Client({ connectionString: inject('postgres').replace(/\w+$/, 'template1') })
    await other.connect()
    await other.query('begin')
    await expect(node.submit(quick, { a: 1 }, { tx: other })).rejects.toThrow(/another database/)
    await other.end()
    expect((await node.counts()).byType).toEqual({})
  })

  test('needs PostgreSQL', async () => {
    await using node = await openTaskManager({ database: 'sqlite::memory:', tasks: [quick], drain: 1 })
    await expect(node.submit(quick, { a: 1 }, { tx: client })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      issues: [{ path: 'tx', message: expect.stringContaining('PostgreSQL') }],
    })
  })
})
