import { describe, expect, test } from 'vitest'
import { problems } from '../contract/problems.ts'
import { routes } from '../contract/routes.ts'
import { addresses } from './addresses.ts'
import { Fermata, type ClientOptions, type Retry } from './index.ts'
import { TaskHandle } from './handle.ts'

type Sent = Readonly<{ url: string; init: RequestInit; body: Record<string, unknown> }>
type Answer = (sent: Sent) => Response | Promise<Response>

/** A client whose calls are answered by these in turn, and by the last one for ever. */
function clientOf(answers: readonly Answer[], options: ClientOptions = {}) {
  const sent: Sent[] = []
  const retries: Retry[] = []
  const client = new Fermata({
    url: 'http://server/base/',
    patience: 30,
    onRetry: (retry) => retries.push(retry),
    fetch: async (url, init) => {
      const call = {
        url,
        init,
        body: JSON.parse(typeof init.body === 'string' ? init.body : '{}') as Record<string, unknown>,
      }
      sent.push(call)
      return (answers[sent.length - 1] ?? answers.at(-1))!(call)
    },
    ...options,
  })
  return { client, sent, retries }
}

const json = (body: object) => () => Response.json(body)
const refused: Answer = () => Promise.reject(new TypeError('failed', { cause: { code: 'ECONNREFUSED' } }))
const broken: Answer = () => Promise.reject(new TypeError('the connection broke'))

function problem(
  code: keyof typeof problems,
  more: object = {},
  headers: Record<string, string> = {},
): Answer {
  const { status, title } = problems[code]
  const body = { type: 'about:blank', title, status, detail: title, code, request_id: 'r-1', ...more }
  return () =>
    new Response(JSON.stringify(body), {
      status,
      headers: { 'content-type': 'application/problem+json', ...headers },
    })
}

const soon = { 'retry-after': '0' }
const accepted = json({ task_id: 'id', message: '', status: 'queued' })

describe('a call with values that JSON would change', () => {
  test.each([
    [{ n: Number.NaN }, 'parameters.n: NaN cannot be stored as JSON; use null or a text'],
    [
      { list: [1, new Map()] },
      'parameters.list[1]: a Map cannot be stored as JSON; use Object.fromEntries(map)',
    ],
    [{ id: 1n }, 'parameters.id: a bigint cannot be stored as JSON; use String(value)'],
  ])('is not sent (%#)', async (parameters, message) => {
    const { client, sent } = clientOf([])
    await expect(client.submit('add', parameters)).rejects.toThrow(new TypeError(message))
    expect(sent).toEqual([])
  })
})

describe('a submit', () => {
  test.each([
    ['the connection broke', broken],
    ['the server was not there', refused],
    ['there was no room', problem('QUEUE_FULL', {}, soon)],
    ['a proxy had no server', () => new Response('<html>', { status: 502 })],
    ['its outcome is not known', problem('STORE_UNAVAILABLE', { outcome_unknown: true }, soon)],
  ])('is sent again under the same key when %s', async (_, answer) => {
    const { client, sent, retries } = clientOf([answer, accepted])
    expect((await client.submit('add', { a: 1 })).id).toBe('id')
    const keys = sent.map(({ body }) => body['idempotency_key'])
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), keys[0]])
    expect(retries).toMatchObject([{ operation: 'submitTask', delay: expect.any(Number) }])
  })

  test("keeps the caller's key, and each task of a batch has its own", async () => {
    const { client, sent } = clientOf([accepted, json({ task_ids: ['1', '2'] })])
    await client.submit('add', {}, { idempotency_key: 'mine' })
    await client.submitAll('add', [{ a: 1 }, { a: 2 }])
    expect(sent[0]?.body).toEqual({ parameters: {}, idempotency_key: 'mine' })
    const tasks = sent[1]?.body['tasks'] as { idempotency_key: string }[]
    expect(new Set(tasks.map((task) => task.idempotency_key)).size).toBe(2)
  })

  test('that is invalid is sent once', async () => {
    const errors = [{ path: 'a', message: 'must be a number' }]
    const { client, sent } = clientOf([problem('PARAMETERS_INVALID', { errors })])
    await expect(client.submit('add', {})).rejects.toMatchObject({
      code: 'PARAMETERS_INVALID',
      status: 400,
      requestId: 'r-1',
      errors,
    })
    expect(sent).toHaveLength(1)
  })
})

