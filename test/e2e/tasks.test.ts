import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '50' } })
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

describe('a client of the reference service', () => {
  test('submits, and reads status and result', async () => {
    const run = await api.post('/api/run/add', { parameters: { a: 5, b: 3 } })
    expect(run.status).toBe(200)
    expect(run.body).toMatchObject({ task_id: expect.any(String), message: expect.any(String) })
    const id = String(run.body['task_id'])
    expect(run.headers.get('location')).toBe(`/api/task/${id}`)
    expect((await api.status(id)).task_id).toBe(id)
    const done = await api.untilStatus(id, 'completed')
    expect(done).toMatchObject({
      task_type: 'add',
      parameters: { a: 5, b: 3 },
      progress: { current: 2, total: 2, ratio: 1 },
      attempt: 1,
      error: null,
    })
    expect(done.completed_at).toBeGreaterThanOrEqual(done.created_at)
    const result = await api.call('GET', `/api/task/${id}/result`)
    expect(result.body).toMatchObject({ task_id: id, status: 'completed', result: 8 })
  })

  test('gets Fibonacci numbers with all digits', async () => {
    for (const [n, expected] of [
      [10, 55],
      [78, 8_944_394_323_791_464],
      [100, '354224848179261915075'],
    ]) {
      const id = await api.submit('fib', { n })
      await api.untilStatus(id, 'completed')
      expect((await api.call('GET', `/api/task/${id}/result`)).body['result']).toBe(expected)
    }
  })

  test('pauses a running task, which later continues where it left off', async () => {
    const id = await api.submit('long', { duration: 20, steps: 200 })
    await api.until(id, ({ progress }) => (progress?.current ?? 0) >= 2)
    const pause = await api.control(id, 'pause')
    expect(pause).toMatchObject({ status: 200, body: { task_id: id, status: 'paused' } })
    const then = await api.status(id)
    expect(then.status).toBe('paused')
    // What took longer to be recorded would show in this time.
    await sleep(400)
    const later = await api.status(id)
    expect(later.progress?.current).toBe(then.progress?.current)
    expect(later.execution_time).toBe(then.execution_time)
    expect(later.paused_time).toBeGreaterThan(then.paused_time)
    expect((await api.control(id, 'pause')).status).toBe(200)

    const resume = await api.control(id, 'resume')
    expect(resume).toMatchObject({ status: 200, body: { task_id: id, status: 'running' } })
    const before = then.progress?.current ?? 0
    const on = await api.until(id, ({ progress }) => (progress?.current ?? 0) > before)
    expect(on).toMatchObject({ status: 'running', attempt: 1 })
    const cancel = await api.control(id, 'cancel')
    expect(cancel.status).toBe(200)
    expect(cancel.body['status']).toMatch(/^cancell(ing|ed)$/)
    expect((await api.untilStatus(id, 'cancelled')).ended_by).toBe('cooperative')
  })

  test('sees progress of a long task before its first step is done', async () => {
    const id = await api.submit('long', { duration: 3_600, steps: 20 })
    const running = await api.until(id, ({ progress }) => progress !== null)
    expect(running).toMatchObject({ status: 'running', progress: { current: 0, total: 20 } })
    await api.control(id, 'cancel')
  })

  test('is refused a result that is too early, and a pause of a finished task', async () => {
    const id = await api.submit('long', { duration: 30 })
    const early = await api.call('GET', `/api/task/${id}/result`)
    expect(early).toMatchObject({
      status: 400,
      body: { code: 'RESULT_NOT_READY', detail: expect.any(String) },
    })
    const refused = await api.control(id, 'resume')
    expect(refused).toMatchObject({ status: 400, body: { code: 'CONTROL_REFUSED' } })
    expect((await api.control(id, 'cancel')).status).toBe(200)
    await api.untilStatus(id, 'cancelled')
    expect(await api.control(id, 'cancel')).toMatchObject({ status: 200, body: { status: 'cancelled' } })
    for (const control of ['pause', 'resume'] as const) {
      expect(await api.control(id, control)).toMatchObject({
        status: 400,
        body: { code: 'CONTROL_REFUSED', task_status: 'cancelled' },
      })
    }
    const result = await api.call('GET', `/api/task/${id}/result`)
    expect(result).toMatchObject({ status: 200, body: { status: 'cancelled', result: null } })
  })

  test('lists the types, with schemas and working examples', async () => {
    const { body } = await api.call('GET', '/api/tasks')
    expect(body['available_tasks']).toEqual(['add', 'fib', 'long'])
    const details = body['task_details'] as Record<string, { example: object; description: string }>
    for (const [type, { example, description }] of Object.entries(details)) {
      expect(description).not.toBe('')
      expect((await api.call('GET', `/api/tasks/${type}`)).body).toEqual(details[type])
      await api.control(await api.submit(type, example), 'cancel')
    }
    expect(details['add']).toMatchObject({ parameters: { type: 'object', required: ['a', 'b'] } })
  })

  test('runs four tasks on three slots once three others are paused', async () => {
    await using small = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '3' } })
    const client = new Api(small.url)
    const first = await Promise.all([1, 2, 3].map(() => client.submit('long', { duration: 60 })))
    for (const id of first) await client.untilStatus(id, 'running')
    const fourth = await client.submit('long', { duration: 60 })
    expect((await client.status(fourth)).status).toBe('queued')
    for (const id of first) expect((await client.control(id, 'pause')).body['status']).toBe('paused')
    await client.untilStatus(fourth, 'running')
    const more = [await client.submit('add', { a: 1, b: 2 }), await client.submit('add', { a: 3, b: 4 })]
    for (const id of more) await client.untilStatus(id, 'completed')
    for (const id of first.slice(0, 2))
      expect((await client.control(id, 'resume')).body['status']).toBe('running')
    // No slot is free, so the response arrives before the wait has passed.
    const began = performance.now()
    expect((await client.control(first[2] ?? '', 'resume', '?wait=60')).body['status']).toBe('queued')
    expect(performance.now() - began).toBeLessThan(60_000)
  })
})

