import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

const add = { parameters: { a: 2, b: 3 } }
const slow = { parameters: { duration: 60 } }

describe('a submit that waits', () => {
  test.each([
    ['by the header', '', { prefer: 'wait=60' }],
    ['by the header, among others', '', { prefer: 'handling=lenient, Wait="60"; x=1, wait=60' }],
    ['by the query', '?wait=60', {}],
  ])('%s answers with the result', async (_, query, headers) => {
    const answer = await api.post(`/api/run/add${query}`, add, headers)
    expect(answer).toMatchObject({ status: 200, body: { status: 'completed', result: 5 } })
    expect(answer.body['message']).toContain('submitted')
    expect(answer.headers.get('preference-applied')).toBe('prefer' in headers ? 'wait=60' : null)
  })

  test('returns the current status when the time is over', async () => {
    const began = Date.now()
    const answer = await api.post('/api/run/long', slow, { prefer: 'wait=1' })
    expect(Date.now() - began).toBeGreaterThanOrEqual(950)
    expect(answer).toMatchObject({
      status: 200,
      body: { status: expect.stringMatching(/^(?:queued|running)$/) },
    })
    expect(answer.body).not.toHaveProperty('result')
    await api.control(String(answer.body['task_id']), 'cancel')
  })

  test('returns 202 if the caller prefers it', async () => {
    const answer = await api.post('/api/run/long', slow, { prefer: 'respond-async' })
    expect(answer).toMatchObject({ status: 202, body: { status: 'queued' } })
    expect(answer.headers.get('preference-applied')).toBe('respond-async')
    await api.control(String(answer.body['task_id']), 'cancel')
    const done = await api.post('/api/run/add', add, { prefer: 'respond-async, wait=60' })
    expect(done).toMatchObject({ status: 200, body: { status: 'completed' } })
    expect(done.headers.get('preference-applied')).toBe('respond-async, wait=60')
  })

  test('ignores an unknown preference, and refuses an invalid option', async () => {
    const answer = await api.post('/api/run/add', add, { prefer: 'wait=soon, return=minimal' })
    expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, null])
    expect((await api.post('/api/run/add?wait=61', add)).status).toBe(422)
    expect((await api.post('/api/run/add?verbose=1', add)).status).toBe(200)
  })
})

describe('a result', () => {
  test('is waited for', async () => {
    let [duration, id] = [0.2, '']
    await until('it is not ready yet', async () => {
      duration *= 2
      id = await api.submit('long', { duration, steps: 1 })
      return (await api.call('GET', `/api/task/${id}/result`)).status === 400
    })
    const answer = await api.call('GET', `/api/task/${id}/result?wait=60`)
    expect(answer).toMatchObject({ status: 200, body: { status: 'completed' } })
  })

  test('that is not ready in time is refused with the status', async () => {
    const id = await api.submit('long', { duration: 60 })
    const answer = await api.call('GET', `/api/task/${id}/result?wait=0.2`)
    expect(answer).toMatchObject({ status: 400, body: { code: 'RESULT_NOT_READY' } })
    const waiting = api.call('GET', `/api/task/${id}/result`, { headers: { prefer: 'wait=60' } })
    await api.control(id, 'cancel')
    expect(await waiting).toMatchObject({ status: 200, body: { status: 'cancelled', result: null } })
    const there = await api.call('GET', `/api/task/${id}/result`, { headers: { prefer: 'wait=60' } })
    for (const { headers } of [await waiting, there]) {
      expect(headers.get('preference-applied')).toBe('wait=60')
    }
  })

  test('does not keep a server from stopping or a client from leaving while it is awaited', async () => {
    await using own = await TestServer.start({ env: { FERMATA_DRAIN: '1s' } })
    const there = new Api(own.url)
    const id = await there.submit('long', { duration: 60 })
    await there.control(id, 'pause')
    const leaver = new AbortController()
    const left = there.call('GET', `/api/task/${id}/result?wait=60`, { signal: leaver.signal })
    leaver.abort()
    await expect(left).rejects.toThrow()
    const waiting = there.call('GET', `/api/task/${id}/result?wait=60`)
    await there.status(id)
    const began = Date.now()
    const { code } = await own.stop()
    expect([code, Date.now() - began < 40_000]).toEqual([0, true])
    expect((await waiting).status).toBe(503)
  })
})

