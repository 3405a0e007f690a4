import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '1', FERMATA_MAX_QUEUED: '20' } })
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

const add = { a: 1, b: 2 }

describe('options of a submit', () => {
  test('a task with a higher priority starts first', async () => {
    const holder = await api.submit('long', { duration: 60 })
    await api.untilStatus(holder, 'running')
    const low = await api.submit('add', add, { priority: -5 })
    const high = await api.submit('add', add, { priority: 1_000 })
    await api.control(holder, 'cancel')
    const [first, second] = [
      await api.untilStatus(high, 'completed'),
      await api.untilStatus(low, 'completed'),
    ]
    expect(first.started_at).toBeLessThanOrEqual(second.started_at ?? 0)
    expect([first.priority, second.priority]).toEqual([1_000, -5])
  })

  test('a task waits for its delay or its time', async () => {
    const submit = async (options: object) => {
      const { body } = await api.post('/api/run/add', { parameters: add, ...options })
      expect(body).toMatchObject({ status: 'scheduled' })
      return String(body['task_id'])
    }
    const delayed = await submit({ delay: 0.3 })
    // It is due later than it takes to submit it.
    const at = Date.now() / 1_000 + 3
    const timed = await submit({ run_at: at })
    for (const id of [delayed, timed]) {
      const { created_at, started_at } = await api.untilStatus(id, 'completed')
      expect((started_at ?? 0) - created_at).toBeGreaterThanOrEqual(0.25)
    }
    expect((await api.status(timed)).run_at).toBeCloseTo(at, 2)
    const past = await api.submit('add', add, { run_at: 0 })
    await api.untilStatus(past, 'completed')
  })

  test('a task that has not started in time is cancelled', async () => {
    const holder = await api.submit('long', { duration: 60 })
    await api.untilStatus(holder, 'running')
    const [soon, paused, started] = [
      await api.submit('add', add, { expires_in: '300ms' }),
      await api.submit('add', add, { expires_in: 60, delay: 0.2 }),
      await api.submit('add', add, { expires_in: '1h' }),
    ]
    await api.control(paused, 'pause')
    const { created_at, expires_at } = await api.status(soon)
    expect(expires_at).toBeCloseTo(created_at + 0.3, 2)
    expect((await api.status(paused)).expires_at).toBeNull()
    const { body: explained } = await api.call('GET', `/api/task/${started}/explain`)
    expect(explained).toMatchObject({
      reasons: expect.arrayContaining([expect.objectContaining({ code: 'expires' })]),
    })
    const expired = await api.untilStatus(soon, 'cancelled')
    expect(expired).toMatchObject({ ended_by: 'expired', started_at: null, expires_at })
    expect((await api.status(paused)).status).toBe('paused')
    await api.control(holder, 'cancel')
    expect(await api.untilStatus(started, 'completed')).toMatchObject({ expires_at: null })
    await api.control(paused, 'cancel')
    const { status, body } = await api.post('/api/run/add', { parameters: add, expires_in: 1, delay: 1 })
    expect([status, body['errors']]).toEqual([422, [expect.objectContaining({ path: 'expires_in' })]])
  })

  test('a duration may be text', async () => {
    const id = await api.submit('long', { duration: 60 }, { timeout: '250ms', tags: ['a', 'ü "b"'] })
    const failed = await api.untilStatus(id, 'failed')
    expect(failed).toMatchObject({ error: { code: 'TIMEOUT' }, tags: ['a', 'ü "b"'], max_attempts: 1 })
    expect(failed.error).not.toHaveProperty('stack')
    const { status, body } = await api.call('GET', `/api/task/${id}/result`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'failed', result: null, error: { code: 'TIMEOUT' } })
    expect(body['error']).not.toHaveProperty('stack')
  })

  test('a full queue refuses submits for a while', async () => {
    const holder = await api.submit('long', { duration: 60 })
    await api.untilStatus(holder, 'running')
    const queued = await Promise.all(
      Array.from({ length: 20 }, () => api.submit('add', add, { delay: 3_600 })),
    )
    const refused = await api.post('/api/run/add', { parameters: add })
    expect(refused).toMatchObject({ status: 503, body: { code: 'QUEUE_FULL' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    for (const id of [...queued, holder]) await api.control(id, 'cancel')
  })
})

describe('a unique key', () => {
  const submit = (unique: object, path = '') =>
    api.post(`/api/run/add${path}`, { parameters: add, delay: 3_600, unique: { key: 'one', ...unique } })

  test('returns, rejects or replaces, and is free after the end', async () => {
    const first = await submit({})
    const id = String(first.body['task_id'])
    expect(first.body).not.toHaveProperty('existing')
    const again = await submit({})
    expect(again).toMatchObject({ status: 200, body: { task_id: id, existing: true, status: 'scheduled' } })
    expect(again.headers.get('idempotency-replayed')).toBeNull()
    expect(again.headers.get('location')).toBe(`/api/task/${id}`)
    expect(await submit({ on_conflict: 'reject' })).toMatchObject({
      status: 409,
      body: { code: 'UNIQUE_CONFLICT', task_id: id },
    })
    const next = await submit({ on_conflict: 'replace', while: 'queued' })
    expect(next.body['task_id']).not.toBe(id)
    expect(await api.status(id)).toMatchObject({ status: 'cancelled' })
    expect(await api.post(`/api/task/${id}/retry`, {})).toMatchObject({
      status: 409,
      body: { code: 'UNIQUE_CONFLICT', task_id: next.body['task_id'] },
    })
    expect(await api.details(String(next.body['task_id']))).toMatchObject({
      unique: { key: 'one', while: 'queued', for: null },
    })
    await api.control(String(next.body['task_id']), 'cancel')
    const last = await submit({ on_conflict: 'reject' })
    expect(last.status).toBe(200)
    await api.control(String(last.body['task_id']), 'cancel')
  })

  test('works in a batch, and invalid options are named', async () => {
    const task = { parameters: add, delay: 3_600, unique: { key: 'batch' } }
    const batch = await api.post('/api/run/add/batch', {
      tasks: [task, task, { parameters: add, delay: 3_600 }],
    })
    const ids = batch.body['task_ids'] as string[]
    expect(batch).toMatchObject({ status: 200, body: { replayed: 0, existing: 1 } })
    expect(ids[0]).toBe(ids[1])
    for (const id of new Set(ids)) await api.control(id, 'cancel')
    for (const [unique, path] of [
      [{ key: '' }, 'unique.key'],
      [{ key: 'k', while: 'running' }, 'unique.while'],
      [{ key: 'k', for: 0 }, 'unique.for'],
      [{ key: 'k', on_conflict: 'ignore' }, 'unique.on_conflict'],
      [{}, 'unique.key'],
    ] as const) {
      const refused = await api.post('/api/run/add', { parameters: add, unique })
      expect(refused).toMatchObject({ status: 422, body: { code: 'OPTIONS_INVALID', errors: [{ path }] } })
    }
  })

  test('is that of one task, however many submit it at once', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => submit({ key: 'crowd' })))
    expect(new Set(answers.map(({ body }) => body['task_id'])).size).toBe(1)
    expect(answers.filter(({ body }) => body['existing'] === undefined)).toHaveLength(1)
    await api.control(String(answers[0]!.body['task_id']), 'cancel')
  })
})

