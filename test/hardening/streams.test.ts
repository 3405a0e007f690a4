import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { heapOf, heapTold, memoryOf, openFiles } from '../support/process.ts'
import { TestServer } from '../support/server.ts'
import { collect, sse, type SseEvent } from '../support/sse.ts'
import { until } from '../support/until.ts'
import { head, open } from './bare.ts'

/** A client of a stream that keeps only the versions it received. */
class Listener {
  readonly versions: number[] = []
  /** Whether the server ended the stream properly, with an empty chunk. */
  ended = false
  readonly closed: Promise<unknown>
  readonly #socket: Socket
  #rest = ''

  private constructor(socket: Socket) {
    this.#socket = socket
    this.closed = once(socket, 'close')
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('id: ')) this.versions.push(Number(line.slice(4)))
      this.ended ||= text.endsWith('0\r\n\r\n')
    })
  }

  static async to(server: TestServer, id: string): Promise<Listener> {
    const listener = new Listener(await open(server.port))
    listener.#socket.write(head(`GET /api/task/${id}/events`))
    return listener
  }

  get last(): number {
    return this.versions.at(-1) ?? 0
  }

  leave(): void {
    this.#socket.destroy()
  }
}

async function listeners(server: TestServer, ids: readonly string[], count: number): Promise<Listener[]> {
  const all: Listener[] = []
  while (all.length < count) {
    const next = Array.from({ length: Math.min(100, count - all.length) }, (_, at) =>
      Listener.to(server, ids[(all.length + at) % ids.length] ?? ''),
    )
    all.push(...(await Promise.all(next)))
  }
  return all
}

const isWhole = ({ versions }: Listener) => versions.every((version, index) => version === index + 1)

test('thousands of streams, of one task and of many, receive everything and leave nothing behind', async () => {
  await using server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '60', ...heapTold } })
  const api = new Api(server.url)
  const count = Math.min(2_000, Math.floor((await openFiles()) / 2) - 200)
  const ids = await Promise.all(
    Array.from({ length: 50 }, () => api.submit('long', { duration: 600, steps: 600 })),
  )
  const [one = ''] = ids
  for (const id of ids) await api.untilStatus(id, 'running')
  const [before, heapBefore] = [await memoryOf(server.pid), await heapOf(server)]
  const ofOne = await listeners(server, [one], count / 2)
  const ofMany = await listeners(server, ids, count / 2)
  const all = [...ofOne, ...ofMany]
  await until('all listen', () => all.every(({ last }) => last >= 2))
  const beside = await memoryOf(server.pid)

  const { version } = await api.details(one)
  await api.control(one, 'pause')
  const began = performance.now()
  await until('all of one hear it', () => ofOne.every(({ last }) => last >= version + 2))
  const heardIn = Math.round(performance.now() - began)
  await Promise.all(ids.map((id) => api.control(id, 'cancel')))
  await Promise.all(
    all.map(({ closed }) =>
      Promise.race([closed, until('all have ended', () => all.every(({ ended }) => ended))]),
    ),
  )
  expect(all.every((listener) => listener.ended && isWhole(listener))).toBe(true)

  const again = await listeners(server, [await api.submit('long', { duration: 600 })], count)
  await until('all listen again', () => again.every(({ last }) => last >= 2))
  for (const listener of [...all, ...again]) listener.leave()
  const heapAfter = await until('what they took is free again', async () => {
    const heap = await heapOf(server)
    return heap - heapBefore < 30 ? heap : undefined
  })
  const after = await memoryOf(server.pid)
  console.log(
    `streams: ${all.length} clients heard a pause within ${heardIn} ms; memory ${before} MB before, ` +
      `${beside} MB beside them, ${after} MB after two such crowds had left; heap ${heapBefore} to ${heapAfter} MB`,
  )
  expect(beside - before).toBeLessThan(300)
})

test('watchers of all tasks that read nothing use bounded memory', async () => {
  await using server = await TestServer.start({ env: heapTold })
  const api = new Api(server.url)
  const sleepers = await Promise.all(Array.from({ length: 20 }, () => open(server.port)))
  for (const socket of sleepers) socket.pause().write(head('GET /api/events'))
  await sleep(200)
  const before = await heapOf(server)
  // 36,000 transitions, about 9 MB for each watcher.
  const tasks = Array.from({ length: 2_000 }, () => ({ parameters: { a: 1, b: 2 } }))
  for (let round = 0; round < 6; round++) {
    const { body } = await api.post('/api/run/add/batch', { tasks })
    await api.untilStatus((body['task_ids'] as string[]).at(-1) ?? '', 'completed')
  }
  const after = await heapOf(server)
  console.log(`streams: ${sleepers.length} watchers that read nothing; heap ${before} to ${after} MB`)
  expect(after - before).toBeLessThan(60)
  for (const socket of sleepers) socket.destroy()
  expect((await server.stop()).code).toBe(0)
})

test('a stream continues without a gap after a kill and a restart', async () => {
  await using first = await TestServer.start()
  const api = new Api(first.url)
  const id = await api.submit('long', { duration: 600, steps: 6_000 })
  await api.untilStatus(id, 'running')
  await api.control(id, 'pause')
  await api.control(id, 'resume')
  const isVersioned = ({ id: version }: SseEvent) => version !== undefined
  const heard: SseEvent[] = []
  try {
    for await (const event of sse(`${first.url}/api/task/${id}/events`)) {
      heard.push(event)
      if (heard.filter(isVersioned).length === 4) await first.stop('SIGKILL')
    }
  } catch {
    // The connection broke, as expected.
  }
  const last = heard.findLast(isVersioned)?.id ?? ''

  await using second = await TestServer.start({ directory: first.directory })
  await new Api(second.url).control(id, 'cancel')
  const rest = await collect(sse(`${second.url}/api/task/${id}/events`, { 'last-event-id': last }))
  const versions = [...heard, ...rest].filter(isVersioned).map(({ id: version }) => Number(version))
  expect(versions).toEqual(versions.map((_, index) => index + 1))
  const { timeline } = await new Api(second.url).details(id)
  expect(versions).toEqual(timeline.map(({ version }) => version))
  expect(timeline.map(({ event }) => event)).toContain('lost')
})

test('a drain ends every stream cleanly', async () => {
  await using server = await TestServer.start()
  const api = new Api(server.url)
  const id = await api.submit('long', { duration: 600 })
  await api.untilStatus(id, 'running')
  const all = await listeners(server, [id], 300)
  await until('all listen', () => all.every(({ last }) => last >= 2))
  const { code } = await server.stop()
  expect(code).toBe(0)
  await Promise.all(all.map(({ closed }) => closed))
  expect(all.every((listener) => listener.ended && isWhole(listener))).toBe(true)
  expect(new Set(all.map(({ last }) => last)).size).toBe(1)
})
