import { afterEach, describe, expect, test } from 'vitest'
import { fakeManager, runningTask } from '../../test/support/fake-manager.ts'
import { ProblemBody } from '../contract/answers.ts'
import { QueueFull, TooManyQueued, ShuttingDown, StoreUnavailable } from '../core/errors.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import type { NodeState } from '../engine/reports.ts'
import { createServer, type ServerLogger, type ServerOptions } from './server.ts'

const address = `/api/task/${runningTask.id}`

type Line = Readonly<{ level: string; fields: object; message: string }>

/** A log that keeps its lines. */
function memoryLog(level = 'info'): ServerLogger & { lines: Line[] } {
  const lines: Line[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message })
  return { level, lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

let close: (() => Promise<unknown>) | undefined
afterEach(() => close?.())

async function serve(does: Partial<TaskManagerApi>, options: Partial<ServerOptions> = {}) {
  const logger = memoryLog()
  const app = await createServer({
    manager: fakeManager(does),
    version: '1.2.3',
    logger,
    ...options,
  })
  close = () => app.close()
  return { app, logger }
}

const state = (phase: NodeState['phase']) => ({ state: { ...fakeManager().state, phase } })

describe('an error of the engine', () => {
  test('that is unexpected is logged in full, and reported to the caller without details', async () => {
    const brief = () => Promise.reject(new Error('the secret table is gone'))
    const { app, logger } = await serve({ brief })
    const answer = await app.inject({ url: `${address}/status`, headers: { 'x-request-id': 'call-1' } })
    expect(answer.statusCode).toBe(500)
    expect(answer.body).not.toContain('secret')
    expect(ProblemBody.parse(answer.json())).toMatchObject({ code: 'INTERNAL', request_id: 'call-1' })
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { request_id: 'call-1', err: { message: 'the secret table is gone' } } },
    ])
  })

  test.each<[string, Error, number?]>([
    ['QUEUE_FULL', new QueueFull(10)],
    ['TOO_MANY_QUEUED', new TooManyQueued('add', null, 10), 429],
    ['SHUTTING_DOWN', new ShuttingDown()],
    [
      'STORE_UNAVAILABLE',
      new StoreUnavailable('the disk is full', { unknown: false, cause: new Error('x') }),
    ],
  ])('that passes is %s and says when to come again', async (code, error, status = 503) => {
    const { app, logger } = await serve({ enqueue: () => Promise.reject(error) })
    const answer = await app.inject({
      method: 'POST',
      url: '/api/run/add',
      payload: { parameters: { a: 1, b: 2 } },
    })
    expect(answer.statusCode).toBe(status)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
    const { request_id } = ProblemBody.parse(answer.json())
    expect(logger.lines).toMatchObject([
      { level: 'info', message: 'refused', fields: { request_id, code, status, path: '/api/run/add' } },
    ])
  })

  test('after its end is not a fault', async () => {
    const { app } = await serve({ ...state('closed'), brief: () => Promise.reject(new Error('closed')) })
    const answer = await app.inject({ url: `${address}/status` })
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'SHUTTING_DOWN'])
  })
})

test('readiness is denied with the reason, and health is not', async () => {
  const { app } = await serve({ trouble: async () => 'The disk is full.' })
  const answer = await app.inject({ url: '/readyz' })
  expect([answer.statusCode, answer.json().code, answer.json().detail]).toEqual([
    503,
    'NOT_READY',
    'This server is not accepting work. The disk is full.',
  ])
  expect((await app.inject({ url: '/healthz' })).statusCode).toBe(200)
})

test('a control waits as long as requested, two seconds by default', async () => {
  const waits: unknown[] = []
  const control: TaskManagerApi['control'] = async (_id, name, options) => {
    waits.push([name, options?.wait, options?.fromStart])
    return runningTask
  }
  const { app } = await serve({ control })
  await app.inject({ method: 'POST', url: `${address}/pause` })
  await app.inject({ method: 'POST', url: `${address}/resume?wait=0` })
  await app.inject({ method: 'DELETE', url: `${address}?wait=0.25` })
  await app.inject({ method: 'POST', url: `${address}/retry?wait=60&from=start` })
  expect(waits).toEqual([
    ['pause', 2_000, false],
    ['resume', 0, false],
    ['cancel', 250, false],
    ['retry', 60_000, true],
  ])
})

test('options reach the engine under its own names', async () => {
  const seen: unknown[] = []
  const enqueue: TaskManagerApi['enqueue'] = async (type, parameters, options) => {
    seen.push([type, parameters, options])
    return { task: runningTask, replayed: false }
  }
  const { app } = await serve({ enqueue })
  const parameters = { a: 1, b: 2 }
  const submit = (options: object, headers = {}) =>
    app.inject({ method: 'POST', url: '/api/run/add/', payload: { parameters, ...options }, headers })
  await submit({})
  await submit({ run_at: 5, max_attempts: 2, timeout: '1m', priority: 3, backoff: { base: 1 }, tags: ['t'] })
  await submit({ delay: 2 }, { 'idempotency-key': 'k' })
  expect(seen).toEqual([
    ['add', parameters, {}],
    [
      'add',
      parameters,
      { runAt: 5, maxAttempts: 2, timeout: '1m', priority: 3, backoff: { base: 1 }, tags: ['t'] },
    ],
    ['add', parameters, { delay: 2, idempotencyKey: 'k' }],
  ])
})

test('a flood of refusals is logged in part, and never with queries', async () => {
  const { app, logger } = await serve({})
  for (let call = 0; call < 50; call++) await app.inject({ url: `/nothing?q=secret` })
  await app.inject({
    method: 'POST',
    url: '/api/run/add',
    payload: '{',
    headers: { 'content-type': 'application/json' },
  })
  expect(logger.lines.map(({ fields }) => (fields as { code: string }).code)).toEqual([
    ...Array.from({ length: 20 }, () => 'NOT_FOUND'),
    'BODY_INVALID',
  ])
})

test('responses are logged only at debug level', async () => {
  const logger = memoryLog('debug')
  const { app } = await serve({}, { logger })
  await app.inject({ url: '/healthz?q=secret', headers: { 'x-request-id': 'me' } })
  expect(logger.lines).toMatchObject([
    { level: 'debug', fields: { request_id: 'me', path: '/healthz', status: 200 } },
  ])
  expect(JSON.stringify(logger.lines)).not.toContain('secret')
})
