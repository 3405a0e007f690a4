import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { newSchema } from '../conformance/stores.ts'
import { Api } from '../support/api.ts'
import { Collector } from '../support/collector.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const FERMATA_TASKS = join(import.meta.dirname, '../fixtures/tracing.ts')
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

test('attempts on other nodes are linked to the submit, also after a node was killed', async () => {
  await using collector = await Collector.start()
  const database = `${inject('postgres')}?schema=${newSchema()}&lease=15`
  const start = (slots: number, name: string) =>
    TestServer.start({
      env: {
        ...collector.env,
        FERMATA_TASKS,
        DATABASE_URL: database,
        FERMATA_MAX_CONCURRENT: String(slots),
        OTEL_SERVICE_NAME: name,
      },
    })
  await using front = await start(0, 'front')
  const first = await start(1, 'first')
  const api = new Api(front.url)
  const answer = await api.post('/api/run/endless', { parameters: {} }, { traceparent })
  const id = String(answer.body['task_id'])
  await api.untilStatus(id, 'running')
  // The span of its attempt is lost with the node.
  await first.stop('SIGKILL')
  await using _second = await start(1, 'second')
  await until('the second node runs it', async () => {
    const { status, timeline } = await api.details(id)
    // A node that lost its lease may have claimed it twice.
    return status === 'running' && timeline.filter(({ event }) => event === 'claimed').length >= 2
  })
  await api.control(id, 'cancel')

  const [submit] = await collector.received('submit endless', 1, { 'messaging.message.id': id })
  const [attempt] = await collector.received('process endless', 1, { 'messaging.message.id': id })
  expect(submit).toMatchObject({ kind: 'producer', traceId, resource: { 'service.name': 'front' } })
  expect(attempt).toMatchObject({
    kind: 'consumer',
    traceId,
    parentId: submit!.spanId,
    links: [{ traceId, spanId: submit!.spanId }],
    resource: { 'service.name': 'second' },
    attributes: { 'fermata.task.fence': expect.any(Number), 'fermata.task.status': 'cancelled' },
  })
  expect(attempt!.attributes['fermata.task.fence']).toBeGreaterThan(1)
  expect(collector.spans.filter(({ name }) => name === 'process endless')).toHaveLength(1)
  await first[Symbol.asyncDispose]()
})
