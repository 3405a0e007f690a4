import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Api, type Answer } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
let api: Api
let admin: string
const issued: string[] = []

beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '20', LOG_LEVEL: 'trace' } })
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

const with_ = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' })

async function created(
  name: string,
  scopes: string[],
  more: object = {},
): Promise<Readonly<{ id: string; key: string }>> {
  const answer = await api.post('/api/keys', { name, scopes, ...more }, with_(admin))
  expect(answer.status, answer.text).toBe(201)
  const { id, key } = answer.body as { id: string; key: string }
  issued.push(key)
  return { id, key }
}

function as(key: string) {
  const headers = with_(key)
  return {
    get: (path: string) => api.call('GET', path, { headers }),
    post: (path: string, body: object = {}) =>
      api.call('POST', path, { headers, body: JSON.stringify(body) }),
    delete: (path: string) => api.call('DELETE', path, { headers }),
  }
}

async function submitted(key: string, type: string, more: object = {}): Promise<string> {
  const answer = await as(key).post(`/api/run/${type}`, { parameters: parametersOf(type), ...more })
  expect(answer.status, answer.text).toBe(200)
  return String(answer.body['task_id'])
}

const parametersOf = (type: string) => (type === 'add' ? { a: 1, b: 2 } : { duration: 60 })
const refusalOf = ({ status, body }: Answer) => [status, body['code']]

test('a server without keys is open, and the first key closes it', async () => {
  expect((await api.call('GET', '/api/me')).body).toMatchObject({ id: null, name: 'anonymous' })
  expect((await api.call('DELETE', '/api/keys/none')).status).toBe(404)
  const refused = await api.post('/api/keys', { name: 'reader', scopes: ['read'] })
  expect(refused.body).toMatchObject({ code: 'OPTIONS_INVALID', errors: [{ path: 'scopes' }] })
  const open = await fetch(`${server.url}/api/events`)
  const answer = await api.post('/api/keys', { name: 'root', scopes: ['admin'] })
  expect(answer.status).toBe(201)
  admin = String(answer.body['key'])
  issued.push(admin)
  expect(admin).toMatch(/^fmt_[a-z\d]{12}_[\w-]{43}$/)
  expect(answer.headers.get('location')).toBe(`/api/keys/${String(answer.body['id'])}`)
  // The stream of a caller without a key ends.
  await open.text()
  const closed = await api.call('GET', '/api/me')
  expect(refusalOf(closed)).toEqual([401, 'UNAUTHENTICATED'])
  expect(closed.headers.get('www-authenticate')).toBe('Bearer')
  expect((await as(admin).get('/api/me')).body).toMatchObject({ name: 'root', scopes: ['admin'] })
  expect((await api.call('GET', '/api/me', { headers: { 'x-api-key': admin } })).status).toBe(200)
  for (const path of ['/healthz', '/readyz', '/', '/docs'])
    expect((await api.call('GET', path)).status).toBe(200)
  const types = async (headers: Record<string, string>) =>
    JSON.stringify((await api.call('GET', '/openapi.json', { headers })).body).includes('Parameters.add')
  expect([await types({}), await types(with_(admin))]).toEqual([false, true])
})

test('a key limited to types can only wait for tasks that it may see', async () => {
  const { key } = await created('adds only', ['run', 'read'], { types: ['add'] })
  const hidden = await submitted(admin, 'long')
  const own = await submitted(key, 'add', { delay: 3_600 })
  const refused = await as(key).post('/api/run/add', { parameters: { a: 1, b: 2 }, after: [own, hidden] })
  const unknown = await as(key).post('/api/run/add', { parameters: { a: 1, b: 2 }, after: [own, 'nobody'] })
  expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'after.1' }] } })
  expect(refused.text.replaceAll(hidden, 'nobody').length).toBe(unknown.text.length)
  const both = await submitted(admin, 'add', { after: [own, hidden] })
  const { body } = await as(key).get(`/api/task/${both}/explain`)
  expect(body['reasons']).toEqual([{ code: 'predecessors', message: 'Waits for 2 tasks to end.' }])
  for (const id of [both, own, hidden]) await as(admin).delete(`/api/task/${id}`)
})

