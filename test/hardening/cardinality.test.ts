import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { expect, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/http/server.ts'
import { openTaskManager } from '../../src/index.ts'
import { openStore } from '../../src/database.ts'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import { defineTask } from '../../src/registry/define.ts'
import { fakeManager } from '../support/fake-manager.ts'
import { samplesOf } from '../support/prometheus.ts'

const quiet = { level: 'info', debug() {}, info() {}, warn() {}, error() {} }

const count = 10_000
const noParameters = z.object({})
const types = Array.from({ length: 40 }, (_, number) =>
  defineTask({ type: `type-${number}`, parameters: noParameters, run: () => null }),
)

/** A database with that many keys, and their texts. */
async function withKeys(database: string): Promise<string[]> {
  await using store = await openStore(database, systemClock)
  const texts = Array.from({ length: count }, (_, number) => {
    const id = `k${String(number).padStart(11, '0')}`
    return { id, number, text: `fmt_${id}_${String(number).padStart(43, 's')}` }
  })
  await Promise.all(
    texts.map(({ id, number, text }) =>
      store.keys.add({
        id,
        name: `secret-name-${number}`,
        scopes: ['admin'],
        types: null,
        tags: null,
        createdBy: 'test',
        expiresAt: null,
        rateLimit: number % 2 === 0 ? { limit: 1_000, per: 60_000 } : null,
        hash: hash('sha256', text.split('_')[2]!),
      }),
    ),
  )
  return texts.map(({ text }) => text)
}

test(`${count} keys, with ids, tags, hosts, paths and types of their own, do not add to the series`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-cardinality-'))
  const database = `sqlite:${join(folder, 'keys.db')}`
  const keys = await withKeys(database)
  const manager = await openTaskManager({ database, tasks: types, maxConcurrent: 0, logger: quiet })
  const server = await createServer({ manager, version: '1', logger: quiet })
  onTestFinished(async () => {
    await server.close()
    await manager.close()
    rmSync(folder, { recursive: true })
  })
  expect(await manager.access.list()).toHaveLength(count)
  const asKey = (index: number) => ({ authorization: `Bearer ${keys[index]}` })
  const scrape = async () => (await server.inject({ url: '/metrics', headers: asKey(0) })).body
  const statuses = new Map<number, number>()
  const ask = async (index: number) => {
    const headers = asKey(index)
    const payload = { parameters: {}, tags: [`tenant-${index}`], idempotency_key: `key-${index}` }
    const ways = [
      { method: 'POST', url: `/api/run/type-${index % 40}`, payload },
      { method: 'POST', url: `/api/run/unknown-${index}`, payload },
      { method: 'GET', url: `/api/task/secret-${index}/status` },
      { method: 'GET', url: `/api/task/019a3c5e-7d2b-7c4f-9a61-${String(index).padStart(12, '0')}` },
      { method: 'GET', url: `/unknown-${index}/path-${index}` },
      { method: 'DELETE', url: `/api/unknown-${index}` },
      { method: 'PUT', url: `/api/task/unknown-${index}` },
      { method: 'GET', url: `/api/tasks/unknown-${index}` },
      { method: 'GET', url: `/api/operations/unknown-${index}` },
      { method: 'GET', url: `/api/keys/unknown-${index}` },
      { method: 'GET', url: '/api/me', headers: { ...headers, host: `host-${index}.example.com` } },
      { method: 'GET', url: '/api/me', headers: { authorization: `Bearer wrong-${index}` } },
      { method: 'GET', url: '/api/me', headers: { ...headers, 'x-request-id': `request-${index}` } },
    ] as const
    const { statusCode } = await server.inject({ headers, ...ways[index % ways.length]! })
    statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
  }
  // As many rounds as it takes for each way to have met each type.
  const first = 40 * 13
  for (let index = 0; index < first; index++) await ask(index)
  await scrape()
  const before = seriesOf(await scrape())

  for (let index = first; index < count; index++) await ask(index)
  const text = await scrape()
  expect(seriesOf(text)).toEqual(before)
  expect(before.length).toBeLessThan(types.length * 100)
  expect([...statuses.values()].reduce((sum, one) => sum + one)).toBe(count)
  expect(new Set(statuses.keys())).toEqual(new Set([200, 401, 404, 405]))
  expect(text).toMatch(/fermata_tasks_submitted_total\{type="type-0"\} \d+/)
  expect(text).toMatch(/fermata_http_requests_total\{route="unknown",status="404"\} \d{3}/)
  expect(text).not.toMatch(/tenant-|key-|secret|k000|fmt_|019a3c5e|unknown-|host-\d|request-|wrong-/)
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
