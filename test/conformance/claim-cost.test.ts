import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { Hints } from '../../src/store/postgres/hints.ts'
import { statementsFor } from '../../src/store/postgres/statements.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store, TypeLimit } from '../../src/store/store.ts'
import { node, fromApi, submission } from '../support/tasks.ts'
import { newSchema } from './stores.ts'

/** Queued tasks, of which nine in ten may not run now. `CLAIM_TASKS=1000000` measures the real scale. */
const total = Number(process.env['CLAIM_TASKS'] ?? 100_000)
const mayNotRun = ['held', 'full', 'foreign'] as const
/** Minimum seconds to hold the snapshot. `CLAIM_SECONDS=60` lets vacuums run, which cannot remove anything. */
const seconds = Number(process.env['CLAIM_SECONDS'] ?? 0)
/** Maximum 8 KiB pages of tables and indexes that a claim may touch. */
const pages = 50
/** Tasks claimed and completed at the beginning, and again at the end, while the snapshot is held. */
const churn = total / 40
const url = inject('postgres')

describe('the cost of a claim', () => {
  test(
    'does not grow with tasks that may not run, nor with those claimed under an old snapshot',
    { timeout: 600_000 },
    async () => {
      const schema = newSchema()
      await using store = await openPostgres(url, { schema, lease: 3_600_000 })
      await store.startNode(node('here'))
      const types: TypeLimit[] = [
        { type: 'held', concurrency: null },
        { type: 'full', concurrency: 1 },
        { type: 'mine', concurrency: null },
      ]
      await store.submit([submission({ id: 'first', type: 'mine', priority: -1 })], fromApi)
      for (const type of mayNotRun) await ask(waiting(schema, type, (total * 3) / 10))
      await ask(waiting(schema, 'mine', total / 10))
      await store.hold('held', true, 'api')
      expect(await store.claim({ node: 'here', limit: 5, types: [types[1]!] })).toHaveLength(1)

      const fresh = await claimCost(schema, types, new Hints())
      expect(fresh).toBeLessThan(pages)

      await using snapshot = await holdSnapshot(schema)
      const heldLongEnough = sleep(seconds * 1_000)
      const hints = new Hints(() => 0)
      hints.of(types)
      await work(store, types, hints)
      await heldLongEnough
      await work(store, types, hints)
      const hinted = await claimCost(schema, types, hints)
      const fromTheBeginning = await claimCost(schema, types, new Hints())
      console.log(
        `pages of a claim among ${total}: ${fresh}; under an old snapshot, ${2 * churn} claims later: ${hinted}, from the beginning ${fromTheBeginning}`,
      )
      expect(hinted).toBeLessThan(pages)
      expect(fromTheBeginning, 'the snapshot is held').toBeGreaterThan(pages)
      await snapshot.release()
    },
  )
})

/** Claims and completes `churn` tasks. */
async function work(store: Store, types: readonly TypeLimit[], hints: Hints): Promise<void> {
  const limit = 500
  for (let done = 0; done < churn;) {
    const claimed = await store.claim({ node: 'here', limit, types })
    expect(claimed).toHaveLength(limit)
    hints.learn(claimed)
    const outcome = { kind: 'completed', result: 'null' } as const
    await store.settle(
      'here',
      claimed.map(({ task: { id, fence } }) => ({ id, fence, activeMs: 0, outcome })),
    )
    done += claimed.length
  }
}

/** Pages that a claim touches with the statement that the store would send now. Rolled back. */
async function claimCost(schema: string, types: readonly TypeLimit[], hints: Hints): Promise<number> {
  const { claim } = statementsFor(schema)
  const positions = hints.of(types)
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(
      'begin; set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off',
    )
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
      `explain (analyze, buffers, format json) ${claim}`,
      [
        types.map(({ type }) => type),
        types.map(({ concurrency }) => concurrency),
        5,
        positions.map((position) => position?.priority ?? null),
        positions.map((position) => position?.queuePosition ?? null),
        null,
      ],
    )
    await client.query('rollback')
    const [{ Plan: root }] = rows[0]!['QUERY PLAN']
    expect(root['Actual Rows']).toBe(5)
    return (root['Shared Hit Blocks'] ?? 0) + (root['Shared Read Blocks'] ?? 0)
  } finally {
    await client.end()
  }
}

async function holdSnapshot(schema: string) {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(`begin isolation level repeatable read; select 1 from ${schema}.tasks limit 1`)
  return {
    release: () => client.query('rollback'),
    [Symbol.asyncDispose]: () => client.end(),
  }
}

/** Inserts many tasks quickly, as copies of one that the store has written. */
function waiting(schema: string, type: string, count: number): string {
  return `insert into ${schema}.tasks
      (row_id, queue_position, id, type, status, priority, created_at, status_since, max_attempts, backoff, tags, timeline)
    select nextval('${schema}.places'), nextval('${schema}.places'), '${type} ' || c, '${type}', 'queued', 0, t.created_at,
      t.status_since, t.max_attempts, t.backoff, t.tags, t.timeline
    from ${schema}.tasks t, generate_series(1, ${count}) as c where t.id = 'first'`
}

async function ask(text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}
