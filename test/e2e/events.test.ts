import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TimelineBody } from '../../src/contract/answers.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { collect, sse, type SseEvent } from '../support/sse.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

const stream = (id: string, last?: string) =>
  sse(`${server.url}/api/task/${id}/events`, last === undefined ? {} : { 'last-event-id': last })

const moves = (events: readonly SseEvent[]) =>
  events.flatMap(({ event, data }) => (event === 'transition' ? [data['event']] : []))

test('a stream sends every transition from the first to the final one, then ends', async () => {
  const id = await api.submit('long', { duration: 2, steps: 3 })
  const events = await collect(stream(id))
  expect(moves(events)).toEqual(['submitted', 'claimed', 'completed'])
  const transitions = events.filter(({ event }) => event === 'transition')
  expect(transitions.map((event) => event.id)).toEqual(['1', '2', '3'])
  for (const { id: version, data } of transitions) {
    const { task_id: taskId, ...line } = data
    expect(taskId).toBe(id)
    expect(TimelineBody.parse(line).version).toBe(Number(version))
  }
  const progress = events.filter(({ event }) => event === 'progress')
  const steps = progress.map(({ data }) => Number(data['current']))
  expect(steps).toEqual([...new Set(steps)].toSorted((a, b) => a - b))
  expect(progress.every((event) => event.id === undefined)).toBe(true)
  expect(progress.at(-1)?.data).toMatchObject({ task_id: id, current: 3, total: 3, ratio: 1 })
  expect(moves(await collect(stream(id)))).toEqual(['submitted', 'claimed', 'completed'])
})

test('a client that reconnects with its last id misses nothing and receives nothing twice', async () => {
  const id = await api.submit('long', { duration: 60, steps: 600 })
  await until('it reports progress', async () => (await api.status(id)).progress !== null)
  const heard: SseEvent[] = []
  let last: string | undefined
  const controls = ['pause', 'resume', 'pause', 'resume', 'cancel'] as const
  for (const control of controls) {
    // Disconnect after the first versioned event, so that the next transitions happen while nobody listens.
    const part = await collect(stream(id, last), ({ id: version }) => version !== undefined)
    heard.push(...part)
    last = heard.findLast(({ id: version }) => version !== undefined)?.id
    await api.control(id, control)
    if (control !== 'pause') continue
    const replayed = await collect(stream(id), ({ event }) => event === 'progress')
    expect(replayed.at(-1)?.data, 'no time left while it is paused').toMatchObject({ eta_seconds: null })
  }
  heard.push(...(await collect(stream(id, last))))
  const versions = heard.flatMap(({ id: version }) => (version === undefined ? [] : [Number(version)]))
  const { version, timeline } = await api.details(id)
  expect(versions).toEqual(Array.from({ length: version }, (_, index) => index + 1))
  expect(moves(heard)).toEqual(timeline.map(({ event }) => event))
})

test('a browser is told not to reconnect once there are no more events', async () => {
  const id = await api.submit('add', { a: 1, b: 2 })
  const { version } = await api.untilStatus(id, 'completed')
  const call = (last: string) =>
    api.call('GET', `/api/task/${id}/events`, { headers: { 'last-event-id': last } })
  expect((await call(String(version))).status).toBe(204)
  expect(await call('nonsense')).toMatchObject({ status: 422, body: { code: 'OPTIONS_INVALID' } })
  // For an id from another database, all events are sent.
  expect(moves(await collect(stream(id, '999')))).toEqual(['submitted', 'claimed', 'completed'])
})

test('two hundred streams of one task end together, and clients that disconnect affect no other', async () => {
  const id = await api.submit('long', { duration: 60 })
  await api.untilStatus(id, 'running')
  const streams = Array.from({ length: 200 }, () => collect(stream(id)))
  const leaver = connect(server.port, '127.0.0.1')
  leaver.write(`GET /api/task/${id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  await new Promise((resolve) => leaver.once('data', resolve))
  leaver.resetAndDestroy()
  await api.control(id, 'pause')
  await api.control(id, 'cancel')
  for (const events of await Promise.all(streams)) {
    expect(events.at(-1)).toMatchObject({ event: 'transition', data: { status: 'cancelled' } })
  }
})
