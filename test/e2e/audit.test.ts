import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fermata, type AuditEntry } from '../../src/client/index.ts'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
let root: string
let ci: Readonly<{ id: string; key: string }>
beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '5' } })
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

function as(key: string, requestId?: string) {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
  }
  return (method: string, path: string, body?: object) =>
    api.call(method, path, { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
}

/** Newest first. */
async function entries(query = ''): Promise<AuditEntry[]> {
  const { status, text, body } = await as(root)('GET', `/api/audit${query}`)
  expect(status, text).toBe(200)
  return body['entries'] as AuditEntry[]
}

test('records what callers without a key change, except submits, and the first key', async () => {
  await api.submit('add', { a: 1, b: 2 }, { delay: 3_600 })
  await api.call('POST', '/api/tasks/fib/pause?reason=broken')
  const draft = { name: 'root', scopes: ['admin'], reason: 'close the server' }
  const created = await api.post('/api/keys', draft, { 'x-request-id': 'first-key' })
  root = String(created.body['key'])
  const anonymous = { id: null, name: 'anonymous' }
  expect(await entries()).toMatchObject([
    {
      action: 'key.create',
      caller: anonymous,
      target: { id: created.body['id'], name: 'root' },
      reason: 'close the server',
      request_id: 'first-key',
      task_id: null,
      filter: null,
      count: null,
    },
    { action: 'type.hold', caller: anonymous, target: { id: null, name: 'fib' }, reason: 'broken' },
  ])
  expect(created.text + JSON.stringify(await entries())).toContain(root)
  expect(JSON.stringify(await entries())).not.toContain(root)
  const type = await as(root)('GET', '/api/tasks/fib')
  expect(type.body).toMatchObject({ held: true, hold: { by: 'anonymous', reason: 'broken' } })
})

test('records who submitted, controlled and deleted a task, and why', async () => {
  const issued = await as(root)('POST', '/api/keys', { name: 'ci', scopes: ['read', 'run', 'control'] })
  ci = { id: String(issued.body['id']), key: String(issued.body['key']) }
  const { body } = await as(ci.key, 'submit-1')('POST', '/api/run/long', { parameters: { duration: 60 } })
  const id = String(body['task_id'])
  await as(ci.key, 'pause-1')('POST', `/api/task/${id}/pause?wait=60`, { reason: 'lunch' })
  await as(ci.key, 'pause-2')('POST', `/api/task/${id}/pause`, { reason: 'again' })
  await as(ci.key, 'cancel-1')('DELETE', `/api/task/${id}?reason=wrong%20file&wait=60`)
  const { timeline } = (await as(root)('GET', `/api/task/${id}`)).body as {
    timeline: { at: number; by: string }[]
  }
  const told = timeline.filter(({ by }) => by === 'ci').map(({ at }) => at)
  await as(root, 'purge-1')('POST', `/api/task/${id}/purge`, { reason: 'space' })
  const found = (await entries(`?task_id=${id}`)).toReversed()
  expect(found).toMatchObject([
    { action: 'task.submit', caller: { id: ci.id, name: 'ci' }, request_id: 'submit-1', reason: null },
    { action: 'task.pause', request_id: 'pause-1', reason: 'lunch', count: 1, task_id: id },
    { action: 'task.cancel', request_id: 'cancel-1', reason: 'wrong file' },
    { action: 'task.purge', caller: { name: 'root' }, reason: 'space' },
  ])
  expect(found.slice(0, 3).map(({ at }) => at)).toEqual(told)
})

test('records batches and bulk operations with their filter and how many', async () => {
  const tasks = [1, 2, 3].map((a) => ({ parameters: { a, b: 2 }, delay: 3_600, tags: ['many'] }))
  const keyed = { ...tasks[0], idempotency_key: 'many-1' }
  await as(ci.key)('POST', '/api/run/add/batch', { tasks: [...tasks, keyed] })
  await as(ci.key)('POST', '/api/run/add/batch', { tasks: [keyed] })
  const bulk = { action: 'cancel', filter: { tag: 'many', type: 'add' }, reason: 'enough' }
  const dry = await as(ci.key)('POST', '/api/bulk', { ...bulk, dry_run: true })
  expect(dry.body).toMatchObject({ matched: 4 })
  const done = await as(ci.key)('POST', '/api/bulk?wait=60', bulk)
  await as(ci.key)('DELETE', `/api/operations/${String(done.body['operation_id'])}`)
  const found = await entries('?caller=ci&limit=2')
  expect(found).toMatchObject([
    {
      action: 'bulk.cancel',
      target: { id: done.body['operation_id'], name: null },
      filter: done.body['filter'],
      count: 4,
      reason: 'enough',
    },
    { action: 'task.submit', target: { id: null, name: 'add' }, task_id: null, count: 4 },
  ])
})

test('records holds, releases and changes of keys with their reasons', async () => {
  await as(root)('POST', '/api/tasks/long/pause', { reason: 'upgrade' })
  await as(root)('POST', '/api/tasks/long/pause', { reason: 'upgrade again' })
  await as(root)('POST', '/api/tasks/long/resume?reason=upgraded')
  await as(root)('POST', `/api/keys/${ci.id}/rotate`, { reason: 'leaked' })
  await as(root)('DELETE', `/api/keys/${ci.id}?reason=left`)
  await as(root)('DELETE', `/api/keys/${ci.id}?reason=left`)
  const key = { target: { id: ci.id, name: 'ci' }, caller: { name: 'root' } }
  expect(await entries('?limit=4')).toMatchObject([
    { action: 'key.revoke', ...key, reason: 'left' },
    { action: 'key.rotate', ...key, reason: 'leaked' },
    { action: 'type.release', target: { name: 'long' }, reason: 'upgraded' },
    { action: 'type.hold', target: { name: 'long' }, reason: 'upgrade' },
  ])
})

test('is read in pages and with filters, which are checked', async () => {
  const client = new Fermata({ url: server.url, apiKey: root })
  const everything = await entries('?limit=1000')
  expect(await Array.fromAsync(client.auditEntries({ limit: 2 }))).toEqual(everything)
  const [newest, oldest] = [everything[2]!.at, everything.at(-3)!.at]
  const within = everything.filter(({ at }) => at >= oldest && at < newest)
  expect(await entries(`?after=${oldest}&before=${newest}`)).toEqual(within)
  const ofCi = everything.filter(({ caller, action }) => caller.name === 'ci' && action === 'task.submit')
  expect(await entries('?caller=ci&action=task.submit')).toEqual(ofCi)
  expect(await entries('?task_id=ffffffff')).toEqual([])
  const first = await as(root)('GET', '/api/audit?limit=1')
  const cursor = String(first.body['next_cursor'])
  for (const [query, path] of [
    ['action=none', 'action'],
    ['limit=0', 'limit'],
    ['after=yesterday', 'after'],
    ['who=me', 'who'],
    ['cursor=none', 'cursor'],
    [`cursor=${cursor}&caller=ci`, 'cursor'],
  ]) {
    const refused = await as(root)('GET', `/api/audit?${query}`)
    expect(refused.status, query).toBe(422)
    expect(refused.body, query).toMatchObject({ code: 'OPTIONS_INVALID', errors: [{ path }] })
  }
})

test('is for administrators', async () => {
  expect((await api.call('GET', '/api/audit')).status).toBe(401)
  const scopes = ['read', 'run', 'control', 'worker']
  const { body } = await as(root)('POST', '/api/keys', { name: 'almost', scopes })
  const refused = await as(String(body['key']))('GET', '/api/audit')
  expect(refused).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } })
})

test('is listed and exported by the command line', async () => {
  const env = { FERMATA_URL: server.url, FERMATA_API_KEY: root }
  const everything = await entries('?limit=1000')
  const { code, stdout } = await run(['audit', '--json'], env)
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(everything)
  const table = await run(['audit', '--caller', 'root', '--action', 'type.hold'], env)
  expect(table.stdout).toMatch(
    /WHEN +CALLER +ACTION +SUBJECT +REASON +REQUEST\n.*Z +root +type\.hold +long +upgrade /,
  )
  const task = everything.find(({ action }) => action === 'task.purge')!.task_id!
  const ids = await run(['audit', '--task', task, '-q'], env)
  expect(ids.stdout.trim().split('\n')).toHaveLength(4)
  expect((await run(['audit', '--limit', '1', '-q'], env)).stdout).toBe(`${everything[0]!.id}\n`)
  expect(await run(['audit', '--action', 'none'], env)).toMatchObject({ code: 2 })
  const none = await run(['audit', '--caller', 'nobody'], env)
  expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'No matching entries.\n' })
})
