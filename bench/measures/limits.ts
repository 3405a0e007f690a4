import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../../src/index.ts'
import { startPostgres } from '../../test/support/postgres-server.ts'
import type { Measure } from '../measure.ts'
import { temporaryFolder } from '../place.ts'

/** Tasks of 50 ms behind one limit, beside what the limit itself allows. */

const parameters = z.object({ n: z.number() })
const work = () => sleep(50).then(() => null)
const free = defineTask({ type: 'free', parameters, run: work })
const places = 20
const bound = defineTask({
  type: 'bound',
  parameters,
  limits: [{ name: 'places', concurrency: places }],
  run: work,
})
const rate = 200
const paced = defineTask({
  type: 'paced',
  parameters,
  limits: [{ name: 'pace', rate: { limit: rate, per: '1s' } }],
  run: work,
})
const count = 2_000

const open = (database: string, maxConcurrent: number) =>
  openTaskManager({ database, tasks: [free, bound, paced], maxConcurrent })

async function onSqlite<T>(maxConcurrent: number, use: (manager: TaskManager) => Promise<T>): Promise<T> {
  using there = temporaryFolder()
  await using manager = await open(`sqlite:${there.file('limits.db')}`, maxConcurrent)
  return await use(manager)
}

async function onPostgres<T>(maxConcurrent: number, use: (manager: TaskManager) => Promise<T>): Promise<T> {
  await using server = await startPostgres({ safe: true })
  await using manager = await open(server.url, maxConcurrent)
  return await use(manager)
}

/** Completed tasks per second, from the first `skipped` on. */
async function drained(manager: TaskManager, type: typeof free, skipped: number): Promise<number> {
  const list = Array.from({ length: count + skipped }, (_, n) => ({ n }))
  await manager.submitAll(type, list)
  const completed = async () => (await manager.counts()).byType[type.type]?.completed ?? 0
  const reached = async (wanted: number) => {
    for (;;) {
      const tasks = await completed()
      if (tasks >= wanted) return { tasks, at: performance.now() }
      await sleep(5)
    }
  }
  const first = await reached(skipped)
  const last = await reached(count + skipped)
  return ((last.tasks - first.tasks) / (last.at - first.at)) * 1_000
}

const warm = 200
const measureOf = (where: string, on: typeof onSqlite): readonly [Measure, Measure] => [
  {
    name: `${where}: drain of tasks of 50 ms through a limit of ${places} at once`,
    aim: (places * 1_000) / 50,
    beside: `the same with ${places} slots and no limit`,
    ours: () => on(256, (manager) => drained(manager, bound, warm)),
    limit: () => on(places, (manager) => drained(manager, free, warm)),
  },
  {
    name: `${where}: drain of tasks of 50 ms through a rate of ${rate} a second`,
    aim: rate,
    beside: 'the rate',
    // After the first second, none of the starts that may come at once are left.
    ours: () => on(256, (manager) => drained(manager, paced, 2 * rate)),
    limit: async () => rate,
  },
]

export const [limited, ratedStarts] = measureOf('SQLite', onSqlite)
export const [pgLimited, pgRatedStarts] = measureOf('PostgreSQL', onPostgres)