describe('details', () => {
  test('contain the attempts, the timeline and the checkpoint', async () => {
    const id = await api.submit(
      'long',
      { duration: 60, steps: 600 },
      { timeout: 0.4, max_attempts: 2, backoff: 0.05 },
    )
    await api.untilStatus(id, 'failed')
    const details = await api.details(id)
    expect(details).toMatchObject({
      failures: 2,
      timeout: 0.4,
      max_attempts: 2,
      error: { code: 'TIMEOUT' },
      controls: ['retry'],
      checkpoint: { step: expect.any(Number) },
    })
    expect(details.attempts.map(({ event, error }) => [event, error?.code])).toEqual([
      ['retry_scheduled', 'TIMEOUT'],
      ['failed', 'TIMEOUT'],
    ])
    expect(details.timeline.map(({ version }) => version)).toEqual(
      details.timeline.map((_, index) => index + 1),
    )
    // Only errors of attempts have a stack, not the task's own error or the timeline.
    const { attempts, ...rest } = details
    expect(attempts.map(({ error }) => Object.keys(error ?? {}))).toEqual(
      attempts.map(() => ['code', 'name', 'message', 'stack']),
    )
    expect(JSON.stringify(rest)).not.toContain('stack')
  })

  test('name who submitted and controlled the task, and why', async () => {
    const id = await api.submit('long', { duration: 60 })
    const because = (reason: string) => `?wait=60&reason=${encodeURIComponent(reason)}`
    await api.control(id, 'pause', because('the "disk" is full'))
    const media = { 'content-type': 'text/plain' }
    await api.call('POST', `/api/task/${id}/resume`, { body: '{"reason":"room again"}', headers: media })
    for (const body of ['{"reason":7}', '{', 'x'.repeat(5_000), '{"reason":"' + 'x'.repeat(501) + '"}']) {
      expect((await api.call('POST', `/api/task/${id}/resume`, { body, headers: media })).status).toBe(200)
    }
    expect((await api.control(id, 'cancel', because('x'.repeat(501)))).status).toBe(422)
    await api.control(id, 'cancel')
    const { created_by: by, timeline } = await api.details(id)
    expect(by).toBe('anonymous')
    const given = timeline.filter(({ event }) => /requested|resumed|submitted/.test(event))
    expect(given).toMatchObject([
      { event: 'submitted', by: 'anonymous' },
      { event: 'pause_requested', by: 'anonymous', why: 'the "disk" is full' },
      { event: 'resumed', by: 'anonymous', why: 'room again' },
      { event: 'cancel_requested', by: 'anonymous' },
    ])
    expect(given.at(-1)).not.toHaveProperty('why')
    const found = async (name: string) =>
      (await api.call('GET', `/api/task?created_by=${name}&status=cancelled&limit=1`)).body['tasks']
    expect(await found('anonymous')).toHaveLength(1)
    expect(await found('nobody')).toEqual([])
  })

  test('a retry continues from the checkpoint, or starts over', async () => {
    const id = await api.submit('long', { duration: 30, steps: 300 })
    await api.until(id, ({ progress }) => (progress?.current ?? 0) >= 3)
    await api.control(id, 'cancel')
    await api.untilStatus(id, 'cancelled')
    expect((await api.control(id, 'retry')).body['status']).toBe('running')
    const onwards = await api.until(id, ({ progress }) => (progress?.current ?? 0) >= 3)
    expect(onwards).toMatchObject({ status: 'running', attempt: 2 })
    await api.control(id, 'cancel')
    await api.untilStatus(id, 'cancelled')
    await api.control(id, 'retry', '?from=start&wait=60')
    const again = await api.until(id, ({ progress }) => (progress?.current ?? 3) < 3)
    expect(again).toMatchObject({ status: 'running', attempt: 3 })
    await api.control(id, 'cancel')
  })
})

