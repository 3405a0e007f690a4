import { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { Line } from '../support/line.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { boot, fromApi, submission } from '../support/tasks.ts'

/** Commits whose answer never comes, on a real server behind a line that loses them. */

const work = { type: 'work', concurrency: null }

async function place(...settings: readonly string[]) {
  const server = await startPostgres({ settings })
  const line = await Line.to(server.url)
  const store = await openPostgres(line.url)
  await store.startBoot(boot('here'))
  return {
    server,
    line,
    store,
    [Symbol.asyncDispose]: async () => {
      line.goOn()
      await store[Symbol.asyncDispose]()
      await line[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** Each verb that writes, from a fresh task on; what it answers is what it would have answered on a good line. */
async function life(store: Store, around: <T>(call: () => Promise<T>) => Promise<T>): Promise<void> {
  const draft = submission({ id: 'one', idempotencyKey: 'key', requestHash: 'hash' })
  const submitted = await around(() => store.submit([draft], fromApi))
  expect(submitted).toMatchObject({ kind: 'accepted', tasks: [{ replayed: false, task: { id: 'one' } }] })
  const claimed = await around(() => store.claim({ boot: 'here', limit: 4, types: [work] }))
  expect(claimed).toMatchObject([{ task: { id: 'one', fence: 1, version: 2 } }])
  const log = [{ at: 1, attempt: 1, text: 'once' }]
  const save = { id: 'one', fence: 1, checkpoint: '1', log }
  expect(await around(() => store.save('here', [save]))).toEqual([true])
  const pause = { id: 'one', control: 'pause', by: 'api' } as const
  expect(await around(() => store.control([pause]))).toMatchObject([{ kind: 'moved', task: { version: 3 } }])
  const outcome = { kind: 'completed', result: '2' } as const
  const settlement = { id: 'one', fence: 1, outcome, ranMs: 1 }
  expect(await around(() => store.settle('here', [settlement]))).toMatchObject([
    { verdict: 'settled', task: { version: 4, status: 'completed' } },
  ])
  const { timeline, checkpoint, result } = (await store.read('one'))!
  expect(timeline.map(({ move }) => move)).toEqual(['submit', 'claim', 'ask-pause', 'complete'])
  expect([checkpoint, result]).toEqual(['1', '2'])
  expect(await store.log('one', 0, 10)).toMatchObject([{ text: 'once' }])
  expect(await around(() => store.hold('work', true, 'api'))).toEqual(expect.any(Boolean))
  expect(await around(() => store.purge(['one']))).toEqual([{ kind: 'purged' }])
  expect(await store.counts()).toMatchObject({ byType: {}, held: { work: {} } })
}

describe.concurrent('a commit without an answer', () => {
  test.each(['commit', 'answer'] as const)('is carried out once when the %s is lost', async (what) => {
    await using there = await place()
    const { line, store } = there
    await life(store, async (call) => {
      const lost = line.loseNext(what)
      const answer = call()
      await lost
      line.goOn()
      return answer
    })
  })

  test('is not taken for another one that has its number after a crash', async () => {
    // Nothing is flushed but by a commit.
    await using there = await place('wal_writer_delay=10s')
    const { line, store, server } = there
    const lost = line.loseNext('commit')
    const submitted = store.submit([submission({ id: 'one' })], fromApi)
    await lost
    await server.stop()
    await server.start()
    // The number was lost with the server's memory: someone else gets it, and commits.
    const other = new Client({ connectionString: server.url })
    await other.connect()
    for (let n = 0; n < 50; n++) await other.query('select pg_current_xact_id()')
    await other.end()
    line.goOn()
    expect(await submitted).toMatchObject({ kind: 'accepted', tasks: [{ task: { id: 'one' } }] })
    expect(await store.get('one')).toMatchObject({ status: 'queued' })
  })

  test('of a task that is submitted again with its key answers the first one', async () => {
    await using there = await place()
    const { line, store } = there
    const draft = (id: string) => submission({ id, idempotencyKey: 'key', requestHash: 'hash' })
    const lost = line.loseNext('answer')
    const first = store.submit([draft('one')], fromApi)
    await lost
    line.goOn()
    expect(await store.submit([draft('two')], fromApi)).toMatchObject({ tasks: [{ task: { id: 'one' } }] })
    expect(await first).toMatchObject({ tasks: [{ task: { id: 'one' } }] })
  })
})
