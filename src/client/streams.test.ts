import { describe, expect, test } from 'vitest'
import { Fermata, type TaskEvent } from './index.ts'
import { messages } from './sse.ts'

/** A body that arrives in these pieces; `cut` breaks it off at its end. */
function bodyOf(pieces: readonly (string | Uint8Array)[], cut = false): ReadableStream<Uint8Array> {
  const left = [...pieces]
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift()
      if (piece !== undefined) {
        controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)
      } else if (cut) controller.error(new Error('cut off'))
      else controller.close()
    },
  })
}

async function read(pieces: readonly (string | Uint8Array)[]) {
  const found: { event: string; data: string }[] = []
  for await (const message of messages(bodyOf(pieces), () => {})) found.push(message)
  return found
}

describe('a stream of server-sent events', () => {
  const text =
    ':\n\nid: 1\nevent: transition\ndata: {"ä":"€"}\n\nevent:x\r\ndata:1\r\ndata: 2\r\n\r\ndata: last\n\ndata: half'
  const expected = [
    { event: 'transition', data: '{"ä":"€"}' },
    { event: 'x', data: '1\n2' },
    { event: 'message', data: 'last' },
  ]

  test('is parsed by the standard, and an incomplete end is dropped', async () => {
    expect(await read([text])).toEqual(expected)
  })

  test('is the same however it is split into chunks', async () => {
    const bytes = new TextEncoder().encode(text)
    for (const size of [1, 2, 3, 7]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.slice(n * size, (n + 1) * size),
      )
      expect(await read(pieces)).toEqual(expected)
    }
  })
})

const eventsOf = (body: ReadableStream<Uint8Array>) =>
  new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } })

/** A server that answers each connection with the next of these bodies. */
function clientOf(bodies: readonly (ReadableStream<Uint8Array> | Response)[]) {
  const lastIds: (string | undefined)[] = []
  const client = new Fermata({
    fetch: async (_, init) => {
      lastIds.push((init.headers as Record<string, string>)['last-event-id'])
      const body = bodies[lastIds.length - 1]
      if (body === undefined) throw new Error('nobody is there')
      return body instanceof Response ? body : eventsOf(body)
    },
  })
  return { client, lastIds }
}

const line = (version: number, status = 'running') =>
  `id: ${version}\nevent: transition\ndata: {"task_id":"t","version":${version},"status":"${status}"}\n\n`

async function all(events: AsyncIterable<TaskEvent>): Promise<number[]> {
  const versions: number[] = []
  for await (const event of events) if (event.kind === 'transition') versions.push(event.version)
  return versions
}

describe('the events of a task', () => {
  test('continue after the last one seen, without gaps or duplicates, however the connection ends', async () => {
    const { client, lastIds } = clientOf([
      bodyOf([line(1), line(2)], true),
      bodyOf([line(2), line(3)]),
      bodyOf([]),
      bodyOf([line(4), line(5, 'completed'), 'event: transition\ndata: {"version":6}\n\n']),
    ])
    expect(await all(client.handle('t').events())).toEqual([1, 2, 3, 4, 5])
    expect(lastIds).toEqual([undefined, '2', '3', '3'])
  })

  test('end when there are no more events', async () => {
    const { client } = clientOf([new Response(null, { status: 204 })])
    expect(await all(client.handle('t').events({ after: 3 }))).toEqual([])
  })

  test('ignore unknown kinds', async () => {
    const { client } = clientOf([bodyOf(['event: moon\ndata: {}\n\n', line(1, 'failed')])])
    expect(await all(client.handle('t').events())).toEqual([1])
  })

  test('close the connection when their reader stops', async () => {
    let signal: AbortSignal | null | undefined
    const client = new Fermata({
      fetch: async (_, init) => {
        signal = init.signal
        return eventsOf(bodyOf([line(1), line(2)]))
      },
    })
    for await (const _ of client.handle('t').events()) break
    expect(signal?.aborted).toBe(true)
  })

  test('are not parsed from a foreign response', async () => {
    const { client } = clientOf([new Response('<html>', { headers: { 'content-type': 'text/html' } })])
    await expect(all(client.handle('t').events())).rejects.toMatchObject({ code: 'RESPONSE_INVALID' })
  })

  test('report a server that stays unreachable', async () => {
    const { client } = clientOf([bodyOf([line(1)], true)])
    await expect(all(client.handle('t').events({ patience: 0.2 }))).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
    })
  })
})
