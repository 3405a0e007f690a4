import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { newSchema } from '../conformance/stores.ts'
import { Line } from '../support/line.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { node, fromApi, submission } from '../support/tasks.ts'

/** Commits without a response, on a real server behind a line that loses messages. */

const work = { type: 'work', concurrency: null }

/** A store with its own schema behind such a line; `beside` is another store that bypasses the line. */
async function setUp({ server = inject('postgres'), clock }: { server?: string; clock?: Clock } = {}) {
  const schema = newSchema()
  const line = await Line.to(server)
  const options = { schema, ...(clock === undefined ? {} : { clock }) }
  const store = await openPostgres(line.url, options)
  const beside = await openPostgres(server, options)
  await store.startNode(node('here'))
  return {
    schema,
    line,
    store,
    beside,
    [Symbol.asyncDispose]: async () => {
      line.goOn()
      await store[Symbol.asyncDispose]()
      await beside[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
    },
  }
}

/** Calls every verb that writes, and expects the answers of an undisturbed line. `around` makes each call. */
async function allWrites(store: Store, around: <T>(call: () => Promise<T>) => Promise<T>): Promise<void> {
  const draft = submission({ id: 'one', idempotencyKey: 'key', requestHash: 'hash' })
  const submitted = await around(() => store.submit([draft], fromApi))
  expect(submitted).toMatchObject({ kind: 'accepted', tasks: [{ replayed: false, task: { id: 'one' } }] })
  const claimed = await around(() => store.claim({ node: 'here', limit: 4, types: [work] }))
  expect(claimed).toMatchObject([{ task: { id: 'one', fence: 1, version: 2 } }])
  const log = [{ at: 1, attempt: 1, text: 'once' }]
  const save = { id: 'one', fence: 1, checkpoint: '1', log }
  expect(await around(() => store.save('here', [save]))).toEqual([true])
  const pause = { id: 'one', control: 'pause', by: 'api' } as const
  expect(await around(() => store.control([pause]))).toMatchObject([{ kind: 'moved', task: { version: 3 } }])
  const outcome = { kind: 'completed', result: '2' } as const
  const settlement = { id: 'one', fence: 1, outcome, activeMs: 1 }
  expect(await around(() => store.settle('here', [settlement]))).toMatchObject([
    { verdict: 'settled', task: { version: 4, status: 'completed' } },
  ])
  const { timeline, checkpoint, result } = (await store.read('one'))!
  expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'pause_requested', 'completed'])
  expect([checkpoint, result]).toEqual(['1', '2'])
  expect(await store.log('one', 0, 10)).toMatchObject([{ text: 'once' }])
  expect(await around(() => store.hold('work', true, 'api'))).toEqual(expect.any(Boolean))
  expect(await around(() => store.purge(['one']))).toEqual([{ kind: 'purged' }])
  expect(await store.counts()).toMatchObject({ byType: {}, held: { work: {} } })
}

