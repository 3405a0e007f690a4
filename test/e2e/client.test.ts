import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { routes } from '../../src/contract/routes.ts'
import {
  Fermata,
  FermataError,
  isFermataError,
  type Change,
  type Progress,
  type TaskEvent,
  type TaskHandle,
} from '../../src/client/index.ts'
import { defineTask } from '../../src/index.ts'
import { TestServer } from '../support/server.ts'

const add = defineTask({
  type: 'add',
  parameters: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => a + b,
})

let server: TestServer
let client: Fermata
beforeAll(async () => {
  server = await TestServer.start()
  client = new Fermata({ url: `${server.url}/` })
})
afterAll(() => server[Symbol.asyncDispose]())

/** For controls: as long as they may wait. */
const patient = { wait: 60 } as const

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('a submit', () => {
  test('by definition is typed from its parameters to its result', async () => {
    const handle = await client.submit(add, { a: 2, b: 3 }, { priority: 5, tags: ['sdk'] })
    expectTypeOf(handle).toEqualTypeOf<TaskHandle<number>>()
    expect(await handle.result()).toBe(5)
    expect(await handle.status()).toMatchObject({ status: 'completed', priority: 5, tags: ['sdk'] })
    // @ts-expect-error a must be a number
    await expect(client.submit(add, { a: 'two', b: 3 })).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
    // @ts-expect-error an unknown option
    await expect(client.submit(add, { a: 1, b: 3 }, { prio: 1 })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    })
  })

  test('by name accepts anything, or the types of a definition that is not available', async () => {
    const handle = await client.submit('add', { a: 0.1, b: 0.2 })
    expectTypeOf(handle).toEqualTypeOf<TaskHandle>()
    expect(await handle.result()).toBe(0.1 + 0.2)
    const typed = await client.submit<typeof add>('add', { a: 1, b: 2 })
    expectTypeOf(typed).toEqualTypeOf<TaskHandle<number>>()
    expect(await typed.result()).toBe(3)
  })

  test('of many is all or nothing, and in order', async () => {
    const handles = await client.submitAll(add, [
      { a: 1, b: 1 },
      { a: 2, b: 2 },
    ])
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([2, 4])
    expect(await client.submitAll(add, [])).toEqual([])
    const wrong = client.submitAll('add', [{ a: 1, b: 1 }, { a: 1 }])
    await expect(wrong).rejects.toMatchObject({
      code: 'PARAMETERS_INVALID',
      errors: [{ path: 'tasks.1.parameters.b' }],
    })
  })

  test('returns large numbers as documented', async () => {
    expect(await (await client.submit('fib', { n: 78 })).result()).toBe(8_944_394_323_791_464)
    expect(await (await client.submit('fib', { n: 100 })).result()).toBe('354224848179261915075')
  })
})

