import assert from 'node:assert/strict'
import { Client } from 'pg'
import { openTaskManager } from '../../src/index.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Claimed } from '../../src/store/store.ts'
import { quick } from '../fixtures/quick.ts'
import { fromApi, submission } from '../support/tasks.ts'
import { until } from '../support/until.ts'

/** Seconds. Starting that many takes a while; then they have as much left as any node. */
const starting = 300
const lease = 10
const slots = 4
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

export type FrozenFigures = Readonly<{
  nodes: number
  tasks: number
  /** Late writes of the frozen nodes, all of which were refused. */
  refused: number
  /** Milliseconds from the end of the leases until the last task was taken from them, and until the last one had ended. */
  reapedAfter: number
  endedAfter: number
}>

/**
 * Many nodes of one database stop at once, each with tasks in all its slots: rows and claims as real nodes make them, without
 * the processes. A real node takes over; then each of them wakes and tries to go on.
 */
export async function frozenNodes(url: string, schema: string, count: number): Promise<FrozenFigures> {
  await using store = await openPostgres(`${url}?lease=${starting}`, { schema })
  const ids = Array.from({ length: count }, (_, n) => `frozen-${n}`)
  const types = [{ type: quick.type, concurrency: null }]
  const tasks = Array.from({ length: count * slots }, (_, n) => `task-${n}`)
  for (let at = 0; at < tasks.length; at += 500) {
    const some = tasks.slice(at, at + 500)
    await store.submit(
      some.map((id, n) => submission({ id, type: quick.type, parameters: JSON.stringify({ a: at + n }) })),
      fromApi,
    )
  }
  const claimed = new Map<string, readonly Claimed[]>()
  for (let at = 0; at < ids.length; at += 50) {
    await Promise.all(
      ids.slice(at, at + 50).map(async (id) => {
        await store.startNode({ id, slots, types: [quick.type], version: 'test', host: 'machine', pid: 1 })
        claimed.set(id, await store.claim({ node: id, limit: slots, types }))
      }),
    )
  }
  assert.equal(new Set([...claimed.values()].flat().map(({ task }) => task.id)).size, tasks.length)
  const counted = async () => (await store.counts()).byType[quick.type] ?? {}
  assert.deepEqual(await counted(), { running: tasks.length })

  // They renew their leases a last time, all at the same moment; from then on none of them does anything.
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ until: string }>(
    `with last as (select max(renewed_at) + ${lease * 1_000} as at from ${schema}.nodes)
      update ${schema}.nodes set lease_until = last.at from last returning lease_until as until`,
  )
  const over = Number(rows[0]?.until)
  await client.end()
  await using manager = await openTaskManager({
    database: `${url}?schema=${schema}&lease=${lease}`,
    tasks: [quick],
    maxConcurrent: 200,
    drain: 1,
    logger: quiet,
  })
  await until('all have ended', async () => (await counted()).completed === tasks.length)

  let refused = 0
  for (const [node, own] of claimed) {
    const settled = await store.settle(
      node,
      own.map(({ task: { id, fence } }) => ({
        id,
        fence,
        activeMs: 1,
        outcome: { kind: 'completed', result: '"late"' } as const,
      })),
    )
    for (const { verdict } of settled)
      assert.equal(verdict, 'superseded', `a late writer is refused: ${node}`)
    refused += settled.length
    assert.deepEqual(await store.claim({ node, limit: slots, types }), [], 'it gets nothing either')
  }
  let [reaped, ended] = [0, 0]
  for (const [n, id] of tasks.entries()) {
    const record = await store.read(id)
    assert.equal(record?.result, JSON.stringify(n * 2))
    const events = record.timeline.map(({ event }) => event)
    // Each was lost once, and was run once more: no more, no less.
    assert.deepEqual(events, ['submitted', 'claimed', 'lost', 'claimed', 'completed'], id)
    assert.equal(record.task.fence, 3)
    const at = (name: string) => record.timeline.find(({ event }) => event === name)?.at ?? 0
    assert(at('lost') > over, `none is taken before its lease is over: ${id}`)
    reaped = Math.max(reaped, at('lost') - over)
    ended = Math.max(ended, at('completed') - over)
  }
  assert.deepEqual(await counted(), { completed: tasks.length })
  assert.deepEqual((await store.counts()).fencedOff, {})
  assert.deepEqual(
    (await manager.nodes()).map(({ id }) => id),
    [manager.state.id],
  )
  return {
    nodes: count,
    tasks: tasks.length,
    refused,
    reapedAfter: Math.round(reaped),
    endedAfter: Math.round(ended),
  }
}