describe.concurrent('a commit without a response', () => {
  test.each(['commit', 'answer'] as const)('is executed once when the %s is lost', async (what) => {
    await using there = await setUp()
    const { line, store } = there
    await allWrites(store, async (call) => {
      const lost = line.loseNext(what)
      const answer = call()
      await lost
      line.goOn()
      return answer
    })
  })

  test('is not mistaken for another one that has its number after a crash', async () => {
    // Only commits flush the log.
    await using server = await startPostgres({ settings: ['wal_writer_delay=10s'] })
    await using there = await setUp({ server: server.url })
    const { line, store } = there
    const lost = line.loseNext('commit')
    const submitted = store.submit([submission({ id: 'one' })], fromApi)
    await lost
    await server.stop()
    await server.start()
    // The transaction id was lost with the server's memory: another transaction gets it, and commits.
    const other = new Client({ connectionString: server.url })
    await other.connect()
    for (let n = 0; n < 50; n++) await other.query('select pg_current_xact_id()')
    await other.end()
    line.goOn()
    expect(await submitted).toMatchObject({ kind: 'accepted', tasks: [{ task: { id: 'one' } }] })
    expect(await store.get('one')).toMatchObject({ status: 'queued' })
  })

  test('of a submit returns the first task when it is sent again with its key', async () => {
    await using there = await setUp()
    const { line, store } = there
    const draft = (id: string) => submission({ id, idempotencyKey: 'key', requestHash: 'hash' })
    const lost = line.loseNext('answer')
    const first = store.submit([draft('one')], fromApi)
    await lost
    line.goOn()
    expect(await store.submit([draft('two')], fromApi)).toMatchObject({ tasks: [{ task: { id: 'one' } }] })
    expect(await first).toMatchObject({ tasks: [{ task: { id: 'one' } }] })
  })

  test('of a checkpoint is not mistaken for that of a later save', async () => {
    await using there = await setUp()
    const { line, store } = there
    await running(store, 'one')
    const lost = line.loseNext('commit')
    const first = store.save('here', [{ id: 'one', fence: 1, checkpoint: '1' }])
    await grouped()
    const second = store.save('here', [{ id: 'one', fence: 1, progress: { current: 1, at: 1 } }])
    await lost
    line.goOn()
    expect(await Promise.all([first, second])).toEqual([[true], [true]])
    expect(await store.read('one')).toMatchObject({ checkpoint: '1', task: { progress: { current: 1 } } })
  })

  test('of a checkpoint does not overwrite that of a later save', async () => {
    await using there = await setUp()
    const { line, store } = there
    await running(store, 'one')
    const lost = line.loseNext('commit')
    const first = store.save('here', [{ id: 'one', fence: 1, checkpoint: '1' }])
    await grouped()
    const second = store.save('here', [{ id: 'one', fence: 1, checkpoint: '2' }])
    await lost
    line.goOn()
    expect(await Promise.all([first, second])).toEqual([[true], [true]])
    expect(await store.read('one')).toMatchObject({ checkpoint: '2' })
  })

  test('of a task that has finished and was deleted in the meantime does not bring it back', async ({
    expect,
  }) => {
    await using there = await setUp()
    const { line, store, beside } = there
    const lost = line.loseNext('answer')
    const submitted = store.submit([submission({ id: 'one' })], fromApi)
    await lost
    const cancel = { id: 'one', control: 'cancel', by: 'api' } as const
    await expect.poll(() => beside.control([cancel]), aMinute).toMatchObject([{ kind: 'moved' }])
    expect(await beside.purge(['one'])).toEqual([{ kind: 'purged' }])
    line.goOn()
    expect(await submitted).toMatchObject({ tasks: [{ task: { id: 'one' }, replayed: false }] })
    expect(await store.get('one')).toBeNull()
  })

  test('of a group is not mistaken for that of another node that did part of the same', async ({
    expect,
  }) => {
    await using there = await setUp()
    const { line, store, beside } = there
    await store.submit([submission({ id: 'one' }), submission({ id: 'two' })], fromApi)
    const cancel = (id: string) => ({ id, control: 'cancel', by: 'api' }) as const
    await store.control([cancel('one'), cancel('two')])
    const lost = line.loseNext('commit')
    const purged = Promise.all([store.purge(['one']), store.purge(['two'])])
    await lost
    await expect.poll(() => beside.purge(['one']), aMinute).toEqual([{ kind: 'purged' }])
    line.goOn()
    expect(await purged).toEqual([[{ kind: 'unknown' }], [{ kind: 'purged' }]])
    expect(await store.get('two')).toBeNull()
  })

  test('of a move is not mistaken for the same move of another node at the same time', async ({ expect }) => {
    const clock = new FakeClock()
    await using there = await setUp({ clock })
    const { line, store, beside } = there
    await store.submit([submission({ id: 'one' }), submission({ id: 'two' })], fromApi)
    const pause = (id: string) => ({ id, control: 'pause', by: 'api' }) as const
    const lost = line.loseNext('commit')
    const paused = Promise.all([store.control([pause('one')]), store.control([pause('two')])])
    await lost
    await expect.poll(() => beside.control([pause('one')]), aMinute).toMatchObject([{ kind: 'moved' }])
    line.goOn()
    expect(await paused).toMatchObject([[{ kind: 'stands' }], [{ kind: 'moved' }]])
    expect(await store.get('two')).toMatchObject({ status: 'paused' })
  })

  test.each(['commit', 'answer'] as const)(
    'is executed once when the %s is lost, and then the answer to the query about its outcome',
    async (what) => {
      await using there = await setUp()
      const { line, store } = there
      const lost = line.loseNext(what)
      const submitted = store.submit([submission({ id: 'one' })], fromApi)
      await lost
      const lostToo = line.loseNext('answer')
      line.goOn()
      await lostToo
      line.goOn()
      expect(await submitted).toMatchObject({ kind: 'accepted', tasks: [{ task: { id: 'one' } }] })
      expect((await store.read('one'))?.timeline).toHaveLength(1)
    },
  )

  test('leaves no marks except the newest of each connection', async () => {
    await using there = await setUp()
    const { line, store, schema } = there
    for (let n = 0; n < 5; n++) {
      const lost = line.loseNext('answer')
      const submitted = store.submit([submission({ id: `task ${n}` })], fromApi)
      await lost
      line.goOn()
      await submitted
    }
    for (let n = 5; n < 10; n++) await store.submit([submission({ id: `task ${n}` })], fromApi)
    await using client = await connected()
    const { rows } = await client.query(`select count(*)::int as marks from ${schema}.commits`)
    expect(rows[0]?.marks).toBeLessThanOrEqual(2)
  })

  test('of a claim drops the knowledge that the type has a row to lock', async ({ expect }) => {
    await using there = await setUp()
    const { line, store, schema } = there
    const request = { node: 'here', limit: 1, types: [{ type: 'work', concurrency: 1 }] }
    const lost = line.loseNext('commit')
    const nothing = store.claim(request)
    await lost
    line.goOn()
    expect(await nothing).toEqual([])
    await store.submit([submission({ id: 'one' })], fromApi)
    // A client that holds the lock, like another node that is counting.
    await using client = await connected()
    await using onlooker = await connected()
    await client.query('begin')
    await client.query(`insert into ${schema}.types (name) values ('work') on conflict do nothing`)
    await client.query(`select 1 from ${schema}.types for update`)
    let answered = false
    const claimed = store.claim(request).finally(() => {
      answered = true
    })
    const waits = `select from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'fermata ${schema}'`
    const waiting = async () => answered || (await onlooker.query(waits)).rows.length > 0
    await expect.poll(waiting, aMinute).toBe(true)
    expect(answered).toBe(false)
    await client.query('commit')
    expect(await claimed).toHaveLength(1)
  })
})

const aMinute = { timeout: 60_000 }

/** Waits until queued calls have been grouped into a transaction. */
async function grouped(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function running(store: Store, id: string): Promise<void> {
  await store.submit([submission({ id })], fromApi)
  expect(await store.claim({ node: 'here', limit: 1, types: [work] })).toHaveLength(1)
}

async function connected() {
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
