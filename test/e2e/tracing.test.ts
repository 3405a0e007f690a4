import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Api } from '../support/api.ts'
import { Collector, type ReceivedSpan } from '../support/collector.ts'
import { Receiver } from '../support/receiver.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** A server that sends its spans to a receiver, over the wire. */

const FERMATA_TASKS = join(import.meta.dirname, '../fixtures/tracing.ts')
const adminKey = 'canary-of-the-administrator-of-this-server'
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

/** Writes the name of each module of OpenTelemetry that is loaded. */
const hook = `import { registerHooks } from 'node:module'
registerHooks({ load: (url, context, next) => { if (url.includes('/@opentelemetry/')) console.error(url); return next(url, context) } })`
const tellsLoads = `--import=data:text/javascript,${encodeURIComponent(hook)}`

let collector: Collector
let server: TestServer
let api: Api
beforeAll(async () => {
  collector = await Collector.start()
  const env = { ...collector.env, FERMATA_TASKS, LOG_LEVEL: 'debug', OTEL_SERVICE_NAME: 'my-queue' }
  server = await TestServer.start({
    env: {
      ...env,
      FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  })
  api = new Api(server.url)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
})

const submitted = async (type: string, headers: Record<string, string> = {}, parameters: object = {}) => {
  const answer = await api.post(`/api/run/${type}`, { parameters }, headers)
  expect(answer.status, answer.text).toBe(200)
  return String(answer.body['task_id'])
}
const resultOf = async (id: string) => {
  await api.untilStatus(id, 'completed', 'failed')
  return (await api.call('GET', `/api/task/${id}/result`)).body['result']
}
const spanOf = async (name: string, id: string): Promise<ReceivedSpan> =>
  (await collector.received(name, 1, { 'messaging.message.id': id }))[0]!
const contextOf = (span: ReceivedSpan) => `00-${span.traceId}-${span.spanId}-01`

describe('a submit with a trace', () => {
  test.each(['inline', 'in-thread', 'in-process', 'command'])(
    'is continued by its request, its submit, its attempt and its handler: %s',
    async (type) => {
      const id = await submitted(type, { traceparent, tracestate: 'vendor=x' })
      const result = await resultOf(id)
      const submit = await spanOf(`submit ${type}`, id)
      const attempt = await spanOf(`process ${type}`, id)
      const requests = await collector.received('POST /api/run/{task_type}')
      const request = requests.find(({ spanId }) => spanId === submit.parentId)
      expect(request).toMatchObject({
        kind: 'server',
        traceId,
        parentId: '00f067aa0ba902b7',
        state: 'vendor=x',
      })
      expect(request?.attributes).toEqual({
        'http.request.method': 'POST',
        'http.route': '/api/run/{task_type}',
        'http.response.status_code': 200,
      })
      expect(submit).toMatchObject({ kind: 'producer', traceId, failure: undefined })
      expect(submit.attributes).toEqual({
        'messaging.system': 'fermata',
        'messaging.destination.name': type,
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'submit',
        'messaging.message.id': id,
      })
      expect(attempt).toMatchObject({
        kind: 'consumer',
        traceId,
        parentId: submit.spanId,
        failure: undefined,
      })
      expect(attempt.links).toEqual([{ traceId, spanId: submit.spanId }])
      expect(attempt.attributes).toMatchObject({
        'messaging.system': 'fermata',
        'messaging.destination.name': type,
        'messaging.operation.type': 'process',
        'fermata.task.attempt': 1,
        'fermata.task.status': 'completed',
      })
      expect(attempt.resource).toMatchObject({
        'service.name': 'my-queue',
        'deployment.environment.name': 'test',
      })
      expect(result).toEqual({ traceparent: contextOf(attempt), tracestate: 'vendor=x' })
    },
  )

  test('is joined by spans of its handler', async () => {
    const id = await submitted('tracing', { traceparent })
    const attempt = await spanOf('process tracing', id)
    await until('the inner span is received', async () =>
      collector.spans.some(({ name, parentId }) => name === 'inner' && parentId === attempt.spanId),
    )
  })

  test('that is invalid starts another one', async () => {
    for (const bad of ['x', traceparent.toUpperCase(), `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]) {
      const id = await submitted('inline', { traceparent: bad })
      const { traceId: other, parentId } = await spanOf('submit inline', id)
      expect(other).toMatch(/^[\da-f]{32}$/)
      expect(other).not.toBe(traceId)
      expect(parentId).not.toBe('')
    }
  })

  test('that is not sampled leaves no spans, and is passed on', async () => {
    const other = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
    const id = await submitted('inline', { traceparent: `00-${other}-00f067aa0ba902b7-00` })
    expect(await resultOf(id)).toMatchObject({
      traceparent: expect.stringMatching(`^00-${other}-[\\da-f]{16}-00$`),
    })
    // Spans are sent in order.
    const later = await submitted('inline', { traceparent })
    await spanOf('process inline', later)
    expect(collector.spans.filter((span) => span.traceId === other)).toEqual([])
  })
})

test('each attempt to deliver a message has a span in the trace of its task, which the receiver can continue', async () => {
  await using receiver = await Receiver.start()
  let refusals = 1
  receiver.answer = (_, response) => void response.writeHead(refusals-- > 0 ? 503 : 204).end()
  const client = new Fermata({ url: server.url })
  const hook = await client.createWebhook({
    url: receiver.url,
    events: ['task.completed'],
    types: ['inline'],
  })
  const id = await submitted('inline', { traceparent, tracestate: 'vendor=x' })
  const submit = await spanOf('submit inline', id)
  const attempts = await collector.received('deliver task.completed', 2, { 'fermata.task.id': id })
  const [first, second] = attempts.toSorted(
    (a, b) =>
      Number(a.attributes['fermata.delivery.attempt']) - Number(b.attributes['fermata.delivery.attempt']),
  )
  const shared = { kind: 'client', traceId, parentId: submit.spanId }
  expect(first).toMatchObject({ ...shared, failure: 'the receiver answered 503' })
  expect(second).toMatchObject({ ...shared, failure: undefined })
  for (const { links } of [first!, second!]) expect(links).toEqual([{ traceId, spanId: submit.spanId }])
  expect(second!.attributes).toEqual({
    'messaging.system': 'fermata',
    'messaging.destination.name': hook.id,
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'deliver',
    'messaging.message.id': `msg_${id}_3`,
    'http.request.method': 'POST',
    'http.response.status_code': 204,
    'fermata.task.id': id,
    'fermata.delivery.attempt': 2,
  })
  expect(receiver.received.map(({ headers }) => headers['traceparent'])).toEqual(
    [first!, second!].map(contextOf),
  )
  for (const { headers } of receiver.received) expect(headers).not.toHaveProperty('tracestate')
  await client.testWebhook(hook.id)
  const [tested] = await collector.received('deliver webhook.test')
  expect(tested).toMatchObject({ parentId: '', links: [] })
  await client.deleteWebhook(hook.id)
})

test('a batch has one submit, to which all its attempts are linked', async () => {
  const tasks = Array.from({ length: 3 }, () => ({ parameters: {} }))
  const answer = await api.post('/api/run/inline/batch', { tasks }, { traceparent })
  const ids = answer.body['task_ids'] as string[]
  const [submit] = await collector.received('submit inline', 1, { 'messaging.batch.message_count': 3 })
  for (const id of ids) {
    const { links } = await spanOf('process inline', id)
    expect(links).toEqual([{ traceId, spanId: submit!.spanId }])
  }
})

test('a failed attempt has its error, and the next one a span of its own', async () => {
  const id = await submitted('flaky', { traceparent })
  await api.untilStatus(id, 'completed')
  const attempts = await collector.received('process flaky', 2, { 'messaging.message.id': id })
  const [first, second] = attempts.toSorted(
    (a, b) => Number(a.attributes['fermata.task.attempt']) - Number(b.attributes['fermata.task.attempt']),
  )
  expect(first).toMatchObject({ failure: 'out of reach', attributes: { 'error.type': 'ERROR' } })
  expect(first?.events).toContainEqual({
    name: 'exception',
    attributes: { 'exception.type': 'RangeError', 'exception.message': 'out of reach' },
  })
  expect(second).toMatchObject({ failure: undefined, parentId: first!.parentId, links: first!.links })
})

test('pauses and resumes are events of the attempt', async () => {
  const id = await submitted('endless', { traceparent })
  await api.untilStatus(id, 'running')
  await api.control(id, 'pause')
  await api.untilStatus(id, 'paused')
  await api.control(id, 'resume')
  await api.untilStatus(id, 'running')
  await api.control(id, 'cancel')
  const { events, attributes } = await spanOf('process endless', id)
  const names = events.map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining(['pause_requested', 'paused', 'resumed', 'claimed', 'cancelled']),
  )
  expect(attributes['fermata.task.status']).toBe('cancelled')
})

test('a refused submit has its code, and nothing that was sent', async () => {
  const answer = await api.post('/api/run/endless', { parameters: { secret: 7 } }, { traceparent })
  expect(answer.status).toBe(400)
  const [submit] = await collector.received('submit endless', 1, { 'error.type': 'PARAMETERS_INVALID' })
  expect(submit?.failure).toBe('')
})

test('the client continues the current span of its program, and takes one by hand', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  onTestFinished(() => {
    context.disable()
    propagation.disable()
  })
  const client = new Fermata({ url: server.url })
  const own = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
  const here = trace.setSpanContext(context.active(), {
    traceId: own,
    spanId: '00f067aa0ba902b7',
    traceFlags: 1,
  })
  const draft = { parameters: {} }
  const current = await context.with(here, () => client.submitTask('inline', draft))
  const byHand = await context.with(here, () => client.submitTask('inline', draft, { traceparent }))
  expect((await spanOf('submit inline', current.task_id)).traceId).toBe(own)
  expect((await spanOf('submit inline', byHand.task_id)).traceId).toBe(traceId)
})

test('the command line passes on TRACEPARENT', async () => {
  const env = { FERMATA_URL: server.url, TRACEPARENT: traceparent, TRACESTATE: 'vendor=cli' }
  const { stdout, code } = await run(['run', 'inline', '--json'], env)
  expect(code).toBe(0)
  const { task_id: id } = JSON.parse(stdout.split('\n')[0]!) as { task_id: string }
  expect(await resultOf(id)).toMatchObject({
    traceparent: expect.stringContaining(traceId),
    tracestate: 'vendor=cli',
  })
  const odd = await run(['run', 'inline', '--json'], { ...env, TRACEPARENT: 'a\nb' })
  expect(odd.code).toBe(0)
})

test('doctor says where traces go, or why they do not', async () => {
  const database = { DATABASE_URL: 'sqlite::memory:' }
  const on = await run(['doctor'], { ...collector.env, ...database })
  expect(on.stdout).toMatch(/traces +are sent to http:\/\/127\.0\.0\.1:\d+\/v1\/traces/)
  const off = await run(['doctor'], { ...collector.env, ...database, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })
  expect(off.stdout).toMatch(/warning +traces +are off: OTEL_EXPORTER_OTLP_PROTOCOL=grpc/)
  expect((await run(['doctor'], database)).stdout).not.toContain('traces')
})

test('log lines have the ids of request, task, attempt and trace; spans have no parameters and keys', async () => {
  await using own = await TestServer.start({
    env: { ...collector.env, FERMATA_TASKS, FERMATA_ADMIN_KEY: adminKey, LOG_LEVEL: 'debug' },
  })
  const there = new Api(own.url)
  const headers = { traceparent, authorization: `Bearer ${adminKey}`, 'x-request-id': 'request-7' }
  const sent = await there.post('/api/run/endless', { parameters: { secret: 'canary-parameter' } }, headers)
  const id = String(sent.body['task_id'])
  const flaky = await there.post('/api/run/flaky?wait=60', { parameters: {} }, headers)
  await there.post('/api/run/endless', { parameters: 1 }, headers)
  // What is running ends with the server, and what is left is sent before it exits.
  const { stdout, code } = await own.stop()
  expect(code).toBe(0)
  const lines = stdout
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'request handled', request_id: 'request-7', task: id, trace_id: traceId }),
  )
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'refused', request_id: 'request-7', trace_id: traceId }),
  )
  expect(lines).toContainEqual(
    expect.objectContaining({
      msg: 'attempt failed; a retry is scheduled',
      task: flaky.body['task_id'],
      attempt: 1,
      trace_id: traceId,
    }),
  )
  const left = await spanOf('process endless', id)
  expect(left.attributes['fermata.task.status']).toBe('queued')
  expect(collector.text).not.toContain('canary')
})

test('a collector that cannot be reached costs one line', async () => {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    OTEL_BSP_SCHEDULE_DELAY: '10',
    FERMATA_TASKS,
  }
  await using own = await TestServer.start({ env })
  const there = new Api(own.url)
  const warned = own.logged(
    'traces cannot be sent to the collector: some are lost. Check the OTEL_EXPORTER_OTLP_* variables. This is said once',
  )
  for (let round = 0; round < 20; round++) {
    const { status } = await there.post('/api/run/inline?wait=60', { parameters: {} }, { traceparent })
    expect(status).toBe(200)
  }
  await warned
  const { stdout, code } = await own.stop()
  expect(code).toBe(0)
  expect(stdout.match(/traces cannot be sent/g)).toHaveLength(1)
  expect(stdout).not.toMatch(/"level":[56]0/)
})

test('without its variables, a server passes traces on and loads nothing for them', async () => {
  await using own = await TestServer.start({ env: { NODE_OPTIONS: tellsLoads } })
  const there = new Api(own.url)
  const answer = await there.post('/api/run/add', { parameters: { a: 1, b: 2 } }, { traceparent })
  const id = String(answer.body['task_id'])
  expect(await there.details(id)).toMatchObject({ trace_id: traceId })
  expect(await there.details(await there.submit('add', { a: 1, b: 2 }))).toMatchObject({ trace_id: null })
  expect(collector.spans.filter(({ name }) => name === 'submit add')).toEqual([])
  expect((await own.stop()).stderr).not.toContain('opentelemetry')
  await using other = await TestServer.start({ env: { ...collector.env, NODE_OPTIONS: tellsLoads } })
  expect((await other.stop()).stderr).toContain('opentelemetry')
})
