import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HistoryBody } from '../../src/contract/reports.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { collect, sse } from '../support/sse.ts'
import { until } from '../support/until.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '1' } })
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

type Listed = Readonly<{ tasks: { task_id: string }[]; next_cursor: string | null; search_limited: boolean }>

const list = async (query: string) => {
  const { status, text, body } = await api.call('GET', `/api/task?${query}`)
  if (status !== 200) throw new Error(text)
  return body as unknown as Listed
}
const idsOf = ({ tasks }: Listed) => tasks.map(({ task_id: id }) => id)
const bulk = (action: string, filter: object, more: object = {}, query = '?wait=60') =>
  api.post(`/api/bulk${query}`, { action, filter, ...more })

describe('a list', () => {
  test('pages through matching tasks, newest or oldest first', async () => {
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push(await api.submit('add', { a: i, b: 0 }, { tags: ['paged'] }))
    await api.untilStatus(ids[4]!, 'completed')
    const pages: string[][] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: Listed = await list(`tag=paged&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      pages.push(idsOf(page))
      cursor = page.next_cursor
    }
    expect(pages.flat()).toEqual(ids.toReversed())
    expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
    expect(idsOf(await list('tag=paged&order=oldest'))).toEqual(ids)
    expect(idsOf(await list('tag=paged&status=failed,completed&type=add,long'))).toHaveLength(5)
    expect(idsOf(await list('tag=paged&status=failed'))).toEqual([])
    expect(idsOf(await list('tag=paged&status=failed&status=completed'))).toHaveLength(5)
  })

  test('returns the requested fields, without the limit on parameters per page', async () => {
    const tags = ['chosen']
    const pad = 'x'.repeat(20_000)
    const [small, large] = [
      await api.submit('add', { a: 1, b: 2 }, { tags }),
      await api.submit('add', { a: 3, b: 4, pad }, { tags }),
    ]
    await api.untilStatus(large, 'completed')
    const filter = 'tag=chosen&status=completed'
    expect((await list(`${filter}&fields=status,task_id`)).tasks).toEqual([
      { task_id: large, status: 'completed' },
      { task_id: small, status: 'completed' },
    ])
    const [cut, whole] = (await list(`${filter}&fields=parameters&fields=tags,tags`)).tasks
    expect(cut).toEqual({ parameters: null, tags, parameters_cut: expect.any(Number) })
    expect(whole).toEqual({ parameters: { a: 1, b: 2 }, tags })
    // A search can match fields that it does not return.
    expect((await list(`q=${small}&fields=task_type`)).tasks).toEqual([{ task_type: 'add' }])
    expect((await list(`tag=chosen&q=xxxx&fields=version`)).tasks).toEqual([{ version: expect.any(Number) }])
  })

  test.each(['nonsense', 'task_id,result', '', 'task_id,', 'constructor'])(
    'refuses unknown fields: %s',
    async (fields) => {
      const { status, body } = await api.call('GET', `/api/task?fields=${fields}`)
      expect(status).toBe(422)
      const name = JSON.stringify(fields.split(',').at(-1))
      const message = expect.stringMatching(`^has unknown names: ${name}; choose from task_id, task_type, `)
      expect(body).toMatchObject({ code: 'OPTIONS_INVALID', errors: [{ path: 'fields', message }] })
    },
  )

  test('groups failures by cause; a group can be listed and retried', async () => {
    const options = { tags: ['grouped'], timeout: 0.05 }
    const ids = [
      await api.submit('long', { duration: 900 }, options),
      await api.submit('long', { duration: 901 }, options),
    ]
    for (const id of ids) await api.untilStatus(id, 'failed')
    const failures = async () => (await api.call('GET', '/api/failures?tag=grouped&span=1h')).body['failures']
    const [group] = (await failures()) as [{ fingerprint: string; history: number[] }]
    const newest = (await Promise.all(ids.map((id) => api.status(id)))).toSorted(
      (a, b) => (b.completed_at ?? 0) - (a.completed_at ?? 0),
    )[0]
    expect(group).toEqual({
      fingerprint: expect.stringMatching(/^[\da-f]{16}$/),
      code: 'TIMEOUT',
      message: newest?.error?.message,
      count: 2,
      first_failed_at: expect.any(Number),
      last_failed_at: newest?.completed_at,
      types: [{ type: 'long', count: 2 }],
      task_id: expect.any(String),
      history: expect.any(Array),
    })
    expect(group.history.reduce((sum, count) => sum + count)).toBe(2)
    expect(newest?.error).toMatchObject({ fingerprint: group.fingerprint })
    const { fingerprint } = group
    expect(idsOf(await list(`tag=grouped&fingerprint=${fingerprint}`)).toSorted()).toEqual(ids.toSorted())
    expect(idsOf(await list(`tag=grouped&fingerprint=${fingerprint}&status=completed`))).toEqual([])
    expect(idsOf(await list(`tag=grouped&fingerprint=0123456789abcdef`))).toEqual([])
    const refused = await api.call('GET', '/api/task?fingerprint=x')
    expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: 'fingerprint' }] } })
    const retry = { action: 'retry', filter: { tag: 'grouped', fingerprint } }
    expect((await api.post('/api/bulk?wait=60', retry)).body).toMatchObject({
      changed: 2,
      filter: { fingerprint },
    })
    for (const id of ids) await api.untilStatus(id, 'failed')
    expect(await failures()).toMatchObject([{ fingerprint, count: 2 }])
  })

  test('filters by how long tasks ran, orders by end and by duration; a filter is one of bulk actions too', async () => {
    const tags = ['timed']
    const ids = [
      await api.submit('long', { duration: 0.4, steps: 2 }, { tags }),
      await api.submit('add', { a: 1, b: 2 }, { tags, delay: 0.2 }),
    ]
    for (const id of ids) await api.untilStatus(id, 'completed')
    const waits = await api.submit('add', { a: 1, b: 2 }, { tags, delay: '1h' })
    const tasks = await Promise.all(ids.map((id) => api.status(id)))
    // On a slow machine, any of them may take longer.
    const [longer, shorter] = tasks.toSorted((a, b) => b.execution_time - a.execution_time)
    const [long, short] = [longer!.task_id, shorter!.task_id]
    const ended = tasks.toSorted((a, b) => (a.completed_at ?? 0) - (b.completed_at ?? 0))
    const ends = ended.map(({ task_id: id }) => id)
    expect(idsOf(await list(`tag=timed&took_min=${longer!.execution_time}`))).toEqual([long])
    expect(idsOf(await list(`tag=timed&took_max=${shorter!.execution_time}`))).toEqual([short])
    expect(idsOf(await list('tag=timed&took_min=0&status=scheduled'))).toEqual([])
    expect(idsOf(await list('tag=timed&order=ended_oldest'))).toEqual(ends)
    expect(idsOf(await list('tag=timed&order=ended_newest'))).toEqual(ends.toReversed())
    const first = await list('tag=timed&order=longest&limit=1')
    expect(idsOf(first)).toEqual([long])
    expect(idsOf(await list(`tag=timed&order=longest&limit=1&cursor=${first.next_cursor}`))).toEqual([short])
    expect(idsOf(await list('tag=timed&order=shortest'))).toEqual([short, long])
    expect(await api.call('GET', '/api/task?took_min=-1')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'took_min' }] },
    })
    const most = shorter!.execution_time
    expect((await bulk('purge', { tag: 'timed', took_max: most })).body).toMatchObject({
      changed: 1,
      filter: { took_max: most, status: ['completed', 'failed', 'cancelled'] },
    })
    expect(idsOf(await list('tag=timed')).toSorted()).toEqual([waits, long].toSorted())
  })

  test('shows what tasks did in a time, within bounds', async () => {
    const options = { tags: ['drawn'] }
    const ended = await api.submit('add', { a: 1, b: 2 }, options)
    const waits = await api.submit('add', { a: 1, b: 2 }, { ...options, delay: '1h' })
    await api.untilStatus(ended, 'completed')
    const runs = async (query: string) => (await api.call('GET', `/api/runs?tag=drawn${query}`)).body
    const found = await runs('')
    expect(found).toEqual({
      runs: [
        {
          task_id: ended,
          task_type: 'add',
          changes: [
            { version: 1, at: expect.any(Number), event: 'submitted', status: 'queued', attempt: 0 },
            { version: 2, at: expect.any(Number), event: 'claimed', status: 'running', attempt: 1 },
            { version: 3, at: expect.any(Number), event: 'completed', status: 'completed', attempt: 1 },
          ],
        },
        {
          task_id: waits,
          task_type: 'add',
          changes: [
            { version: 1, at: expect.any(Number), event: 'submitted', status: 'scheduled', attempt: 0 },
          ],
        },
      ],
      from: expect.any(Number),
      until: expect.any(Number),
      limited: false,
    })
    const { from, until } = found as { from: number; until: number }
    expect(until - from).toBeCloseTo(3_600, 3)
    expect(await runs('&limit=1')).toMatchObject({ runs: [{ task_id: ended }], limited: true })
    expect(await runs(`&until=${Math.floor(from)}`)).toMatchObject({ runs: [] })
    expect(await runs(`&from=${Math.ceil(until + 3_600)}`)).toMatchObject({ runs: [] })
    expect(await runs('&type=fib')).toMatchObject({ runs: [] })
    for (const [query, path] of [
      ['&from=soon', 'from'],
      ['&limit=2001', 'limit'],
    ])
      expect(await runs(query ?? '')).toMatchObject({ code: 'OPTIONS_INVALID', errors: [{ path }] })
  })

  test('finds text in parameters and errors, and ids among all tasks', async () => {
    const id = await api.submit('add', { a: 1, b: 2, note: 'Nadel im Heuhaufen' })
    expect(idsOf(await list('q=nadel%20im&type=add'))).toEqual([id])
    expect(idsOf(await list(`q=${id}`))).toEqual([id])
    expect(idsOf(await list(`q=${id.slice(0, 14)}`))).toContain(id)
    expect(idsOf(await list('q=nadel&created_before=1'))).toEqual([])
    expect(idsOf(await list('q=nadel&created_after=1.5&order=oldest'))).toEqual([id])
  })

  test.each([
    'cursor=nonsense',
    'cursor=AAAA',
    'cursor=',
    'limit=0',
    'limit=1001',
    'limit=1.5',
    'limit=x',
    'status=asleep',
    'status=',
    'order=random',
    'created_after=yesterday',
    'created_after=-1',
    'q=',
    'tag=',
    'tag=%00',
    'nonsense=1',
    'tag=a&tag=b',
  ])('refuses %s', async (query) => {
    expect(await api.call('GET', `/api/task?${query}`)).toMatchObject({
      status: 422,
      body: { code: 'OPTIONS_INVALID', errors: [{ path: query.split('=')[0] }] },
    })
  })

  test('refuses the cursor of another list', async () => {
    for (let i = 0; i < 2; i++) await api.submit('add', { a: 1, b: 2 })
    const { next_cursor: cursor } = await list('limit=1&type=add')
    expect(cursor).not.toBeNull()
    expect((await api.call('GET', `/api/task?limit=7&type=add&cursor=${cursor}`)).status).toBe(200)
    for (const query of ['type=fib', 'type=add&order=oldest', '']) {
      expect((await api.call('GET', `/api/task?${query}&cursor=${cursor}`)).status).toBe(422)
    }
  })
})

describe('a held type', () => {
  test('does not start, even after a restart, and is shown in types, statistics and explanations', async () => {
    await using own = await TestServer.start()
    const there = new Api(own.url)
    expect(await there.call('POST', '/api/tasks/add/pause')).toMatchObject({
      status: 200,
      body: { task_type: 'add', held: true },
    })
    const id = await there.submit('add', { a: 1, b: 2 })
    await own.stop()
    await using again = await TestServer.start({ directory: own.directory })
    const here = new Api(again.url)
    expect((await here.call('GET', '/api/tasks/add')).body).toMatchObject({ held: true })
    expect((await here.call('GET', '/api/tasks')).body).toMatchObject({
      task_details: { add: { held: true }, fib: { held: false } },
    })
    expect((await here.call('GET', '/api/stats')).body).toMatchObject({
      counts: { queued: 1 },
      types: { add: { held: true, counts: { queued: 1 } } },
    })
    expect((await here.call('GET', `/api/task/${id}/explain`)).body).toMatchObject({
      status: 'queued',
      reasons: [{ code: 'type_held' }],
      position: 1,
      eta_seconds: null,
    })
    expect((await here.status(id)).status).toBe('queued')
    for (let i = 0; i < 2; i++) {
      expect((await here.call('POST', '/api/tasks/add/resume')).body).toMatchObject({ held: false })
    }
    await here.untilStatus(id, 'completed')
  })

  test('that does not exist is 404', async () => {
    expect(await api.call('POST', '/api/tasks/nothing/pause')).toMatchObject({
      status: 404,
      body: { code: 'TYPE_UNKNOWN' },
    })
  })
})

test('an explanation says what a task is waiting for, and how long', async () => {
  const first = await api.submit('long', { duration: 60 })
  await api.untilStatus(first, 'running')
  const [second, third] = [await api.submit('add', { a: 1, b: 2 }), await api.submit('add', { a: 3, b: 4 })]
  const later = await api.submit('add', { a: 1, b: 2 }, { delay: 60 })
  const explain = async (id: string) => (await api.call('GET', `/api/task/${id}/explain`)).body
  expect(await explain(second)).toMatchObject({ reasons: [{ code: 'no_free_slot' }], position: 1 })
  expect(await explain(third)).toMatchObject({
    reasons: [{ code: 'no_free_slot' }, { code: 'others_first' }],
    position: 2,
    eta_seconds: expect.any(Number),
  })
  expect(await explain(later)).toMatchObject({ reasons: [{ code: 'due_later' }], position: null })
  expect(await explain(first)).toMatchObject({ reasons: [{ code: 'running' }], eta_seconds: null })
  await api.control(third, 'pause')
  expect(await explain(third)).toMatchObject({ reasons: [{ code: 'paused' }] })
  for (const id of [first, third, later]) await api.control(id, 'cancel')
  await api.untilStatus(second, 'completed')
  expect(await explain(second)).toMatchObject({ status: 'completed', reasons: [{ code: 'ended' }] })
})

describe('purge', () => {
  test('deletes a finished task, and no other', async () => {
    const id = await api.submit('long', { duration: 60 })
    expect(await api.call('POST', `/api/task/${id}/purge`)).toMatchObject({
      status: 400,
      body: { code: 'CONTROL_REFUSED', task_status: expect.any(String) },
    })
    await api.control(id, 'cancel')
    expect((await api.call('POST', `/api/task/${id}/purge`)).body).toMatchObject({ task_id: id })
    expect((await api.call('GET', `/api/task/${id}`)).status).toBe(404)
    expect((await api.call('POST', `/api/task/${id}/purge`)).status).toBe(404)
  })
})

/**
 * Kills a server while it changes tasks, and starts another one in its place. If the operation has ended before, once more with
 * more tasks. `all`: the tasks that were submitted, and `tasks` of them the last time.
 */
async function killedDuring(first: TestServer, action: 'cancel' | 'purge') {
  let [server, tasks, all] = [first, 2_500, 0]
  const interrupted = await until('an operation is interrupted', async () => {
    tasks = Math.min(2 * tasks, 10_000)
    all += tasks
    const there = new Api(server.url)
    const batch = Array.from({ length: tasks }, () => ({ parameters: { a: 1, b: 2 } }))
    await there.post('/api/run/add/batch', { tasks: batch })
    if (action === 'purge') {
      const ended = await there.post('/api/bulk?wait=60', { action: 'cancel', filter: { status: 'queued' } })
      expect(ended.body).toMatchObject({ status: 'completed', changed: tasks })
    }
    const begun = await there.post('/api/bulk?wait=0', { action, filter: {} })
    expect(begun.status).toBe(202)
    await server.stop('SIGKILL')
    const { directory } = server
    server = await TestServer.start({ directory, env: { FERMATA_MAX_CONCURRENT: '0' } })
    const look = async () => (await new Api(server.url).call('GET', begun.headers.get('location') ?? '')).body
    // Immediately if one process owns the database; otherwise when the lease of the killed server expires.
    await expect.poll(async () => (await look())['status']).not.toBe('running')
    const body = await look()
    return body['status'] === 'interrupted' ? body : undefined
  })
  return { server, interrupted, tasks, all }
}

describe('a bulk action', () => {
  test('counts, then changes matching tasks that accept it', async () => {
    const held = ['bulk-1', 'bulk-2', 'bulk-3']
    await api.call('POST', '/api/tasks/fib/pause')
    const ids: string[] = []
    for (const key of held) ids.push(await api.submit('fib', { n: 1 }, { tags: ['bulk', key] }))
    const done = await api.submit('add', { a: 1, b: 2 }, { tags: ['bulk'] })
    await api.untilStatus(done, 'completed')
    const counted = await bulk('pause', { tag: 'bulk' }, { dry_run: true })
    expect(counted).toMatchObject({ status: 200, body: { status: 'completed', matched: 3, changed: 0 } })
    const acted = await bulk('pause', { tag: 'bulk', status: ['queued', 'completed'], type: 'fib' })
    expect(acted.body).toMatchObject({ status: 'completed', matched: 3, changed: 3, refused: 0 })
    for (const id of ids) expect((await api.status(id)).status).toBe('paused')
    const location = acted.headers.get('location') ?? ''
    expect((await api.call('GET', location)).body).toEqual(acted.body)
    expect((await api.call('DELETE', location)).body).toEqual(acted.body)
    await api.call('POST', '/api/tasks/fib/resume')
    expect((await bulk('resume', { q: 'bulk', tag: 'bulk-1' })).body).toMatchObject({ matched: 0 })
    expect((await bulk('resume', { tag: 'bulk' })).body).toMatchObject({ changed: 3 })
    for (const id of ids) await api.untilStatus(id, 'completed')
  })

  test('continues as an operation that can be followed and stopped', async () => {
    await api.call('POST', '/api/tasks/fib/pause')
    // If the server is faster than this test, it has done all of it before it is asked to stop: then with more tasks.
    let count = 1_500
    const stopped = await until('an operation is stopped before its end', async () => {
      count *= 2
      const tasks = Array.from({ length: Math.min(count, 10_000) }, () => ({
        parameters: { n: 1 },
        tags: [`many-${count}`],
      }))
      await api.post('/api/run/fib/batch', { tasks })
      const begun = await bulk('cancel', { tag: `many-${count}` }, {}, '?wait=0')
      expect(begun).toMatchObject({ status: 202, body: { status: 'running' } })
      const { body } = await api.call('DELETE', begun.headers.get('location') ?? '')
      return body['status'] === 'completed' ? undefined : { body, all: tasks.length }
    })
    expect(stopped.body).toMatchObject({ status: 'cancelled' })
    const changed = Number(stopped.body['changed'])
    expect(changed).toBeLessThan(stopped.all)
    const left = await bulk('cancel', { tag: `many-${count}` }, {})
    expect(left.body).toMatchObject({ status: 'completed', changed: stopped.all - changed })
    await api.call('POST', '/api/tasks/fib/resume')
  })

  test('deletes finished tasks, and nothing else', async () => {
    const ended: string[] = []
    for (const tag of ['old', 'old', 'kept'])
      ended.push(await api.submit('add', { a: 1, b: 2 }, { tags: [tag] }))
    const waiting = await api.submit('add', { a: 1, b: 2 }, { tags: ['old'], delay: 3_600 })
    for (const id of ended) await api.untilStatus(id, 'completed')
    const counted = await bulk('purge', { tag: 'old' }, { dry_run: true })
    expect(counted.body).toMatchObject({ action: 'purge', status: 'completed', matched: 2, changed: 0 })
    expect(counted.body['filter']).toMatchObject({ status: ['completed', 'failed', 'cancelled'] })
    expect((await bulk('purge', { tag: 'old', status: 'scheduled' })).body).toMatchObject({ matched: 0 })
    const purged = await bulk('purge', { tag: 'old', status: ['scheduled', 'completed'] })
    expect(purged).toMatchObject({
      status: 200,
      body: { status: 'completed', matched: 2, changed: 2, refused: 0 },
    })
    expect((await api.call('GET', purged.headers.get('location') ?? '')).body).toEqual(purged.body)
    const left = await Promise.all([...ended, waiting].map((id) => api.call('GET', `/api/task/${id}`)))
    expect(left.map(({ status }) => status)).toEqual([404, 404, 200, 200])
    expect(idsOf(await list('tag=old'))).toEqual([waiting])
    expect((await bulk('purge', { tag: 'old' })).body).toMatchObject({ status: 'completed', matched: 0 })
    await api.control(waiting, 'cancel')
  })

  test('is interrupted when its server stops, and can be sent again', async () => {
    await using own = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '0' } })
    const { all, interrupted, server } = await killedDuring(own, 'cancel')
    await using again = server
    const here = new Api(again.url)
    const rest = await here.post('/api/bulk?wait=60', { action: 'cancel', filter: {} })
    expect(rest.body['changed']).toBeLessThanOrEqual(all - Number(interrupted['changed']))
    expect((await here.call('GET', '/api/stats')).body).toMatchObject({ counts: { cancelled: all } })
  })

  test('is interrupted when its server is killed, and the next one deletes the rest', async () => {
    await using own = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '0' } })
    const kept = await new Api(own.url).submit('add', { a: 1, b: 2 }, { delay: 3_600 })
    const { tasks, interrupted, server } = await killedDuring(own, 'purge')
    await using again = server
    const here = new Api(again.url)
    expect(interrupted).toMatchObject({ action: 'purge' })
    const rest = await here.post('/api/bulk?wait=60', { action: 'purge', filter: {} })
    expect(rest.body).toMatchObject({ status: 'completed', refused: 0 })
    expect(rest.body['changed']).toBeLessThanOrEqual(tasks - Number(interrupted['changed']))
    const { counts } = (await here.call('GET', '/api/stats')).body as { counts: Record<string, number> }
    expect(Object.entries(counts).filter(([, count]) => count > 0)).toEqual([['scheduled', 1]])
    expect((await here.status(kept)).status).toBe('scheduled')
  })

  test.each([
    ['no action', { filter: {} }, 'BODY_INVALID'],
    ['no filter', { action: 'cancel' }, 'BODY_INVALID'],
    ['another action', { action: 'delete', filter: {} }, 'BODY_INVALID'],
    ['another status', { action: 'cancel', filter: { status: 'asleep' } }, 'OPTIONS_INVALID'],
    ['an unknown part of a filter', { action: 'cancel', filter: { tags: ['a'] } }, 'OPTIONS_INVALID'],
    ['an unknown option', { action: 'cancel', filter: {}, force: true }, 'OPTIONS_INVALID'],
  ])('refuses %s', async (_, body, code) => {
    expect(await api.post('/api/bulk', body)).toMatchObject({ status: 422, body: { code } })
  })

  test('an unknown operation is 404', async () => {
    for (const method of ['GET', 'DELETE']) {
      for (const id of ['nothing', '%00', 'x'.repeat(100)]) {
        expect(await api.call(method, `/api/operations/${id}`)).toMatchObject({
          status: 404,
          body: { code: 'OPERATION_UNKNOWN' },
        })
      }
    }
  })
})

test('statistics count tasks and events', async () => {
  const id = await api.submit('add', { a: 1, b: 2 })
  await api.untilStatus(id, 'completed')
  const { body } = await api.call('GET', '/api/stats')
  expect(body).toMatchObject({
    types: { add: { expected_duration: expect.any(Number), fenced_off: 0 } },
    node: { phase: 'ready', max_concurrent: 1 },
  })
  const rates = body['rates'] as Record<string, Record<string, number>>
  expect(rates['1m']?.['completed']).toBeGreaterThan(0)
  expect(rates['60m']?.['submitted']).toBeGreaterThan(0)
})

test('the history counts events and tasks in each step', async () => {
  await api.untilStatus(await api.submit('add', { a: 1, b: 2 }), 'completed')
  for (const span of ['1h', '24h']) {
    const { body } = await api.call('GET', `/api/history?span=${span}`)
    const { start, until, step, happened, tasks } = HistoryBody.parse(body)
    expect(step).toBe(span === '1h' ? 10 : 300)
    const steps = Math.ceil((until - start) / step)
    for (const column of [...Object.values(happened), ...Object.values(tasks)]) {
      expect(column).toHaveLength(Math.max(1, steps))
    }
    expect(happened.completed.reduce((sum, count) => sum + count)).toBeGreaterThan(0)
    expect(tasks.queued.findLast((count) => count !== null)).toEqual(expect.any(Number))
  }
  expect((await api.call('GET', '/api/history')).body).toMatchObject({ span: '1h' })
  expect(await api.call('GET', '/api/history?span=1w')).toMatchObject({
    status: 422,
    body: { errors: [{ path: 'span', message: 'must be 1h or 24h' }] },
  })
})

describe('the stream of all tasks', () => {
  test('sends changes of matching tasks, and tells a client that reconnects to read them again', async () => {
    const stream = sse(`${server.url}/api/events?type=add&tag=heard`, { 'last-event-id': 'x-1' })
    const { value: first } = await stream.next()
    expect(first).toMatchObject({ event: 'resync', data: { why: 'reconnect' } })
    await api.submit('add', { a: 1, b: 2 })
    const id = await api.submit('add', { a: 1, b: 2 }, { tags: ['heard'] })
    const others = await collect(stream, ({ data }) => data['status'] === 'completed')
    expect(others.every(({ data }) => data['task_id'] === id && data['task_type'] === 'add')).toBe(true)
    const moves = others.filter(({ event }) => event === 'transition').map(({ data }) => data['event'])
    expect(moves).toEqual(['submitted', 'claimed', 'completed'])
    expect(others.some(({ event }) => event === 'progress')).toBe(true)
  })

  test('refuses an invalid filter', async () => {
    for (const query of ['status=asleep', 'q=', 'limit=1']) {
      expect(await api.call('GET', `/api/events?${query}`)).toMatchObject({
        status: 422,
        body: { code: 'OPTIONS_INVALID' },
      })
    }
  })
})