describe('a handle', () => {
  test('pauses, resumes and cancels, and returns the status', async () => {
    const handle = await client.submit('long', { duration: 60, steps: 600 })
    expect(await handle.pause(patient)).toMatchObject({ task_id: handle.id, status: 'paused' })
    expect(await handle.resume(patient)).toMatchObject({ status: 'running' })
    expect(await handle.cancel(patient)).toMatchObject({ status: 'cancelled' })
    await expect(handle.result()).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(handle.pause()).rejects.toMatchObject({
      code: 'CONTROL_REFUSED',
      status: 400,
      taskStatus: 'cancelled',
    })
    expect(await handle.retry(patient)).toMatchObject({ status: 'running' })
    await handle.cancel(patient)
    expect((await handle.details()).timeline.length).toBeGreaterThan(5)
    expect(await handle.log()).toEqual([])
  })

  test('waits no longer than the timeout', async () => {
    const handle = await client.submit('long', { duration: 60 })
    await expect(handle.result({ timeout: 0.05 })).rejects.toMatchObject({ code: 'RESULT_NOT_READY' })
    const abort = new AbortController()
    const waiting = handle.result({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await handle.cancel()
  })

  test('yields progress up to the last report', async () => {
    const handle = await client.submit('long', { duration: 0.4, steps: 8 })
    const seen = await all<Progress>(handle.progress())
    expect(seen.at(-1)).toMatchObject({ current: 8, total: 8, ratio: 1 })
    const steps = seen.map(({ current }) => current)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
  })

  test('yields progress while the task runs', async () => {
    const handle = await client.submit('long', { duration: 600, steps: 6_000 })
    const seen: Progress[] = []
    for await (const progress of handle.progress()) if (seen.push(progress) === 3) break
    expect((await handle.status()).status).toBe('running')
    expect(new Set(seen.map(({ current }) => current)).size).toBe(3)
    await handle.cancel(patient)
  })

  test('yields every transition, including past ones, and ends with the last one', async () => {
    const handle = await client.submit('add', { a: 1, b: 1 })
    await handle.result()
    const moves = (events: readonly TaskEvent[]) =>
      events.flatMap((event) => (event.kind === 'transition' ? [event.event] : []))
    expect(moves(await all(handle.events()))).toEqual(['submitted', 'claimed', 'completed'])
    expect(moves(await all(handle.events({ after: 1 })))).toEqual(['claimed', 'completed'])
    expect(moves(await all(handle.events({ after: 3 })))).toEqual([])
  })
})

describe('many tasks', () => {
  test('are iterated page by page', async () => {
    await client.submitAll(
      add,
      Array.from({ length: 7 }, (_, n) => ({ a: n, b: 0 })),
      { tags: ['walk'] },
    )
    const pages = await all(client.pages({ tag: 'walk', limit: 3 }))
    expect(pages.map(({ tasks }) => tasks.length)).toEqual([3, 3, 1])
    const tasks = await all(client.tasks({ tag: 'walk', limit: 3, order: 'oldest', type: ['add', 'fib'] }))
    expect(tasks.map(({ parameters }) => (parameters as { a: number }).a)).toEqual([0, 1, 2, 3, 4, 5, 6])
    const query = { tag: 'walk', limit: 3, order: 'oldest', fields: ['task_id', 'tags'] } as const
    const chosen: { task_id: string; tags: string[] }[] = await all(client.tasks(query))
    expect(chosen).toEqual(tasks.map(({ task_id, tags }) => ({ task_id, tags })))
  })

  test('stream their changes after the stream is open', async () => {
    const abort = new AbortController()
    const seen: Change[] = []
    let handle: TaskHandle | undefined
    for await (const change of client.changes({ tag: 'watched' }, { signal: abort.signal })) {
      seen.push(change)
      if (change.kind === 'resync') handle = await client.submit('add', { a: 1, b: 1 }, { tags: ['watched'] })
      if (change.kind === 'transition' && change.status === 'completed') break
    }
    expect(seen[0]).toEqual({ kind: 'resync', why: 'open' })
    expect(seen[1]).toMatchObject({ kind: 'transition', task_id: handle?.id, task_type: 'add' })
  })

  test('are controlled by filter', async () => {
    await client.submitAll('long', [{ duration: 60 }, { duration: 60 }], { tags: ['bulk'] })
    expect(await client.bulk('cancel', { tag: 'bulk' }, { dryRun: true })).toMatchObject({ matched: 2 })
    const operation = await client.bulk('cancel', { tag: 'bulk', type: 'long' }, patient)
    expect(operation).toMatchObject({ status: 'completed', changed: 2 })
    expect(await client.getOperation(operation.operation_id)).toEqual(operation)
    expect(await client.cancelOperation(operation.operation_id)).toEqual(operation)
  })
})

describe('every call of the API', () => {
  test('has a method', () => {
    expect(withoutMethod(Object.keys(routes))).toEqual([])
    expect(withoutMethod(['getTask', 'getMoon'])).toEqual(['getMoon'])
  })

  test('about the server works', async () => {
    expect(await client.getHealth()).toEqual({ status: 'ok' })
    expect(await client.getReadiness()).toEqual({ status: 'ready' })
    expect(await client.getIndex()).toMatchObject({ name: 'Fermata' })
    expect((await client.getStats()).node.phase).toBe('ready')
    const day = await client.getHistory({ span: '24h' })
    expect([day.step, day.happened.completed.length, day.starts.length]).toEqual([300, 288, 1])
    expect(day.times).toBeNull()
    expect((await client.getHistory({ type: 'add' })).times).toMatchObject({
      run: { count: expect.any(Number) },
    })
    expect((await client.listNodes()).nodes).toHaveLength(1)
    expect((await client.listTypes()).available_tasks).toContain('add')
    expect(await client.holdType('add')).toMatchObject({ held: true })
    const handle = await client.submit('add', { a: 1, b: 1 })
    expect((await client.explainTask(handle.id)).reasons[0]?.code).toBe('type_held')
    expect(await client.releaseType('add')).toMatchObject({ held: false })
    expect(await client.getType('add')).toMatchObject({ held: false, example: { a: 2, b: 3 } })
    await handle.result()
    expect(await client.purgeTask(handle.id)).toMatchObject({ task_id: handle.id })
    await expect(handle.status()).rejects.toMatchObject({ code: 'TASK_UNKNOWN', status: 404 })
  })
})

test('an error says what was wrong, with a code that narrows its type', async () => {
  const error: unknown = await client.submitTask('add', { parameters: { a: 1 } }).catch((thrown) => thrown)
  expect(error).toBeInstanceOf(FermataError)
  expect(error).toMatchObject({
    code: 'PARAMETERS_INVALID',
    status: 400,
    errors: [{ path: 'b', message: expect.any(String) }],
    requestId: expect.stringMatching(/./),
    outcomeUnknown: false,
  })
  if (isFermataError(error, 'PARAMETERS_INVALID', 'TYPE_UNKNOWN')) {
    expectTypeOf(error.code).toEqualTypeOf<'PARAMETERS_INVALID' | 'TYPE_UNKNOWN'>()
  } else expect.unreachable()
  expect(isFermataError(error, 'TASK_UNKNOWN')).toBe(false)
})

function withoutMethod(operations: readonly string[]): string[] {
  return operations.filter((name) => typeof Reflect.get(client, name) !== 'function')
}
