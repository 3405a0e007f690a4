import { Client } from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/http/server.ts'
import { Fermata } from '../../src/client/index.ts'
import { openTaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { quick } from '../fixtures/quick.ts'
import { until } from '../support/until.ts'

const logger = { level: 'silent', debug() {}, info() {}, warn() {}, error: console.error }

/** Servers that share a PostgreSQL. */
async function servers(count: number, schema = newSchema()): Promise<string[]> {
  const database = `${inject('postgres')}?schema=${schema}`
  const started = await Promise.all(
    Array.from({ length: count }, async () => {
      const manager = await openTaskManager({ database, tasks: [quick], drain: 1, logger })
      const server = await createServer({ manager, version: 'test', logger })
      onTestFinished(async () => {
        await server.close()
        await manager.close()
      })
      return server.listen({ port: 0, host: '127.0.0.1' })
    }),
  )
  return started
}

const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: { code: string }) => error.code,
  )

test('the first key closes every node, and a revocation ends streams and submits on all of them', async () => {
  const [here = '', there = ''] = await servers(2)
  const open = await fetch(`${there}/api/events`)
  const root = await new Fermata({ url: here }).createKey({ name: 'root', scopes: ['admin'] })
  await open.text()
  expect(await codeOf(new Fermata({ url: there, patience: 0 }).getMe())).toBe('UNAUTHENTICATED')

  const admin = new Fermata({ url: here, apiKey: root.key })
  const { id, key } = await admin.createKey({ name: 'ci', scopes: ['read', 'run'] })
  const client = new Fermata({ url: there, apiKey: key, patience: 0 })
  await until('the key is valid there', async () => (await codeOf(client.getMe())) === 'ok')
  const stream = await fetch(`${there}/api/events`, { headers: { authorization: `Bearer ${key}` } })
  let last = 'ok'
  let isRevoked = false
  let late = 0
  let revokedAt = 0
  const submitting = (async () => {
    while (last === 'ok') {
      const begun = performance.now()
      const wasRevoked = isRevoked
      last = await codeOf(client.submitTask('quick', { parameters: { a: 1 } }))
      if (wasRevoked && last === 'ok') late = Math.max(late, begun - revokedAt)
    }
  })()
  await until(
    'some are submitted',
    async () => (await admin.listTasks({ created_by: 'ci' })).tasks.length > 3,
  )
  await admin.revokeKey(id)
  revokedAt = performance.now()
  isRevoked = true
  await stream.text()
  await submitting
  expect(last).toBe('UNAUTHENTICATED')
  // Nothing is accepted that was sent more than a second after the answer to the revocation.
  expect(late).toBeLessThan(1_000)
})

test('each node counts the requests of a key for itself, and a limit that is new holds on all of them', async () => {
  const [here = '', there = ''] = await servers(2)
  const root = await new Fermata({ url: here }).createKey({ name: 'root', scopes: ['admin'] })
  const admin = new Fermata({ url: here, apiKey: root.key })
  const rate = { limit: 3, per: '1d' }
  const { key } = await admin.createKey({ name: 'ci', scopes: ['read'], rate_limit: rate })
  const answerOf = (url: string) => fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${key}` } })
  const ask = async (url: string) => (await answerOf(url)).status
  // The first request that is counted there.
  await until('the key is valid there', async () => (await answerOf(there)).headers.has('ratelimit'))
  const asked = async (url: string, times: number) => {
    const statuses = []
    for (let call = 0; call < times; call++) statuses.push(await ask(url))
    return statuses
  }
  expect(await asked(there, 3)).toEqual([200, 200, 429])
  expect(await asked(here, 4)).toEqual([200, 200, 200, 429])
})

test('a bulk operation ends with its key, although another node has revoked it', async () => {
  const schema = newSchema()
  const [here = '', there = ''] = await servers(2, schema)
  const root = await new Fermata({ url: here }).createKey({ name: 'root', scopes: ['admin'] })
  const admin = new Fermata({ url: here, apiKey: root.key })
  const { id, key } = await admin.createKey({ name: 'ops', scopes: ['read', 'run', 'control'] })
  const ops = new Fermata({ url: there, apiKey: key })
  // Until it has read the keys, that node takes everyone for anonymous.
  await until('the key is known there', async () => (await ops.getMe()).name === 'ops')
  const tasks = Array.from({ length: 500 }, (_, a) => ({ parameters: { a }, delay: '1d' }))
  const { task_ids: ids } = await admin.submitBatch('quick', tasks)

  // The operation gets as far as the batch with this task, and no further until the key is gone.
  const database = new Client({ connectionString: inject('postgres') })
  await database.connect()
  onTestFinished(() => database.end())
  await database.query('begin')
  await database.query(`select 1 from ${schema}.tasks where id = $1 for update`, [ids[150]])
  const { operation_id: operation } = await ops.bulk('cancel', { type: 'quick' }, { wait: 0 })
  await until('a batch is cancelled', async () => (await admin.getOperation(operation)).changed >= 100)
  await admin.revokeKey(id)
  await until('there, it is known', async () => (await codeOf(ops.getMe())) === 'UNAUTHENTICATED')
  await database.query('rollback')

  await until('it has ended', async () => (await admin.getOperation(operation)).status !== 'running')
  const { status, error, changed } = await admin.getOperation(operation)
  expect({ status, error }).toEqual({
    status: 'cancelled',
    error: 'The key that started it was revoked or has expired.',
  })
  expect(changed).toBeLessThanOrEqual(200)
})