describe('a partial id', () => {
  test('is accepted wherever an id is', async () => {
    const id = await api.submit('add', { a: 1, b: 2 })
    await api.untilStatus(id, 'completed')
    const ending = id.slice(-8)
    for (const part of [
      ending,
      `...${ending}`,
      encodeURIComponent(`…${ending}`),
      id.slice(-12),
      id.slice(0, 30),
    ]) {
      expect(await api.call('GET', `/api/task/${part}/status`)).toMatchObject({
        status: 200,
        body: { task_id: id },
      })
    }
    for (const path of ['', '/result', '/explain']) {
      const { status, body } = await api.call('GET', `/api/task/...${ending}${path}`)
      expect([path, status, body['task_id']]).toEqual([path, 200, id])
    }
    expect((await api.call('GET', `/api/task/${ending}/logs`)).status).toBe(200)
    expect((await api.call('GET', `/api/task/${ending}/events`)).text).toContain(`"task_id":"${id}"`)
    const refused = await api.control(ending, 'resume')
    expect(refused).toMatchObject({ status: 400, body: { code: 'CONTROL_REFUSED' } })
    expect(refused.body['detail']).toContain(id)
    expect(await api.post(`/api/task/${ending}/purge`, {})).toMatchObject({
      status: 200,
      body: { task_id: id },
    })
    expect((await api.call('GET', `/api/task/${ending}/status`)).status).toBe(404)
  })

  test('controls the task that it matches', async () => {
    const id = await api.submit('long', { duration: 60 })
    const ending = `...${id.slice(-8)}`
    for (const name of ['pause', 'resume', 'cancel', 'retry', 'cancel'] as const) {
      expect(await api.control(ending, name)).toMatchObject({ status: 200, body: { task_id: id } })
      if (name === 'cancel') await api.untilStatus(id, 'cancelled')
    }
  })

  test('that matches several tasks is refused with their ids', async () => {
    const tasks = Array.from({ length: 12 }, () => ({ parameters: { a: 1, b: 2 } }))
    const { body } = await api.post('/api/run/add/batch', { tasks })
    const [first = ''] = body['task_ids'] as string[]
    const { status, body: problem } = await api.call('GET', `/api/task/${first.slice(0, 6)}/status`)
    expect(status).toBe(409)
    expect(problem).toMatchObject({
      code: 'TASK_ID_AMBIGUOUS',
      detail: expect.stringContaining('more characters'),
    })
    expect(problem['task_ids']).toHaveLength(10)
  })

  test.each(['12345', '...12345', 'ffffff-zz', '........123456', 'fffffffffffffffffffff'])(
    'that matches no task, or is too short, is unknown: %s',
    async (text) => {
      expect(await api.call('GET', `/api/task/${text}`)).toMatchObject({
        status: 404,
        body: { code: 'TASK_UNKNOWN' },
      })
    },
  )
})
