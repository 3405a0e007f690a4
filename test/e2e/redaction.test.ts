import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mask } from '../../src/core/redaction.ts'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { collect, sse } from '../support/sse.ts'

/** Whatever form it takes, one of its parts would show. */
const password = 'canary-one "two" \\three/four'
const parts = ['canary-one', 'three', 'two', '4929000000006']
const card = { number: 4_929_000_000_006 }
const adminKey = 'administrator-0123456789-0123456789'
const types = ['secret-inline', 'secret-thread', 'secret-process', 'secret-command'] as const

let server: TestServer
let api: Api
let reader: string
const headersOf = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' })
const get = (path: string, key = reader) => api.call('GET', path, { headers: headersOf(key) })
const post = (path: string, body: object, more: Record<string, string> = {}) =>
  api.post(path, body, { ...headersOf(reader), ...more })

const serve = (directory?: string) =>
  TestServer.start({
    env: { FERMATA_ADMIN_KEY: adminKey, LOG_LEVEL: 'trace' },
    arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/sensitive.ts')],
    ...(directory === undefined ? {} : { directory }),
  })

beforeAll(async () => {
  server = await serve()
  api = new Api(server.url)
  const scopes = ['read', 'run', 'control']
  const answer = await api.post('/api/keys', { name: 'reader', scopes }, headersOf(adminKey))
  reader = String(answer.body['key'])
})
afterAll(() => server[Symbol.asyncDispose]())

function mustHide(text: string, what: string): void {
  for (const part of parts) expect(text, `${what} shows ${part}`).not.toContain(part)
}

async function submitted(type: string, end: string, more: object = {}): Promise<string> {
  const { status, text, body } = await post(`/api/run/${type}`, {
    parameters: { password, card, end },
    ...more,
  })
  expect(status, text).toBe(200)
  mustHide(text, 'a submit')
  return String(body['task_id'])
}

const finished = (id: string) => get(`/api/task/${id}/result?wait=60`)

test('a callback of a schedule is shown to administrators only, and is not replaced by its mask', async () => {
  const callback_url = 'https://hooks.example/canary-one'
  const schedule = { id: 'told', type: 'secret-inline', parameters: { password, card, end: 'return' } }
  const body = { ...schedule, every: '24h', options: { callback_url } }
  const made = await post('/api/schedules', body)
  expect(made.status, made.text).toBe(201)
  const lists = await get('/api/schedules')
  for (const { text } of [made, lists, await get('/api/schedules/told')]) mustHide(text, 'a schedule')
  expect((await get('/api/schedules/told', adminKey)).body['options']).toEqual({ callback_url })
  const masked = { ...body, options: { callback_url: mask } }
  const refused = await api.call('PUT', '/api/schedules/told', {
    headers: headersOf(reader),
    body: JSON.stringify(masked),
  })
  expect(refused.body).toMatchObject({ code: 'OPTIONS_INVALID', errors: [{ path: 'callback_url' }] })
})

describe.each(types)('%s', (type) => {
  test('shows its sensitive values in no answer, event or page of the log', async () => {
    const all = collect(
      sse(`${server.url}/api/events?type=${type}`, headersOf(reader)),
      ({ data }) => data['status'] === 'failed',
    )
    const id = await submitted(type, 'return')
    await finished(id)
    const failed = await submitted(type, 'throw')
    await finished(failed)
    mustHide(JSON.stringify(await all), 'the stream of all tasks')
    for (const one of [id, failed]) {
      for (const path of ['', '/status', '/result', '/logs', '/explain']) {
        const { status, text } = await get(`/api/task/${one}${path}`)
        expect(status).toBe(200)
        mustHide(text, path)
      }
      const events = await collect(sse(`${server.url}/api/task/${one}/events`, headersOf(reader)))
      expect(events.length).toBeGreaterThan(2)
      mustHide(JSON.stringify(events), 'the stream of a task')
    }
    const { body } = await get(`/api/task/${id}`)
    expect(body).toMatchObject({
      parameters: { password: mask, card: { number: mask }, end: 'return' },
      checkpoint: { token: mask, step: 1 },
      result: { session: mask, said: `hello ${mask}`, step: 1, number: mask },
      progress: { message: `trying ${mask}` },
    })
    const logs = await get(`/api/task/${id}/logs`)
    expect(logs.text).toContain('logging in with')
    // A thread or process may send its log before its checkpoint.
    expect(logs.text).toMatch(/got (?:token-of-)?\[redacted\]/)
    expect((await get(`/api/task/${failed}/status`)).text).toContain(`${mask} was refused`)
  })

  test('shows them to an administrator', async () => {
    const id = await submitted(type, 'return')
    await finished(id)
    expect((await get(`/api/task/${id}`, adminKey)).body).toMatchObject({
      parameters: { password, card },
      checkpoint: { token: `token-of-${password}` },
      result: { session: `session-of-${password}`, said: `hello ${password}`, number: card.number },
    })
    // What was hidden when it was recorded is hidden from everyone.
    mustHide((await get(`/api/task/${id}/logs`, adminKey)).text, 'the log')
  })
})