describe('an entity tag', () => {
  test('saves the body if the caller knows the task', async () => {
    const id = await api.submit('add', { a: 1, b: 2 })
    await api.untilStatus(id, 'completed')
    for (const path of ['', '/status', '/result']) {
      const first = await api.call('GET', `/api/task/${id}${path}`)
      const tag = first.headers.get('etag') ?? ''
      expect(tag).toMatch(/^W\/"3-\d+"$/)
      for (const known of [tag, tag.slice(2), `"x", ${tag}`, '*']) {
        const again = await api.call('GET', `/api/task/${id}${path}`, { headers: { 'if-none-match': known } })
        expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', tag])
      }
      const other = await api.call('GET', `/api/task/${id}${path}`, {
        headers: { 'if-none-match': 'W/"1-0"' },
      })
      expect(other.status).toBe(200)
    }
  })

  test('changes with a transition and with progress', async () => {
    const id = await api.submit('long', { duration: 20, steps: 200 })
    const { version } = await api.untilStatus(id, 'running')
    const tagOf = async () => (await api.call('GET', `/api/task/${id}/status`)).headers.get('etag')
    const first = await tagOf()
    await api.until(id, ({ progress }) => (progress?.current ?? 0) > 2)
    const second = await tagOf()
    expect(second).not.toBe(first)
    await api.control(id, 'cancel')
    expect(await tagOf()).toMatch(new RegExp(`^W/"${version + 2}-`))
  })
})

describe('a batch', () => {
  const batch = (tasks: unknown, type = 'add') => api.post(`/api/run/${type}/batch`, { tasks })
  const count = async () =>
    Object.values((await api.call('GET', '/api/stats')).body['counts'] as object).reduce((a, b) => a + b, 0)

  test('of ten thousand is accepted completely and in order', async () => {
    const { status, body } = await batch(
      Array.from({ length: 10_000 }, (_, a) => ({ parameters: { a, b: 0 }, tags: ['big'] })),
    )
    expect([status, body['replayed']]).toEqual([200, 0])
    const ids = body['task_ids'] as string[]
    expect(new Set(ids).size).toBe(10_000)
    expect((await api.status(ids[9_999]!)).parameters).toEqual({ a: 9_999, b: 0 })
  })

  test('returns the original id for a replay, and is refused completely for a conflict', async () => {
    const old = await api.submit('add', { a: 1, b: 1 }, { idempotency_key: 'batch-key' })
    const replay = await batch([
      { parameters: { a: 5, b: 5 } },
      { parameters: { a: 1, b: 1 }, idempotency_key: 'batch-key' },
    ])
    expect(replay.body).toMatchObject({ task_ids: [expect.any(String), old], replayed: 1 })
    const before = await count()
    const conflict = await batch([
      { parameters: { a: 5, b: 5 } },
      { parameters: { a: 2, b: 2 }, idempotency_key: 'batch-key' },
    ])
    expect(conflict).toMatchObject({ status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED', task_id: old } })
    expect(await count()).toBe(before)
  })

  test('is refused completely if one task is invalid, and says which', async () => {
    const good = { parameters: { a: 1, b: 2 } }
    const before = await count()
    expect(await batch([good, { parameters: { a: 'x', b: 2 } }])).toMatchObject({
      status: 400,
      body: { code: 'PARAMETERS_INVALID', errors: [{ path: 'tasks.1.parameters.a' }] },
    })
    expect(await batch([good, { ...good, priority: 9_999 }])).toMatchObject({
      status: 422,
      body: { code: 'OPTIONS_INVALID', errors: [{ path: 'tasks.1.priority' }] },
    })
    expect(await batch([good, { ...good, delay: 1, run_at: 1 }])).toMatchObject({ status: 422 })
    expect(await batch([good, { parameters: { a: 1, b: 2, pad: 'x'.repeat(1_100_000) } }])).toMatchObject({
      status: 413,
      body: { code: 'TOO_LARGE' },
    })
    for (const tasks of [[], undefined, {}, [null], Array.from({ length: 10_001 }, () => good)]) {
      expect((await batch(tasks)).status).toBe(422)
    }
    expect((await batch([good], 'nothing')).status).toBe(404)
    expect(await count()).toBe(before)
  })

  test('may be larger than a single body', async () => {
    const pad = 'x'.repeat(900_000)
    const large = Array.from({ length: 30 }, () => ({ parameters: { a: 1, b: 2, pad } }))
    expect((await batch(large)).status).toBe(200)
    const tooLarge = Array.from({ length: 40 }, () => ({ parameters: { a: 1, b: 2, pad } }))
    expect(await batch(tooLarge)).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } })
  })
})