describe('tasks that wait for others', () => {
  test('start when all of them have completed, and say what is missing until then', async () => {
    const first = await api.submit('long', { duration: 60 })
    const second = await api.submit('add', add, { delay: 3_600 })
    const waits = await api.submit('add', add, { after: [first, second] })
    expect(await api.status(waits)).toMatchObject({ status: 'waiting', waiting_for: { tasks: 2, waits: [] } })
    const tag = async (known = '') => {
      const headers = { 'if-none-match': known }
      const { status, headers: got } = await api.call('GET', `/api/task/${waits}/status`, { headers })
      return [status, got.get('etag') ?? ''] as const
    }
    const [, before] = await tag()
    expect((await tag(before))[0]).toBe(304)
    const { body } = await api.call('GET', `/api/task/${waits}/explain`)
    const [reason] = body['reasons'] as { code: string; message: string }[]
    expect(reason).toMatchObject({ code: 'predecessors', message: expect.stringContaining(second) as string })
    const runs = await api.submit('add', add, { after: [first], on_failure: 'run' })
    const fails = await api.submit('add', add, { after: [first], on_failure: 'fail' })
    await api.control(first, 'cancel')
    await api.untilStatus(runs, 'completed')
    expect(await api.untilStatus(fails, 'failed')).toMatchObject({ error: { code: 'PREDECESSOR_FAILED' } })
    await api.untilStatus(waits, 'cancelled')
    expect(await tag(before)).toEqual([200, expect.not.stringContaining(before)])
    const { timeline } = await api.details(waits)
    expect(timeline.at(-1)).toMatchObject({
      event: 'cancelled',
      by: 'releaser',
      why: expect.stringContaining(first) as string,
    })
    await api.control(second, 'cancel')
  })

  test('can be paused, resumed and cancelled meanwhile', async () => {
    const first = await api.submit('add', add, { delay: 3_600 })
    const waits = await api.submit('add', add, { after: [first] })
    const control = async (name: 'pause' | 'resume' | 'cancel') =>
      (await api.control(waits, name)).body['status']
    expect([await control('pause'), await control('resume'), await control('cancel')]).toEqual([
      'paused',
      'waiting',
      'cancelled',
    ])
    await api.control(first, 'cancel')
  })

  test.each([
    [{ after: ['nobody'] }, 'after.0'],
    [{ after: 'nobody' }, 'after'],
    [{ after: [7] }, 'after.0'],
    [{ after: ['\u0000'] }, 'after.0'],
    [{ after: Array.from({ length: 10_001 }, () => 'x') }, 'after'],
    [{ on_failure: 'run' }, 'on_failure'],
    [{ after: ['x'], on_failure: 'ignore' }, 'on_failure'],
  ])('refuses %o with the place of what is wrong', async (options, path) => {
    const refused = await api.post('/api/run/add', { parameters: add, ...options })
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path }] } })
  })

  test('of a batch are refused together, with the index', async () => {
    const tasks = [
      { parameters: add, tags: ['never'] },
      { parameters: add, after: ['nobody'] },
    ]
    const refused = await api.post('/api/run/add/batch', { tasks })
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'tasks.1.after.0' }] } })
    expect((await api.call('GET', '/api/task?tag=never')).body['tasks']).toEqual([])
  })
})