test('every call needs its scope, and says which', async () => {
  const { key: reader } = await created('reader', ['read'])
  const { key: runner } = await created('runner', ['run'])
  const { key: controller } = await created('controller', ['control'])
  const id = await submitted(runner, 'long')
  const calls: Readonly<Record<string, (key: string) => Promise<Answer>>> = {
    read: (key) => as(key).get(`/api/task/${id}`),
    run: (key) => as(key).post('/api/run/add', { parameters: { a: 1, b: 2 } }),
    control: (key) => as(key).post(`/api/task/${id}/pause?wait=60`),
    admin: (key) => as(key).get('/api/keys'),
  }
  for (const [scope, call] of Object.entries(calls)) {
    for (const [key, has] of [
      [reader, 'read'],
      [runner, 'run'],
      [controller, 'control'],
      [admin, scope],
    ]) {
      const answer = await call(key!)
      if (has === scope) expect(answer.status, answer.text).toBe(200)
      else expect(answer).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
      if (has !== scope) expect(answer.body['detail']).toContain(`scope ${scope}`)
    }
  }
  // Without read, a submit does not return the result of the task.
  const run = await as(runner).post('/api/run/add?wait=60', { parameters: { a: 1, b: 2 } })
  expect(run.body).not.toHaveProperty('result')
  expect((await as(reader).get('/api/me')).body).toMatchObject({ scopes: ['read'] })
})

test('names callers in tasks, timelines and operations', async () => {
  const { key } = await created('Änne', ['read', 'run', 'control'])
  const id = await submitted(key, 'long')
  await as(key).post(`/api/task/${id}/pause?wait=60`, { reason: 'lunch' })
  const { body } = await as(admin).get(`/api/task/${id}`)
  expect(body['created_by']).toBe('Änne')
  expect(body['timeline']).toContainEqual(expect.objectContaining({ by: 'Änne', why: 'lunch' }))
  const found = await as(admin).get(`/api/task?created_by=${encodeURIComponent('Änne')}`)
  expect(found.body['tasks']).toMatchObject([{ task_id: id }])
  const bulk = await as(key).post('/api/bulk?wait=60', {
    action: 'cancel',
    filter: { created_by: 'Änne' },
    reason: 'done',
  })
  expect(bulk.body).toMatchObject({ created_by: 'Änne', reason: 'done', changed: 1 })
})

test('wrong keys are refused, whatever is wrong with them', async () => {
  const other = admin.slice(0, -1) + (admin.endsWith('A') ? 'B' : 'A')
  const wrong = [
    '',
    'fmt_',
    other,
    admin.replace(/_\w{12}_/, '_aaaaaaaaaaaa_'),
    `${admin}x`,
    admin.toUpperCase(),
  ]
  for (const key of wrong) expect(refusalOf(await as(key).get('/api/me'))).toEqual([401, 'UNAUTHENTICATED'])
  const both = { 'x-api-key': other, authorization: `Bearer ${admin}` }
  expect((await api.call('GET', '/api/me', { headers: both })).status).toBe(401)
  expect((await api.call('GET', '/api/me', { headers: { authorization: `Basic ${admin}` } })).status).toBe(
    401,
  )
  expect((await api.call('GET', `/api/me?key=${admin}`)).status).toBe(401)
})

