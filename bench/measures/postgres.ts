import { Client } from 'pg'
import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../../src/index.ts'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { throughput, type Measure } from '../measure.ts'

/**
 * On a separate PostgreSQL that flushes every commit. After running for a while, it reuses existing WAL files: creating them
 * should not be measured.
 */
const settings = ['shared_buffers=1GB', 'wal_init_zero=off']

const noop = defineTask({ type: 'noop', parameters: z.object({ a: z.number() }), run: () => null })
const list = Array.from({ length: 1_000 }, (_, a) => ({ a }))

async function withUrl<T>(work: (url: string) => Promise<T>): Promise<T> {
  await using server = await startPostgres({ safe: true, settings })
  return await work(server.url)
}

function open(url: string, maxConcurrent: number): Promise<TaskManager> {
  return openTaskManager({ database: url, tasks: [noop], maxConcurrent })
}

/** Two bare tables, and rows by `unnest`: the upper bound for a task manager on PostgreSQL with one connection. */
async function withBare<T>(work: (bare: Bare) => Promise<T>): Promise<T> {
  return await withUrl(async (url) => {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(`
      create table tasks (id text primary key, type text, status text, queuePosition bigint, timeline text);
      create index queue on tasks (type, queuePosition) where status = 'queued';
      create table bodies (id text primary key, body text)`)
    try {
      return await work(new Bare(client))
    } finally {
      await client.end()
    }
  })
}

class Bare {
  readonly #client: Client
  #next = 0

  constructor(client: Client) {
    this.#client = client
  }

  async insert(count: number): Promise<void> {
    const ids = Array.from({ length: count }, () => `task-${++this.#next}`)
    await this.#client.query(
      `with t as (insert into tasks select id, 'noop', 'queued', 1, '[1]' from unnest($1::text[]) as id)
      insert into bodies select id, '{"a":1}' from unnest($1::text[]) as id`,
      [ids],
    )
  }

  async move(from: number, count: number, status: string): Promise<void> {
    const ids = Array.from({ length: count }, (_, index) => `task-${from + index + 1}`)
    await this.#client.query(
      `update tasks set status = $2, timeline = timeline || '[2]' where id = any($1::text[])`,
      [ids, status],
    )
  }
}

const singles = 50_000
export const pgSingle: Measure = {
  name: 'PostgreSQL: single submits, 100 waiting callers',
  aim: 20_000,
  beside: 'bare inserts into two tables in groups of 100',
  ours: () =>
    withUrl(async (url) => {
      await using manager = await open(url, 0)
      return await throughput(singles, 100, (a) => manager.submit(noop, { a }))
    }),
  limit: () => withBare(async (bare) => (await throughput(singles / 100, 1, () => bare.insert(100))) * 100),
}

const groups = 240
export const pgBulk: Measure = {
  name: 'PostgreSQL: bulk submits in groups of 1,000',
  aim: 60_000,
  beside: 'bare inserts in groups of 1,000',
  ours: () =>
    withUrl(async (url) => {
      await using manager = await open(url, 0)
      return (await throughput(groups, 1, () => manager.submitAll(noop, list))) * 1_000
    }),
  limit: () => withBare(async (bare) => (await throughput(groups, 1, () => bare.insert(1_000))) * 1_000),
}

const warm = 20_000
const drained = 80_000
const slots = 1_000
export const pgDrain: Measure = {
  name: 'PostgreSQL: drain of no-op tasks, 1,000 slots',
  aim: 20_000,
  beside: 'two bare updates a task in groups of 1,000',
  ours: () => withUrl((url) => drain(url, [slots])),
  limit: () =>
    withBare(async (bare) => {
      for (let at = 0; at < drained; at += 1_000) await bare.insert(1_000)
      const turns = Math.ceil(drained / slots)
      const turn = await throughput(turns, 1, async (index) => {
        await bare.move(index * slots, slots, 'running')
        await bare.move(index * slots, slots, 'completed')
      })
      return turn * slots
    }),
}

export const pgTwoNodes: Measure = {
  name: 'PostgreSQL: the same by two such nodes in one process',
  aim: 20_000,
  beside: 'one node of 1,000 slots',
  ours: () => withUrl((url) => drain(url, [slots, slots])),
  limit: () => withUrl((url) => drain(url, [slots])),
}

/** Tasks per second until all existing ones are completed, measured once the nodes have warmed up. */
async function drain(url: string, nodes: readonly number[]): Promise<number> {
  {
    await using manager = await open(url, 0)
    for (let done = 0; done < warm + drained; done += list.length) await manager.submitAll(noop, list)
  }
  const managers = await Promise.all(nodes.map((count) => open(url, count)))
  const first = await completed(managers[0]!, warm)
  const last = await completed(managers[0]!, warm + drained)
  await Promise.all(managers.map((manager) => manager.close()))
  return ((last.tasks - first.tasks) / (last.at - first.at)) * 1_000
}

/** How many are completed once there are at least this many, and when. */
async function completed(manager: TaskManager, wanted: number) {
  for (;;) {
    const tasks = (await manager.counts()).byType['noop']?.completed ?? 0
    if (tasks >= wanted) return { tasks, at: performance.now() }
    await new Promise((resolve) => {
      setTimeout(resolve, 20)
    })
  }
}
