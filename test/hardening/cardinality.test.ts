import { expect, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/http/server.ts'
import { openTaskManager } from '../../src/index.ts'
import { builtinTypes } from '../../src/registry/builtin/index.ts'
import { fakeManager } from '../support/fake-manager.ts'
import { samplesOf } from '../support/prometheus.ts'

const quiet = { level: 'info', debug() {}, info() {}, warn() {}, error() {} }

test('the number of series does not grow with ids, tags, keys, hosts and paths', async () => {
  const manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks: builtinTypes,
    maxConcurrent: 0,
    logger: quiet,
  })
  const server = await createServer({ manager, version: '1', logger: quiet })
  onTestFinished(async () => {
    await server.close()
    await manager.close()
  })
  const scrape = async () => (await server.inject({ url: '/metrics' })).body
  const submit = (tasks: readonly object[]) =>
    server.inject({ method: 'POST', url: '/api/run/add/batch', payload: { tasks } })
  const one = (index: number) => ({
    parameters: { a: index, b: 1 },
    tags: [`tenant-${index}`],
    idempotency_key: `key-${index}`,
    priority: (index % 2_001) - 1_000,
  })
  const ask = async (index: number) => {
    const ways = [
      { url: `/api/task/secret-${index}/status` },
      { url: `/api/task/019a3c5e-7d2b-7c4f-9a61-${String(index).padStart(12, '0')}` },
      { url: `/unknown-${index}/path` },
      { url: `/api/tasks/type-${index}` },
      { url: '/api/task', headers: { host: `host-${index}.example.com` } },
      { url: '/api/task', headers: { 'x-request-id': `request-${index}`, 'user-agent': `agent-${index}` } },
    ] as const
    await server.inject({ method: 'GET', ...ways[index % ways.length]! })
  }
  expect((await submit([one(0)])).statusCode).toBe(200)
  for (let index = 0; index < 12; index++) await ask(index)
  await scrape()
  const before = seriesOf(await scrape())

  expect((await submit(Array.from({ length: 9_999 }, (_, index) => one(index + 1)))).statusCode).toBe(200)
  for (let index = 12; index < 10_000; index++) await ask(index)
  const text = await scrape()
  expect(seriesOf(text)).toEqual(before)
  expect(text).toContain('fermata_tasks_submitted_total{type="add"} 10000')
  expect(text).not.toMatch(/tenant-|key-|secret-|019a3c5e|unknown-|type-|host-\d|request-|agent-/)
})

test('a database that does not answer leaves out its tasks only', async () => {
  const server = await createServer({ manager: fakeManager(), version: '1', logger: quiet })
  onTestFinished(() => server.close())
  const { statusCode, body } = await server.inject({ url: '/metrics' })
  expect(statusCode).toBe(200)
  expect(body).not.toContain('fermata_tasks{')
  expect(body).toContain('fermata_slots{state="in_use"} 1')
})

/** Names and labels of all series. */
function seriesOf(text: string): string[] {
  return [...samplesOf(text).keys()].toSorted()
}