test('keys are refused with what is wrong, listed without secrets, and have names of their own', async () => {
  const bad = [
    { name: 'reaper', scopes: ['read'] },
    { name: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', scopes: ['read'] },
    { name: 'x', scopes: [] },
    { name: 'x', scopes: ['fly'] },
    { name: 'x', scopes: ['admin'], types: ['add'] },
    { name: 'x', scopes: ['read'], expires_at: 1 },
    { name: 'x', scopes: ['read'], more: 1 },
  ]
  for (const body of bad) expect((await as(admin).post('/api/keys', body)).status).toBe(422)
  await created('taken', ['read'])
  const again = await as(admin).post('/api/keys', { name: 'taken', scopes: ['read'] })
  expect(refusalOf(again)).toEqual([409, 'KEY_NAME_TAKEN'])
  const { text, body } = await as(admin).get('/api/keys')
  expect(text).not.toMatch(/fmt_|hash/)
  const [first] = body['keys'] as { id: string }[]
  expect((await as(admin).get(`/api/keys/${first!.id}`)).body).toEqual(first)
  expect(refusalOf(await as(admin).get('/api/keys/none'))).toEqual([404, 'KEY_UNKNOWN'])
})

describe('a key that ends', () => {
  test('ends its streams and waiting calls at once', async () => {
    const { id, key } = await created('doomed', ['read', 'run', 'control'])
    const task = await submitted(key, 'long')
    const streams = await Promise.all(
      [`/api/events`, `/api/task/${task}/events`].map((path) =>
        fetch(`${server.url}${path}`, { headers: with_(key) }),
      ),
    )
    const waiting = as(key).get(`/api/task/${task}/result?wait=60`)
    const running = as(key).post('/api/run/long?wait=60', { parameters: { duration: 60 } })
    expect((await as(admin).delete(`/api/keys/${id}`)).status).toBe(204)
    await Promise.all(streams.map((stream) => stream.text()))
    expect((await waiting).status).toBe(401)
    expect((await running).status).toBe(401)
    expect((await as(key).get('/api/me')).status).toBe(401)
    expect((await as(admin).delete(`/api/keys/${id}`)).status).toBe(404)
    // A client gives up, and says why.
    const client = new Fermata({ url: server.url, apiKey: key })
    await expect(client.changes().next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
  })

  test('by expiry ends like a revoked one', async () => {
    // It may have ended before the stream is opened, if the machine is busy: the next one ends later.
    let [seconds, key] = [1, '']
    const stream = await until('a stream is opened', async () => {
      seconds *= 2
      const expires_at = Date.now() / 1_000 + seconds
      ;({ key } = await created(`brief ${seconds}`, ['read'], { expires_at }))
      const opened = await fetch(`${server.url}/api/events`, { headers: with_(key) })
      return opened.status === 200 ? opened : undefined
    })
    await stream.text()
    expect((await as(key).get('/api/me')).status).toBe(401)
  })

  test('by rotation is valid until the overlap is over', async () => {
    const { id, key } = await created('rotated', ['read'])
    const first = await as(admin).post(`/api/keys/${id}/rotate`, { overlap: '1h' })
    const next = String(first.body['key'])
    issued.push(next)
    expect([(await as(key).get('/api/me')).status, (await as(next).get('/api/me')).status]).toEqual([
      200, 200,
    ])
    const last = String((await as(admin).post(`/api/keys/${id}/rotate`)).body['key'])
    issued.push(last)
    const statuses = [key, next, last].map(async (one) => (await as(one).get('/api/me')).status)
    expect(await Promise.all(statuses)).toEqual([401, 401, 200])
  })
})

describe('a key that is limited', () => {
  test('to types sees nothing else, and may not even learn that it exists', async () => {
    const { key } = await created('adder', ['read', 'run', 'control'], { types: ['add'] })
    const me = as(key)
    const own = await submitted(key, 'add')
    const hidden = await submitted(admin, 'long')
    expect((await me.get('/api/tasks')).body['available_tasks']).toEqual(['add'])
    await sameAsUnknown(me, hidden)
    expect(refusalOf(await me.post('/api/run/long', { parameters: { duration: 1 } }))).toEqual([
      404,
      'TYPE_UNKNOWN',
    ])
    expect(refusalOf(await me.post('/api/tasks/long/pause'))).toEqual([404, 'TYPE_UNKNOWN'])
    expect((await me.get('/api/tasks/long')).text).not.toContain('duration')
    const seen = (await me.get('/api/task?limit=1000')).body['tasks'] as { task_type: string }[]
    expect(new Set(seen.map(({ task_type: type }) => type))).toEqual(new Set(['add']))
    expect((await me.get('/api/task?type=long')).body['tasks']).toEqual([])
    expect((await me.get(`/api/task?q=${hidden}`)).body['tasks']).toEqual([])
    const counted = await me.post('/api/bulk?wait=60', { action: 'cancel', filter: {}, dry_run: true })
    expect(counted.body['matched']).toBe(0)
    for (const path of ['/api/stats', '/api/history', '/api/nodes', '/metrics'])
      expect((await me.get(path)).status).toBe(403)
    expect((await me.get(`/api/task/${own}`)).status).toBe(200)
    const document = JSON.stringify((await me.get('/openapi.json')).body)
    expect(document).not.toContain('Parameters.long')
  })

  test('to tags sees and submits only tasks with one of them', async () => {
    const { key } = await created('tenant', ['read', 'run', 'control'], { tags: ['blue', 'green'] })
    const me = as(key)
    const own = await submitted(key, 'long', { tags: ['green', 'x'] })
    const hidden = await submitted(admin, 'long', { tags: ['red'] })
    expect((await me.post('/api/run/add', { parameters: { a: 1, b: 2 } })).body).toMatchObject({
      status: 403,
      detail: expect.stringContaining('"blue", "green"'),
    })
    const batch = { tasks: [{ parameters: { a: 1, b: 2 }, tags: ['blue'] }, { parameters: { a: 1, b: 2 } }] }
    expect((await me.post('/api/run/add/batch', batch)).status).toBe(403)
    await sameAsUnknown(me, hidden)
    const ids = async (query: string) =>
      ((await me.get(`/api/task?${query}`)).body['tasks'] as { task_id: string }[]).map(
        ({ task_id: id }) => id,
      )
    expect(await ids('limit=1000')).toEqual([own])
    expect(await ids('tag=red')).toEqual([])
    expect(await ids('tag=x')).toEqual([own])
    const drawn = (await me.get('/api/runs')).body['runs'] as { task_id: string }[]
    expect(drawn.map(({ task_id: id }) => id)).toEqual([own])
    expect(refusalOf(await me.post('/api/tasks/long/pause'))).toEqual([403, 'FORBIDDEN'])
    const reused = { parameters: { duration: 60 }, tags: ['red'], idempotency_key: 'shared' }
    await as(admin).post('/api/run/long', reused)
    const conflict = await me.post('/api/run/long', { ...reused, tags: ['blue'] })
    expect(conflict.body).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
    expect(conflict.body).not.toHaveProperty('task_id')
    const unique = { parameters: { duration: 60 }, tags: ['red'], unique: { key: 'shared' } }
    await as(admin).post('/api/run/long', unique)
    for (const action of ['return', 'replace', 'reject']) {
      const own = { ...unique, tags: ['blue'], unique: { key: 'shared', on_conflict: action } }
      const taken = await me.post('/api/run/long', own)
      expect(taken).toMatchObject({ status: 409, body: { code: 'UNIQUE_CONFLICT' } })
      expect(taken.body).not.toHaveProperty('task_id')
    }
    const cancelled = await me.post('/api/bulk?wait=60', { action: 'cancel', filter: {} })
    expect(cancelled.body).toMatchObject({ matched: 1 })
    const operation = String(cancelled.body['operation_id'])
    const { key: other } = await created('other', ['read', 'control'], { tags: ['red'] })
    expect((await as(other).get(`/api/operations/${operation}`)).status).toBe(404)
    expect((await as(other).delete(`/api/operations/${operation}`)).status).toBe(404)
    expect((await as(admin).get(`/api/task/${hidden}`)).body['status']).toBe('running')
  })

  test('receives no events of other tasks', async () => {
    const { key } = await created('listener', ['read'], { tags: ['mine'] })
    const client = new Fermata({ url: server.url, apiKey: key })
    const changes = client.changes()
    await changes.next()
    await submitted(admin, 'add', { tags: ['theirs'] })
    const own = await submitted(admin, 'add', { tags: ['mine'] })
    const { value } = await changes.next()
    expect(value).toMatchObject({ task_id: own })
    await changes.return()
  })
})

test('pages of other origins and names: keys open names, never origins', async () => {
  const ask = (headers: Record<string, string>) => fetch(`${server.url}/api/me`, { headers })
  expect((await ask({ ...with_(admin), origin: 'http://evil.example' })).status).toBe(403)
  expect((await ask({ ...with_(admin), 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  const { hostname, port } = new URL(server.url)
  const { request } = await import('node:http')
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const headers = { ...with_(admin), host: 'fermata.example.com' }
    request({ hostname, port, path: '/api/me', headers }, (answer) => resolve(answer.statusCode))
      .on('error', reject)
      .end()
  })
  expect(status).toBe(200)
})

test('the last use of a key is stored when the server stops, and no key is anywhere', async () => {
  await as(issued[1]!).get(`/nothing/${admin}?key=${admin}`)
  await as(admin).post('/api/run/add', { parameters: { a: 1, b: 2 }, [admin]: admin })
  const { stdout, stderr } = await server.stop()
  const secrets = issued.map((key) => key.split('_').slice(2).join('_'))
  const texts = [stdout, stderr]
  if (TestServer.databaseIn(server.directory).startsWith('sqlite:')) {
    for (const name of readdirSync(server.directory))
      texts.push(readFileSync(join(server.directory, name), 'latin1'))
    expect(texts.length).toBeGreaterThan(2)
    expect(texts.some((text) => text.includes('reader'))).toBe(true)
  }
  for (const secret of secrets) expect(texts.some((text) => text.includes(secret))).toBe(false)
})

test('fermata keys works through the server, or on the database without one', async () => {
  const database = await newDatabase()
  const keys = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    run(['keys', ...args], env)
  const never = await keys(['create', 'x', '--scope', 'read', '--rate-limit', '5/0s', '--database', database])
  expect(never).toMatchObject({ code: 2, stderr: expect.stringContaining('like 100/1m') })
  const first = await keys(['create', 'root', '--scope', 'admin', '--database', database])
  expect(first.stderr).toContain('not shown again')
  const key = first.stdout.trim()
  expect(key).toMatch(/^fmt_/)
  await using other = await TestServer.start({
    env: { DATABASE_URL: database },
    arguments: ['serve', '--require-keys'],
  })
  const env = { FERMATA_URL: other.url, FERMATA_API_KEY: key }
  expect((await keys(['list'], { FERMATA_URL: other.url })).stderr).toContain('requires a key')
  const limit = ['--rate-limit', '500/1m']
  const made = await keys(
    ['create', 'ci', '--scope', 'run', '--scope', 'read', '--type', 'add', ...limit],
    env,
  )
  expect((await keys(['list'], env)).stdout).toMatch(/ci\s+run,read\s+add\s+500\/1m/)
  const rotated = await keys(['rotate', 'ci', '--overlap', '1h'], env)
  for (const one of [made, rotated]) {
    const ran = await run(['run', 'add', '--a', '1', '--b', '2'], {
      ...env,
      FERMATA_API_KEY: one.stdout.trim(),
    })
    expect(ran.code, ran.stderr).toBe(0)
  }
  expect((await keys(['revoke', 'ci'], env)).stdout).toContain('Revoked ci')
  const refused = await run(['run', 'add', '--a', '1', '--b', '2'], {
    ...env,
    FERMATA_API_KEY: made.stdout.trim(),
  })
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('not valid') })
})

test('--require-keys refuses to be open, and FERMATA_ADMIN_KEY is a key that is never shown', async () => {
  const database = await newDatabase()
  const env = { DATABASE_URL: database, PORT: '0' }
  const refused = await run(['serve', '--require-keys'], env)
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('fermata keys create') })
  const short = await run(['serve'], { ...env, FERMATA_ADMIN_KEY: 'short-canary' })
  expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining('FERMATA_ADMIN_KEY') })
  expect(short.stderr).not.toContain('canary')
  const key = 'canary-0123456789-0123456789-0123456789'
  await using own = await TestServer.start({
    env: { ...env, FERMATA_ADMIN_KEY: key, FERMATA_REQUIRE_KEYS: 'true' },
  })
  const me = async (text: string) => (await fetch(`${own.url}/api/me`, { headers: with_(text) })).status
  expect([await me(key), await me('canary')]).toEqual([200, 401])
  const { stdout, stderr } = await own.stop()
  expect(stdout + stderr).not.toContain('canary')
})

