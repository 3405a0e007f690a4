import { anonymous } from '../core/caller.ts'
import fastify from 'fastify'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { eventsOf, fakeManager, runningTask } from '../../test/support/fake-manager.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import type { Change } from '../engine/all-events.ts'
import { createServer, type ServerLogger } from './server.ts'
import { Streams } from './stream.ts'

const { id } = runningTask
const ignore = () => undefined
const logger: ServerLogger = { level: 'info', debug: ignore, info: ignore, warn: ignore, error: ignore }

let close: (() => Promise<unknown>) | undefined
afterEach(() => close?.())

async function serve(
  events: TaskManagerApi['events'],
  heartbeat = 60_000,
  more: Partial<TaskManagerApi> = {},
) {
  const app = await createServer({
    manager: fakeManager({ events, ...more }),
    version: '1',
    logger,
    heartbeat,
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  close = () => app.close()
  return { app, port: (app.server.address() as AddressInfo).port }
}

async function watch(port: number, more = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET /api/task/${id}/events HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`)
  return socket
}

async function readUntil(socket: Socket, part: string): Promise<string> {
  const chunks: string[] = []
  let tail = ''
  for await (const chunk of socket) {
    chunks.push(String(chunk))
    const seen = tail + chunks.at(-1)
    if (seen.includes(part)) break
    tail = seen.slice(1 - part.length)
  }
  return chunks.join('')
}

const line = (version: number, why = ''): TaskEvent => ({
  kind: 'transition',
  id,
  task: runningTask,
  entry: { version, at: version * 1_000, event: 'claimed', status: 'running', attempt: 1, by: 'node', why },
})

/** Nothing happens until the listener goes away. */
async function* silence(signal: AbortSignal | undefined, gone: () => void): AsyncGenerator<TaskEvent> {
  if (signal !== undefined && !signal.aborted) await once(signal, 'abort')
  gone()
  yield* eventsOf([])
}

test('transitions have their version as id, progress and log lines have none', async () => {
  const { port } = await serve(() =>
    eventsOf([
      line(3),
      { kind: 'progress', id, type: 'long', progress: { current: 1, total: 4, at: 4_000, rate: 1 } },
      { kind: 'log', id, type: 'long', at: 5_000, message: 'two\nlines' },
    ]),
  )
  const text = await readUntil(await watch(port), '\r\n0\r\n')
  expect(text).toContain('content-type: text/event-stream')
  expect(text).toContain(`id: 3\nevent: transition\ndata: {"task_id":"${id}","version":3,"at":3,`)
  expect(text).toContain(`event: progress\ndata: {"task_id":"${id}","at":4,"current":1,"total":4,`)
  expect(text).toContain('"eta_seconds":3}\n\n')
  expect(text).toContain(`event: log\ndata: {"task_id":"${id}","at":5,"message":"two\\nlines"}\n\n`)
  expect(text.match(/^id:/gm)).toHaveLength(1)
})

test('a stream continues after the last id, or starts over if that is from the future', async () => {
  const after: unknown[] = []
  const { port } = await serve((_, options) => {
    after.push(options?.after)
    return eventsOf([])
  })
  for (const last of ['', 'last-event-id: 1\r\n', 'last-event-id: 2\r\n', 'last-event-id: 3\r\n']) {
    await readUntil(await watch(port, last), '\r\n0\r\n')
  }
  expect(after).toEqual([0, 1, 2, 0])
})

test('a silent stream sends heartbeats', async () => {
  const { port } = await serve((_, options) => silence(options?.signal, ignore), 10)
  const text = await readUntil(await watch(port), ':\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n')
  expect(text).toContain('HTTP/1.1 200 OK')
})

test('a client that disconnects ends its listener', async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  const { port } = await serve((_, options) => silence(options?.signal, resolve))
  const socket = await watch(port)
  await once(socket, 'data')
  socket.resetAndDestroy()
  await gone
})

test('closing the server ends every stream cleanly', async () => {
  const { app, port } = await serve((_, options) => silence(options?.signal, ignore))
  const sockets = await Promise.all([watch(port), watch(port)])
  for (const socket of sockets) await once(socket, 'data')
  const ends = sockets.map((socket) => readUntil(socket, '0\r\n\r\n'))
  await app.close()
  for (const text of await Promise.all(ends)) expect(text).toContain('0\r\n\r\n')
})

/** Transitions of a task that has so many, of 10 kB each, from the one after `after` on. */
async function* history(
  count: number,
  after: number,
  tell: (version: number) => void,
): AsyncGenerator<TaskEvent> {
  for (let version = after + 1; version <= count; version++) {
    tell(version)
    yield line(version, 'x'.repeat(10_000))
    if (version % 10 === 0) await new Promise((next) => setImmediate(next))
  }
}

/** Waits until the value is the same for a while. */
async function settled(value: () => number): Promise<void> {
  for (let before = -1; before !== value();) {
    before = value()
    await new Promise((next) => setTimeout(next, 200))
  }
}

test('a client that does not read stops its stream, and misses nothing when it continues', async () => {
  const count = 2_000
  let told = 0
  const { port } = await serve((_, options) =>
    history(count, options?.after ?? 0, (version) => (told = version)),
  )
  const socket = await watch(port)
  socket.pause()
  await settled(() => told)
  expect(told).toBeLessThan(count)
  const text = await readUntil(socket, '\r\n0\r\n\r\n')
  const versions = [...text.matchAll(/^id: (\d+)$/gm)].map(([, version]) => Number(version))
  expect(versions).toEqual(Array.from({ length: count }, (_, index) => index + 1))
})

test('when too much is queued for all clients together, only those that are furthest behind are disconnected', async () => {
  const room = 1_000_000
  const told = new Map<unknown, number>()
  const manager = fakeManager({
    events: (_, options) =>
      history(1_000, options?.after ?? 0, (version) => told.set(options?.signal, version)),
  })
  const warnings: object[] = []
  const warn = (fields: object) => void warnings.push(fields)
  const streams = new Streams({ heartbeat: 60_000, logger: { warn }, room })
  const app = fastify()
  app.get('/api/task/:id/events', (_, reply) =>
    streams.serve(
      { manager, session: { caller: anonymous, isOver: false, budget: null }, id, after: 0 },
      reply,
    ),
  )
  const accepted: Socket[] = []
  app.server.on('connection', (socket) => accepted.push(socket))
  await app.listen({ port: 0, host: '127.0.0.1' })
  close = async () => {
    streams.close()
    await app.close()
  }
  const { port } = app.server.address() as AddressInfo
  const stalled = await Promise.all(Array.from({ length: 30 }, () => watch(port)))
  for (const socket of stalled) socket.on('error', ignore).pause()
  const reading = await readUntil(await watch(port), '\r\n0\r\n\r\n')
  expect(reading.match(/^id: \d+$/gm)).toHaveLength(1_000)
  await settled(() => told.values().reduce((sum, version) => sum + version, 0))
  const left = accepted.filter(({ destroyed }) => !destroyed)
  const waiting = left.reduce((sum, { writableLength }) => sum + writableLength, 0)
  expect(waiting).toBeLessThanOrEqual(room)
  expect(waiting).toBeGreaterThan(room / 4)
  expect(warnings.length).toBeGreaterThan(0)
  for (const socket of stalled) socket.destroy()
})

/** `count` transitions of 10 kB each, and then silence. */
async function* flood(count: number, signal: AbortSignal | undefined): AsyncGenerator<Change> {
  for (let version = 1; version <= count; version++) {
    yield line(version, 'x'.repeat(10_000))
    await new Promise((next) => setImmediate(next))
  }
  yield* silence(signal, ignore)
}

async function watchAll(port: number, more = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET /api/events HTTP/1.1\r\nhost: localhost\r\n${more}\r\n`)
  await once(socket, 'readable')
  return socket
}

test('a client of all changes that does not read holds up no other, and learns of its losses when it continues', async () => {
  const total = 2_000
  let sources = 0
  const { promise: both, resolve: start } = Promise.withResolvers<void>()
  const { port } = await serve(() => eventsOf([]), 60_000, {
    async *changes(_, options) {
      sources++
      await both
      yield* flood(total, options?.signal)
    },
  })
  const stalled = await watchAll(port, 'last-event-id: 1\r\n')
  const reading = await watchAll(port)
  start()
  const all = await readUntil(reading, `id: ${id}-${total}\nevent: transition\n`)
  expect(all.match(/^id: /gm)).toHaveLength(total)
  const rest = await readUntil(stalled, '{"why":"overflow"}')
  expect(rest).toContain('event: resync\ndata: {"why":"reconnect"}')
  expect(rest.match(/^id: /gm)?.length ?? 0).toBeLessThan(total)
  expect(sources).toBe(1)
})

test('clients with different filters have different streams', async () => {
  const filters: object[] = []
  const { port } = await serve(() => eventsOf([]), 60_000, {
    changes: (filter = {}, options) => {
      filters.push(filter)
      return silence(options?.signal, ignore)
    },
  })
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write('GET /api/events?status=failed HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await once(socket, 'readable')
  const other = await watchAll(port)
  for (const one of [socket, other]) one.destroy()
  expect(filters).toEqual([{ statuses: ['failed'] }, {}])
})

test('the source of a stream ends with the last of its clients', async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  const { port } = await serve(() => eventsOf([]), 60_000, {
    changes: (_, options) => silence(options?.signal, resolve),
  })
  const [first, second] = [await watchAll(port), await watchAll(port)]
  first.resetAndDestroy()
  second.resetAndDestroy()
  await gone
})
