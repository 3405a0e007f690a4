import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Api, type Answer } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'

/** Requests of keys with a rate limit, over real connections. Limits give nothing back while a test runs. */

const adminKey = 'the-key-of-the-administrator-of-this-server'
const perDay = (limit: number) => ({ limit, per: '1d' })
let server: TestServer
let api: Api
let admin: Fermata
beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_ADMIN_KEY: adminKey } })
  api = new Api(server.url)
  admin = new Fermata({ url: server.url, apiKey: adminKey })
})
afterAll(() => server[Symbol.asyncDispose]())

const asKey = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })
const me = (key: string) => api.call('GET', '/api/me', asKey(key))
const rateOf = ({ headers }: Answer) => [headers.get('ratelimit-policy'), headers.get('ratelimit')]

test('a key with a limit is told what is left of it, and refused when nothing is', async () => {
  const { key, ...created } = await admin.createKey({
    name: 'ci',
    scopes: ['read', 'run'],
    rate_limit: perDay(3),
  })
  expect(created.rate_limit).toEqual({ limit: 3, per: 86_400 })
  expect(await admin.getKey(created.id)).toMatchObject({ rate_limit: { limit: 3, per: 86_400 } })
  const first = await me(key)
  expect(rateOf(first)).toEqual(['"key";q=3;w=86400', '"key";r=2;t=28800'])
  // Also one that is refused for another reason.
  expect((await api.call('GET', '/api/keys', asKey(key))).status).toBe(403)
  const submit = { parameters: { a: 1, b: 2 } }
  const last = await api.post('/api/run/add', submit, asKey(key).headers)
  expect(last.status).toBe(200)
  expect(rateOf(last)[1]).toMatch(/^"key";r=0;t=86[34]\d\d$/)

  for (const call of [() => me(key), () => api.post('/api/run/add', submit, asKey(key).headers)]) {
    const refused = await call()
    expect(refused.status).toBe(429)
    expect(refused.body).toMatchObject({
      code: 'RATE_LIMITED',
      detail: expect.stringMatching(/3 requests per 86400 s.*Try again in 28\d\d\d s/),
    })
    const after = refused.headers.get('retry-after')
    expect(Number(after)).toBeGreaterThan(28_000)
    expect(rateOf(refused)).toEqual(['"key";q=3;w=86400', `"key";r=0;t=${after}`])
  }
  expect((await admin.listTasks({ created_by: 'ci' })).tasks).toHaveLength(1)
  const client = new Fermata({ url: server.url, apiKey: key, patience: 0 })
  await expect(client.getMe()).rejects.toMatchObject({ code: 'RATE_LIMITED', status: 429 })
})

test('crowds of requests over many connections are counted exactly', async () => {
  const { key } = await admin.createKey({ name: 'crowd', scopes: ['read'], rate_limit: perDay(50) })
  const statuses = await Promise.all(Array.from({ length: 200 }, async () => (await me(key)).status))
  expect(statuses.filter((status) => status === 200)).toHaveLength(50)
  expect(statuses.filter((status) => status === 429)).toHaveLength(150)
})

test('health calls, unknown keys and the page cost nothing; an event stream costs one', async () => {
  const { key } = await admin.createKey({ name: 'watcher', scopes: ['read', 'run'], rate_limit: perDay(2) })
  for (const path of ['/healthz', '/readyz', '/', '/nowhere']) {
    const answer = await api.call('GET', path, asKey(key))
    expect(rateOf(answer), path).toEqual([null, null])
  }
  expect((await me(key.slice(0, -1))).status).toBe(401)
  const stream = await fetch(`${server.url}/api/events`, asKey(key))
  expect(stream.headers.get('ratelimit')).toBe('"key";r=1;t=43200')
  const reader = stream.body!.getReader()
  const task = await admin.submitTask('add', { parameters: { a: 1, b: 2 } })
  let text = ''
  while (!text.includes(task.task_id)) text += new TextDecoder().decode((await reader.read()).value)
  await reader.cancel()
  expect(rateOf(await me(key))[1]).toMatch(/r=0/)
  expect((await me(key)).status).toBe(429)
  expect((await fetch(`${server.url}/api/events`, asKey(key))).status).toBe(429)
})

test('both secrets of a rotated key share its limit, and a revoked one is refused as such', async () => {
  const { id, key } = await admin.createKey({ name: 'rotated', scopes: ['read'], rate_limit: perDay(2) })
  const { key: next, rate_limit: rate } = await admin.rotateKey(id, { overlap: '1h' })
  expect(rate).toEqual({ limit: 2, per: 86_400 })
  expect([(await me(key)).status, (await me(next)).status]).toEqual([200, 200])
  expect([(await me(key)).status, (await me(next)).status]).toEqual([429, 429])
  await admin.revokeKey(id)
  expect((await me(next)).status).toBe(401)
})

test('a client waits for its turn by itself', async () => {
  const rate = { limit: 2, per: 2 }
  const { key } = await admin.createKey({ name: 'patient', scopes: ['read'], rate_limit: rate })
  const refusals: string[] = []
  const client = new Fermata({
    url: server.url,
    apiKey: key,
    patience: 60,
    onRetry: ({ error }) => void refusals.push(error.code),
  })
  for (let call = 0; call < 4; call++) expect(await client.getMe()).toMatchObject({ name: 'patient' })
  expect(new Set(refusals)).toEqual(new Set(['RATE_LIMITED']))
})

test('limits that are none are refused with what is wrong', async () => {
  const bad = [
    { limit: 0, per: 1 },
    { limit: 1.5, per: 1 },
    { limit: 1, per: 0.5 },
    { limit: 1, per: '2d' },
    { limit: 1, per: 'soon' },
    { limit: 1_000_001, per: 1 },
    { limit: 1 },
    '100/1m',
  ]
  for (const rate of bad) {
    const body = { name: 'x', scopes: ['read'], rate_limit: rate }
    const answer = await api.post('/api/keys', body, asKey(adminKey).headers)
    expect(answer.status, answer.text).toBe(422)
    expect(answer.text).toContain('"path":"rate_limit')
  }
  const { code, stderr } = await run(['serve', '--key-rate-limit', '5/never'])
  expect([code, stderr]).toEqual([2, expect.stringContaining('like 100/1m')])
})

test('limits survive a restart, and keys without one get that of the server', async () => {
  const env = { FERMATA_ADMIN_KEY: adminKey, FERMATA_KEY_RATE_LIMIT: '2/1d' }
  let second = await TestServer.start({ env })
  const { directory } = second
  try {
    const root = new Fermata({ url: second.url, apiKey: adminKey })
    const own = await root.createKey({ name: 'own', scopes: ['read'], rate_limit: perDay(1) })
    const usual = await root.createKey({ name: 'usual', scopes: ['read'] })
    expect(usual.rate_limit).toBeNull()
    const counted = async (key: string, times: number) => {
      const there = new Api(second.url)
      const answers = []
      for (let call = 0; call < times; call++)
        answers.push((await there.call('GET', '/api/me', asKey(key))).status)
      return answers
    }
    expect(await counted(own.key, 2)).toEqual([200, 429])
    expect(await counted(usual.key, 3)).toEqual([200, 200, 429])
    expect(await counted(adminKey, 5)).toEqual([200, 200, 200, 200, 200])
    await second.stop()
    second = await TestServer.start({ env, directory })
    // Counts are in the memory of a node: they start over.
    expect(await counted(own.key, 2)).toEqual([200, 429])
    expect(await counted(usual.key, 3)).toEqual([200, 200, 429])
  } finally {
    await second[Symbol.asyncDispose]()
  }
})