describe('a debounced submit', () => {
  const submit = (n: number, more: object = {}) =>
    api.post('/api/run/add', {
      parameters: { a: n, b: n },
      debounce: { key: 'bounce', delay: '300ms', max: '1h', ...more },
    })

  test('gives the task newer parameters until it starts', async () => {
    const first = await submit(1, { delay: '1h' })
    const id = String(first.body['task_id'])
    expect(await api.details(id)).toMatchObject({
      status: 'scheduled',
      unique: { key: 'bounce', while: 'queued', for: null, debounced: true },
    })
    expect(await submit(2, { delay: '1h' })).toMatchObject({
      status: 200,
      body: { task_id: id, existing: true, message: expect.stringContaining('debounce') },
    })
    await submit(3)
    const done = await api.untilStatus(id, 'completed')
    expect(done.parameters).toEqual({ a: 3, b: 3 })
    const { timeline } = await api.details(id)
    const events = timeline.map(({ event }) => event)
    expect(events).toEqual(['submitted', 'debounced', 'debounced', 'due', 'claimed', 'completed'])
    const next = await submit(4, { delay: '1h', max: '2h' })
    expect(next.body).not.toHaveProperty('existing')
    const explained = await api.call('GET', `/api/task/${String(next.body['task_id'])}/explain`)
    expect(JSON.stringify(explained.body)).toContain('debounce key')
    await api.control(String(next.body['task_id']), 'cancel')
  })

  test.each([
    [{ debounce: { key: 'k' } }, 'debounce.delay'],
    [{ debounce: { key: 'k', delay: 0 } }, 'debounce.delay'],
    [{ debounce: { key: 'k', delay: 1, max: 'never' } }, 'debounce.max'],
    [{ debounce: { key: 'k', delay: 1 }, delay: 5 }, 'debounce'],
    [{ debounce: { key: 'k', delay: 1 }, unique: { key: 'k' } }, 'debounce'],
  ])('of %o is refused by its name', async (options, path) => {
    const refused = await api.post('/api/run/add', { parameters: add, ...options })
    expect(refused).toMatchObject({ status: 422, body: { code: 'OPTIONS_INVALID', errors: [{ path }] } })
  })
})

describe('idempotency', () => {
  const submit = (body: object, headers = {}) => api.post('/api/run/add', body, headers)

  test('the same key returns the same task, whether in the header or the body', async () => {
    const first = await submit({ parameters: add, idempotency_key: 'k-1' })
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    await api.untilStatus(String(first.body['task_id']), 'completed')
    for (const again of [
      await submit({ parameters: add, idempotency_key: 'k-1' }),
      await submit({ parameters: add }, { 'idempotency-key': 'k-1' }),
      await submit({ parameters: add, idempotency_key: 'k-1' }, { 'idempotency-key': 'k-1' }),
    ]) {
      expect(again).toMatchObject({
        status: 200,
        body: { task_id: first.body['task_id'], status: 'completed' },
      })
      expect(again.headers.get('idempotency-replayed')).toBe('true')
    }
  })

  test('the same key with a different request is refused and names the task', async () => {
    const first = await submit({ parameters: add, idempotency_key: 'k-2' })
    for (const other of [
      { parameters: { a: 1, b: 3 }, idempotency_key: 'k-2' },
      { parameters: add, priority: 1, idempotency_key: 'k-2' },
    ]) {
      expect(await submit(other)).toMatchObject({
        status: 422,
        body: { code: 'IDEMPOTENCY_KEY_REUSED', task_id: first.body['task_id'] },
      })
    }
  })

  test('two different keys in one request are refused', async () => {
    expect(await submit({ parameters: add, idempotency_key: 'a' }, { 'idempotency-key': 'b' })).toMatchObject(
      {
        status: 422,
        body: { code: 'OPTIONS_INVALID', errors: [{ path: 'idempotency_key' }] },
      },
    )
  })

  test('a hundred concurrent submits create one task', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => submit({ parameters: add, idempotency_key: 'k-3' })),
    )
    expect(new Set(answers.map(({ body }) => body['task_id'])).size).toBe(1)
    expect(answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1)
  })
})
