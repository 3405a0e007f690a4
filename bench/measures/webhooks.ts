import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../../src/index.ts'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { throughput, type Measure } from '../measure.ts'
import { temporaryFolder } from '../place.ts'

/** Submits that a webhook reports, beside the same without a webhook. Nothing is sent: only the outbox is measured. */

const parameters = z.object({ a: z.number() })
const told = defineTask({ type: 'told', parameters, run: () => null })
const other = defineTask({ type: 'other', parameters, run: () => null })

const open = (database: string) => openTaskManager({ database, tasks: [told, other], maxConcurrent: 0 })

async function onSqlite<T>(use: (manager: TaskManager) => Promise<T>): Promise<T> {
  using there = temporaryFolder()
  await using manager = await open(`sqlite:${there.file('webhooks.db')}`)
  return await use(manager)
}

async function onPostgres<T>(use: (manager: TaskManager) => Promise<T>): Promise<T> {
  await using server = await startPostgres({
    safe: true,
    settings: ['shared_buffers=1GB', 'wal_init_zero=off'],
  })
  await using manager = await open(server.url)
  return await use(manager)
}

const singles = 60_000
const events = ['task.*'] as const

/** `one of`: each so many'th task is of the type that is reported. */
const submits = (oneOf: number) => (manager: TaskManager) =>
  throughput(singles, 100, (a) => manager.submit(a % oneOf === 0 ? told : other, { a }))

function measureOf(where: string, on: typeof onSqlite, oneOf: number, which: string): Measure {
  const limit = () => on(submits(oneOf))
  return {
    name: `${where}: single submits, 100 waiting callers, ${which} reported by a webhook`,
    aim: 20_000,
    beside: 'the same without a webhook',
    ours: () =>
      on(async (manager) => {
        const url = 'https://hooks.example/fermata'
        await manager.webhooks.create({ url, events, types: [told.type], paused: true })
        return await submits(oneOf)(manager)
      }),
    limit,
  }
}

export const reported = measureOf('SQLite', onSqlite, 1, 'each of them')
export const halfReported = measureOf('SQLite', onSqlite, 2, 'half of them')
export const pgReported = measureOf('PostgreSQL', onPostgres, 1, 'each of them')
export const pgHalfReported = measureOf('PostgreSQL', onPostgres, 2, 'half of them')