describe('a call whose repetition could have a second effect', () => {
  const calls = {
    retryTask: (client: Fermata) => client.retryTask('id'),
    purgeTask: (client: Fermata) => client.purgeTask('id'),
    bulk: (client: Fermata) => client.bulk('retry', {}),
  }

  test.each(Object.entries(calls))('%s is not retried if its response was lost', async (_, call) => {
    for (const answer of [broken, problem('STORE_UNAVAILABLE', { outcome_unknown: true }, soon)]) {
      const { client, sent } = clientOf([answer])
      await expect(call(client)).rejects.toThrow()
      expect(sent).toHaveLength(1)
    }
  })

  test.each(Object.entries(calls))('%s is retried if nothing was done', async (_, call) => {
    const { client, sent } = clientOf([
      refused,
      problem('REQUEST_TIMEOUT'),
      problem('SHUTTING_DOWN', {}, soon),
      json({}),
    ])
    await call(client)
    expect(sent).toHaveLength(4)
  })
})

describe('patience', () => {
  test('ends with the error, and immediately if the server asks for a longer wait', async () => {
    const { client, sent } = clientOf([problem('QUEUE_FULL', {}, { 'retry-after': '31' })])
    await expect(client.getStats()).rejects.toMatchObject({ code: 'QUEUE_FULL', retryAfter: 31 })
    expect(sent).toHaveLength(1)
    const hasty = clientOf([refused])
    await expect(hasty.client.getStats({ patience: 0 })).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    expect(hasty.sent).toHaveLength(1)
  })

  test('ends with the reason of the signal', async () => {
    const abort = new AbortController()
    const { client } = clientOf([problem('QUEUE_FULL', {}, { 'retry-after': '5' })], {
      onRetry: () => abort.abort(new Error('enough')),
    })
    await expect(client.getStats({ signal: abort.signal })).rejects.toThrow('enough')
    await expect(client.getStats({ signal: abort.signal })).rejects.toThrow('enough')
  })

  test('does not apply to health checks', async () => {
    const { client, sent } = clientOf([problem('NOT_READY', {}, soon)])
    await expect(client.getReadiness()).rejects.toMatchObject({ code: 'NOT_READY', status: 503 })
    expect(sent).toHaveLength(1)
  })
})

test('a foreign response is reported', async () => {
  const html = () => new Response('<html>', { status: 404, headers: { 'content-type': 'text/html' } })
  await expect(clientOf([html]).client.getStats()).rejects.toMatchObject({
    code: 'RESPONSE_INVALID',
    status: 404,
    detail: expect.stringContaining('answered 404 with text/html'),
  })
  await expect(clientOf([() => new Response('<html>')]).client.getStats()).rejects.toMatchObject({
    code: 'RESPONSE_INVALID',
  })
})

test('a wrong address is refused before anything is sent', () => {
  expect(() => new Fermata({ url: 'localhost:8000' })).toThrow('localhost:8000 is no http address')
})

test('custom headers are sent with every call, below the path of a proxy', async () => {
  const { client, sent } = clientOf([json({})], { headers: { 'x-team': 'a' } })
  await client.listTasks({ status: ['queued', 'running'], q: 'a b&c' })
  await client.getTask('../x')
  expect(sent[0]?.url).toBe('http://server/base/api/task?status=queued%2Crunning&q=a%20b%26c')
  expect(sent[0]?.init.headers).toMatchObject({ 'x-team': 'a' })
  expect(sent[1]?.url).toBe('http://server/base/api/task/..%2Fx')
})

test('every call has the method and path of the contract', async () => {
  const { client, sent } = clientOf([json({})])
  const call = (name: string) => Reflect.get(client, name) as (...args: unknown[]) => unknown
  for (const [name, { method, path }] of Object.entries(routes)) {
    sent.length = 0
    const answered = call(name).call(
      client,
      name === 'bulk' ? 'pause' : '1',
      name === 'submitBatch' ? [] : name === 'answerTask' ? '1' : {},
    )
    if (name.startsWith('stream')) await (answered as AsyncGenerator).next().catch(() => undefined)
    else await answered
    const { pathname } = new URL(sent[0]?.url ?? '')
    expect([sent[0]?.init.method, pathname]).toEqual([method, `/base${path.replaceAll(/\{\w+\}/g, '1')}`])
  }
  expect(Object.keys(addresses)).toEqual(expect.arrayContaining(Object.keys(routes)))
})

test('waiting for a result does not poll a draining server in a loop', async () => {
  const { client, sent } = clientOf([problem('RESULT_NOT_READY')])
  await expect(new TaskHandle('id', client).result({ timeout: 1 })).rejects.toMatchObject({
    code: 'RESULT_NOT_READY',
  })
  expect(sent.length).toBeGreaterThan(1)
  expect(sent.length).toBeLessThan(20)
})