async function newDatabase(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return TestServer.databaseIn(folder)
}

async function sameAsUnknown(me: ReturnType<typeof as>, hidden: string): Promise<void> {
  const unknown = '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31'
  const calls = (id: string) => [
    me.get(`/api/task/${id}`),
    me.get(`/api/task/${id}/status`),
    me.get(`/api/task/${id}/result`),
    me.get(`/api/task/${id}/logs`),
    me.get(`/api/task/${id}/explain`),
    me.get(`/api/task/${id}/events`),
    me.post(`/api/task/${id}/pause`),
    me.post(`/api/task/${id}/retry`),
    me.post(`/api/task/${id}/purge`),
    me.delete(`/api/task/${id}`),
    me.get(`/api/task/${id.slice(-12)}/status`),
  ]
  const told = async (id: string) =>
    (await Promise.all(calls(id))).map(({ status, body }) => {
      const { request_id: _, detail, ...rest } = body
      return [status, String(detail).replaceAll(id, 'ID').replaceAll(id.slice(-12), 'PART'), rest]
    })
  const [of, unlike] = [await told(hidden), await told(unknown)]
  expect(of).toEqual(unlike)
  expect(new Set(of.map(([status]) => status))).toEqual(new Set([404]))
}

test('fermata run works with a key that may only submit, and says what waiting needs', async () => {
  const key = 'canary-0123456789-0123456789-0123456789'
  await using own = await TestServer.start({ env: { FERMATA_ADMIN_KEY: key } })
  const { key: runner } = await new Fermata({ url: own.url, apiKey: key }).createKey({
    name: 'runner',
    scopes: ['run'],
  })
  const env = { FERMATA_URL: own.url, FERMATA_API_KEY: runner }
  const add = ['run', 'add', '--json', '{"a": 1, "b": 2}']
  const submitted = await run(add, env)
  expect(submitted, submitted.stderr).toMatchObject({ code: 0, stderr: '' })
  const id = submitted.stdout.trim()
  expect(id).toMatch(/^[\da-f-]{36}$/)
  const options = await run([...add, '--priority', '7', '--tag', 'x', '--quiet'], env)
  expect(options).toMatchObject({ code: 0, stderr: '' })
  const all = new Fermata({ url: own.url, apiKey: key })
  expect(await all.getTask(options.stdout.trim())).toMatchObject({
    priority: 7,
    tags: ['x'],
    created_by: 'runner',
  })

  for (const flag of ['--wait', '--watch']) {
    const waited = await run([...add, flag], env)
    expect(waited.code).toBe(2)
    expect(waited.stderr).toContain('needs the scope read')
    expect(await all.getTask(waited.stdout.trim())).toMatchObject({ created_by: 'runner' })
  }
  const flags = await run(['run', 'add', '--a', '1'], env)
  expect(flags.code).toBe(2)
  expect(flags.stderr).toMatch(/unknown option '--a'.*give them as --json/)
  expect((await run(['run', 'add', '--help'], env)).stdout).toContain('give them as --json')
  expect(await run(['run', 'nothing', '--json', '{}'], env)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no task type "nothing"'),
  })
  expect(await run(['run', 'add', '--json', '{"a": "x"}'], env)).toMatchObject({ code: 2 })
})
