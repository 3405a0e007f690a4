import { z } from 'zod'
import { defineTask, openTaskManager } from '../../src/index.ts'
import { throughput, type Measure } from '../measure.ts'
import { bareSqlite, temporaryFolder } from '../place.ts'

const noop = defineTask({ type: 'noop', parameters: z.object({ a: z.number() }), run: () => null })
const slots = 256

const open = (path: string, maxConcurrent: number) =>
  openTaskManager({ database: `sqlite:${path}`, tasks: [noop], maxConcurrent })

async function withManager<T>(
  maxConcurrent: number,
  work: (manager: Awaited<ReturnType<typeof open>>) => Promise<T>,
) {
  using there = temporaryFolder()
  await using manager = await open(there.file('ours.db'), maxConcurrent)
  return await work(manager)
}

function withBare<T>(work: (bare: ReturnType<typeof bareSqlite>) => T): T {
  using there = temporaryFolder()
  using bare = bareSqlite(there.file('bare.db'))
  return work(bare)
}

/** Operations per second of synchronous work with `count` operations. */
function rate(count: number, work: () => void): number {
  const began = performance.now()
  work()
  return (count / (performance.now() - began)) * 1_000
}

const singles = 100_000
export const single: Measure = {
  name: 'single submits, 100 waiting callers',
  aim: 60_000,
  beside: 'bare inserts into two tables, one commit a loop turn',
  ours: () => withManager(0, (manager) => throughput(singles, 100, (a) => manager.submit(noop, { a }))),
  async limit() {
    using there = temporaryFolder()
    using bare = bareSqlite(there.file('bare.db'))
    return await throughput(singles, 100, () => bare.insertGrouped())
  },
}

const groups = 200
export const bulk: Measure = {
  name: 'bulk submits in groups of 1,000',
  aim: 100_000,
  beside: 'bare inserts in groups of 1,000',
  ours: () =>
    withManager(0, async (manager) => {
      const list = Array.from({ length: 1_000 }, (_, a) => ({ a }))
      const a = await throughput(groups, 1, () => manager.submitAll(noop, list))
      return a * 1_000
    }),
  limit: async () =>
    withBare((bare) =>
      rate(groups * 1_000, () => {
        for (let g = 0; g < groups; g++) {
          bare.group(() => {
            for (let i = 0; i < 1_000; i++) bare.insert()
          })
        }
      }),
    ),
}

const drained = 100_000
export const drain: Measure = {
  name: 'drain of no-op tasks, 256 slots',
  aim: 30_000,
  beside: 'two bare updates a task in groups of 256',
  async ours() {
    using there = temporaryFolder()
    {
      await using manager = await open(there.file('ours.db'), 0)
      const list = Array.from({ length: 10_000 }, (_, a) => ({ a }))
      for (let done = 0; done < drained; done += list.length) await manager.submitAll(noop, list)
    }
    const began = performance.now()
    await using manager = await open(there.file('ours.db'), slots)
    let completed = 0
    while (completed < drained) {
      await new Promise((resolve) => {
        setTimeout(resolve, 10)
      })
      completed = (await manager.counts()).byType['noop']?.completed ?? 0
    }
    return (drained / (performance.now() - began)) * 1_000
  },
  limit: async () =>
    withBare((bare) => {
      const all = Array.from({ length: drained }, (_, index) => index + 1)
      bare.group(() => {
        for (const _ of all) bare.insert()
      })
      return rate(drained, () => {
        for (let at = 0; at < drained; at += slots) {
          bare.group(() => {
            for (const n of all.slice(at, at + slots)) {
              bare.move(n, 'queued', 'running')
              bare.move(n, 'running', 'completed')
            }
          })
        }
      })
    }),
}

const cycles = 50_000
export const cycle: Measure = {
  name: 'submit to result, 100 waiting callers',
  aim: 20_000,
  beside: 'a bare insert and two updates in groups of 100',
  ours: () =>
    withManager(slots, (manager) =>
      throughput(cycles, 100, async (a) => {
        const handle = await manager.submit(noop, { a })
        await handle.result()
      }),
    ),
  limit: async () =>
    withBare((bare) =>
      rate(cycles, () => {
        for (let at = 0; at < cycles; at += 100) {
          bare.group(() => {
            for (let i = 0; i < 100; i++) {
              const n = bare.insert()
              bare.move(n, 'queued', 'running')
              bare.move(n, 'running', 'completed')
            }
          })
        }
      }),
    ),
}