describe('sensitive values', () => {
  test('are hidden in lists, batches and waits', async () => {
    const waited = await post('/api/run/secret-inline', { parameters: { password } }, { prefer: 'wait=60' })
    expect(waited.body).toMatchObject({ status: 'completed', result: { session: mask } })
    mustHide(waited.text, 'a wait')
    const batch = await post('/api/run/secret-inline/batch', { tasks: [{ parameters: { password, card } }] })
    mustHide(batch.text, 'a batch')
    for (const query of [
      '',
      '?fields=parameters',
      '?fields=task_id,parameters,error,progress',
      '?type=secret-thread',
    ]) {
      const { text, body } = await get(`/api/task${query}`)
      expect((body['tasks'] as unknown[]).length).toBeGreaterThan(0)
      expect(text).toContain(mask)
      mustHide(text, `a list ${query}`)
    }
    const { body } = await get('/api/task?type=secret-thread&fields=parameters', adminKey)
    expect(JSON.stringify(body)).toContain('canary-one')
  })

  test('are not found by any search, so that an answer confirms no guess', async () => {
    await submitted('secret-inline', 'return', { tags: ['guessed'] })
    for (const key of [reader, adminKey]) {
      const counted = async (q: string) =>
        ((await get(`/api/task?tag=guessed&q=${encodeURIComponent(q)}`, key)).body['tasks'] as unknown[])
          .length
      expect(await counted('end')).toBe(1)
      for (const q of ['canary-one', '"two"', '4929']) expect(await counted(q), q).toBe(0)
      const bulk = { action: 'purge', filter: { tag: 'guessed', q: 'canary-one' }, dry_run: true }
      const answer = await api.post('/api/bulk?wait=60', bulk, headersOf(key))
      expect(answer.body, answer.text).toMatchObject({ status: 'completed', matched: 0 })
    }
    const over = new AbortController()
    const found = fetch(`${server.url}/api/events?q=canary-one`, {
      headers: headersOf(reader),
      signal: over.signal,
    })
    const stream = await found
    await finished(await submitted('secret-inline', 'return'))
    over.abort()
    const text = await stream.text().catch(() => '')
    expect(text).not.toContain('transition')
  })

  test('do not count for idempotency keys, so that a replay confirms no guess', async () => {
    const body = (own: object) => ({ parameters: { user: 'bob', ...own }, idempotency_key: 'login-of-bob' })
    const first = await post('/api/run/secret-inline', body({ password }))
    const guess = await post('/api/run/secret-inline', body({ password: 'a guess' }))
    expect(guess.headers.get('idempotency-replayed')).toBe('true')
    expect(guess.body['task_id']).toBe(first.body['task_id'])
    const other = await post('/api/run/secret-inline', body({ password, user: 'eve' }))
    expect(other.body).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
    mustHide(other.text, 'a conflict')
  })

  test('are not quoted by errors', async () => {
    const weak = await post('/api/run/secret-inline', { parameters: { password: 'short-canary' } })
    expect(weak.body).toMatchObject({
      code: 'PARAMETERS_INVALID',
      errors: [{ path: 'password', message: `${mask} is too weak` }],
    })
    expect(weak.text).not.toContain('short-canary')
    const batch = { tasks: [{ parameters: { password: 'short-canary' } }] }
    expect((await post('/api/run/secret-inline/batch', batch)).text).not.toContain('short-canary')
    const json = `{"parameters":{"password":"p","card":{"number":92929000000000000017}}}`
    const inexact = await api.call('POST', '/api/run/secret-inline', {
      headers: headersOf(reader),
      body: json,
    })
    expect(inexact.body).toMatchObject({ code: 'PARAMETERS_INVALID', errors: [{ path: 'card.number' }] })
    expect(inexact.text).not.toContain('929290000')
  })

  test('are refused if they are the mask, which a caller has read', async () => {
    const answer = await post('/api/run/secret-inline', {
      parameters: { password: mask, card: { number: 1 } },
    })
    expect(answer.body).toMatchObject({ code: 'PARAMETERS_INVALID', errors: [{ path: 'password' }] })
    expect(answer.text).toContain('only stands for a sensitive value: send the value itself')
    // Elsewhere it is a text like any other.
    expect((await post('/api/run/secret-inline', { parameters: { password, user: mask } })).status).toBe(200)
  })

  test('are used by a retry, which nobody has to know them for', async () => {
    const id = await submitted('secret-inline', 'throw')
    await finished(id)
    expect((await post(`/api/task/${id}/retry`, {})).status).toBe(200)
    await finished(id)
    const { body } = await get(`/api/task/${id}`)
    expect((body['attempts'] as unknown[]).length).toBe(2)
    expect((body['error'] as { message: string }).message).toContain(`${mask} was refused`)
  })

  test('are marked in the list of types', async () => {
    const { body } = await get('/api/tasks/secret-command')
    expect(body).toMatchObject({
      sensitive: { parameters: ['/password', '/card/number'], checkpoint: ['/token'], result: ['/session'] },
      parameters: {
        properties: {
          password: { writeOnly: true, format: 'password' },
          card: { properties: { number: { writeOnly: true } } },
        },
      },
    })
    expect((await get('/api/tasks/add')).body).toMatchObject({ sensitive: { parameters: [] } })
    const openapi = await (await fetch(`${server.url}/openapi.json`, { headers: headersOf(reader) })).text()
    expect(openapi).toContain('"writeOnly":true')
  })

  test('differ by caller without confusing caches', async () => {
    const id = await submitted('secret-inline', 'return')
    await finished(id)
    const tags = [reader, adminKey].map(async (key) =>
      (await get(`/api/task/${id}`, key)).headers.get('etag'),
    )
    const [own, all] = await Promise.all(tags)
    expect(own).not.toBe(all)
    const again = await api.call('GET', `/api/task/${id}`, {
      headers: { ...headersOf(reader), 'if-none-match': String(all) },
    })
    expect(again.status).toBe(200)
  })

  test('are hidden on the command line', async () => {
    const id = await submitted('secret-thread', 'throw')
    await finished(id)
    const env = { FERMATA_URL: server.url, FERMATA_API_KEY: reader, NO_COLOR: '1' }
    for (const args of [
      ['status', id],
      ['status', id, '--json'],
      ['result', id],
      ['logs', id],
      ['list'],
      ['list', '--json'],
      ['watch', id],
      ['explain', id],
      ['types', 'secret-thread'],
      ['run', 'secret-thread', '--password', password, '--watch'],
    ]) {
      const { stdout, stderr } = await run(args, env)
      expect(stdout + stderr).not.toBe('')
      mustHide(stdout + stderr, args.join(' '))
    }
    expect((await run(['types', 'secret-thread'], env)).stdout).toContain('sensitive')
    const wrong = await run(['run', 'secret-thread', '--password', 'x', '--card.number', 'canary-one'], env)
    expect(wrong.stderr).toContain('--card.number is invalid: it must be a number')
  })

  test('are in no log of the server and no metric', async () => {
    for (const type of types) await finished(await submitted(type, 'throw'))
    await finished(await submitted('secret-inline', 'uncaught'))
    const held = await submitted('secret-inline', 'hold')
    await api.until(held, () => true).catch(() => undefined)
    mustHide((await get('/metrics', adminKey)).text, 'metrics')
    const { directory } = server
    const { stdout, stderr } = await server.stop()
    expect(stdout).toContain('task failed')
    expect(stdout).toContain('uncaught error in a task')
    mustHide(stdout + stderr, 'the log')
    // Neither do those show them that do not know the type any more.
    await using other = await TestServer.start({ env: { FERMATA_ADMIN_KEY: adminKey }, directory })
    const there = new Api(other.url)
    const list = (key: string) => there.call('GET', '/api/task?limit=1000', { headers: headersOf(key) })
    const hidden = await list(reader)
    expect(hidden.text).toContain(`"parameters":"${mask}"`)
    mustHide(hidden.text, 'a list of unknown types')
    expect((await list(adminKey)).text).toContain('canary-one')
    await other.stop()
    server = await serve(directory)
  })
})

test('without keys nobody sees sensitive values, since nobody is an administrator', async () => {
  await using open = await TestServer.start({
    arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/sensitive.ts')],
  })
  const anyone = new Api(open.url)
  const id = await anyone.submit('secret-inline', { password })
  const { text } = await anyone.call('GET', `/api/task/${id}/result?wait=60`)
  expect(text).toContain(mask)
  mustHide(text, 'an open server')
})
