import { expect, onTestFinished, test } from 'vitest'
import { StoreUnavailable } from '../../core/errors.ts'
import type { Submission } from '../../core/task.ts'
import { QueueEstimate } from './counters.ts'
import { Outbox } from './outbox.ts'
import { DatabaseTime } from './database-time.ts'
import { CommitMetrics } from '../store.ts'
import { statementsFor } from './statements.ts'
import { submitAll } from './submitting.ts'
import { Transaction } from './transaction.ts'

const submission: Submission = {
  id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
  type: 'add',
  parameters: '{}',
  priority: 0,
  runAt: null,
  delay: null,
  timeout: null,
  maxAttempts: 1,
  backoff: { base: 0, factor: 1, max: 0, jitter: 0 },
  tags: [],
  idempotencyKey: 'order-1',
  requestHash: 'hash',
  trace: null,
}

const unique = { key: 'key', while: 'queued', for: null, onConflict: 'return' } as const
const admission = { limits: [{ name: 'api', key: 'a' }], fairnessKey: null, weight: 1, aging: null }

test.each<[string, Partial<Submission>]>([
  ['a key', {}],
  ['a unique key', { unique }],
  ['a maximum of its type', { maxOfType: 1 }],
  ['a limit', { admission }],
])('a connection lost during a submit with %s leaves no unhandled promise', async (_, own) => {
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', note)
  onTestFinished(() => void process.off('unhandledRejection', note))
  const lost = new StoreUnavailable('The connection is lost.', { unknown: false })
  const query = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    throw lost
  }
  const session = { query, alone: query, settings: '', send: () => undefined }
  const source = {
    schema: 's',
    sql: statementsFor('s'),
    clock: undefined,
    time: new DatabaseTime(),
    metrics: new CommitMetrics(),
    outbox: new Outbox(),
  }
  const tx = new Transaction(session, source, { lock: 1, statement: 1 })
  const calls = [{ submissions: [{ ...submission, ...own }], options: { by: 'api', maxQueued: 100 } }]
  await expect(submitAll(tx, calls, new QueueEstimate())).rejects.toBe(lost)
  await new Promise((resolve) => setTimeout(resolve, 0))
  expect(unhandled).toEqual([])
})
