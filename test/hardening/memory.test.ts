import { once } from 'node:events'
import { request } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { head, open } from './bare.ts'

/** Maximum resident memory of a server with a heap of 256 MB, in megabytes. */
const most = 512

const fixtures = new URL('../fixtures/large-result.ts', import.meta.url).pathname
const start = (slots: number, directory?: string) =>
  TestServer.start({
    ...(directory === undefined ? {} : { directory }),
    env: {
      NODE_OPTIONS: '--max-old-space-size=256',
      FERMATA_MAX_CONCURRENT: String(slots),
      FERMATA_TASKS: fixtures,
    },
  })

/** Peak resident memory of a server according to the kernel, in megabytes. */
async function peakOf(server: TestServer): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024
}

/** A batch of this many tasks, each with parameters of about this many bytes. */
function batchOf(count: number, bytes = 1_000_000): Buffer {
  const pad = 'x'.repeat(bytes)
  const tasks = Array.from({ length: count }, (_, a) => ({ parameters: { a, b: 1, pad } }))
  return Buffer.from(JSON.stringify({ tasks }))
}

type Upload = Readonly<{ chunked?: boolean; slow?: boolean }>
type Uploaded = Readonly<{ status: number; retryAfter: string | undefined; text: string }>

/** Throws if the connection ends without a response. */
function upload(server: TestServer, body: Buffer, { chunked, slow }: Upload = {}): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const length = chunked ? {} : { 'content-length': body.length }
    const headers = { 'content-type': 'application/json', ...length }
    const sent = request(`${server.url}/api/run/add/batch`, { method: 'POST', headers, agent: false })
    let isAnswered = false
    sent.on('response', (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (part: string) => (text += part))
      answer.on('end', () => {
        isAnswered = true
        const { statusCode: status = 0, headers } = answer
        resolve({ status, retryAfter: headers['retry-after'], text })
      })
    })
    sent.on('error', reject)
    const write = async () => {
      const size = slow ? 1_000_000 : 4_000_000
      for (let from = 0; from < body.length && !isAnswered; from += size) {
        if (!sent.write(body.subarray(from, from + size))) await once(sent, 'drain')
        if (slow) await sleep(50)
      }
      sent.end()
    }
    write().catch(reject)
  })
}

test('36 concurrent uploads of 31 MB are received one by one or refused, and small ones do not wait', async () => {
  await using server = await start(0)
  const api = new Api(server.url)
  const body = batchOf(31)
  let isOver = false
  let small = 0
  const beside = (async () => {
    while (!isOver) {
      await api.submit('add', { a: 1, b: small })
      const parts = Readable.from([Buffer.from('{"parameters":{"a":1,"b":2}}')])
      const chunked = { body: parts, duplex: 'half', headers: { 'content-type': 'application/json' } }
      expect((await api.call('POST', '/api/run/add', chunked as RequestInit)).status).toBe(200)
      small += 1
      await sleep(20)
    }
  })()
  // More than twice what the server may come to.
  const kinds = Array.from({ length: 36 }, (_, n) => ({ chunked: n % 2 === 1, slow: n % 4 > 1 }))
  const uploads = await Promise.all(kinds.map((kind) => upload(server, body, kind)))
  isOver = true
  await beside
  for (const { status, retryAfter, text } of uploads) {
    if (status === 200) continue
    expect(status, text).toBe(503)
    expect(retryAfter).toBe('1')
    expect(text).toContain('OVERLOADED')
  }
  expect(uploads.map(({ status }) => status)).toContain(200)
  expect(small).toBeGreaterThan(0)
  // Later uploads find room again, chunked or not.
  expect((await upload(server, body)).status).toBe(200)
  expect((await upload(server, body, { chunked: true })).status).toBe(200)
  // The memory above the heap is the one body being received, and garbage of earlier ones.
  expect(await peakOf(server)).toBeLessThan(most)
})

/** A batch of three tasks with this many empty lists in total, which take ten times as much memory when parsed. */
function listsOf(count: number): Buffer {
  const lists = `[${'[],'.repeat(count / 3 - 1)}[]]`
  return Buffer.from(
    `{"tasks":[${Array(3).fill(`{"parameters":{"a":1,"b":2,"lists":${lists}}}`).join(',')}]}`,
  )
}

test('bodies of very many tiny values are refused, or read a few at a time', async () => {
  await using server = await start(0)
  for (const body of [listsOf(10_500_000), listsOf(630_000)]) {
    const { status, text } = await upload(server, body)
    expect(status).toBe(413)
    expect(JSON.parse(text)).toMatchObject({
      code: 'TOO_LARGE',
      detail: expect.stringContaining('600,000 JSON values'),
    })
  }
  const uploads = await Promise.all(Array.from({ length: 16 }, () => upload(server, listsOf(540_000))))
  for (const { status, text } of uploads) expect([200, 503], text).toContain(status)
  expect(uploads.map(({ status }) => status)).toContain(200)
  // A parsed body takes at most 22 MB, but garbage of earlier ones can grow to the heap limit. Measured: 420 MB.
  expect(await peakOf(server)).toBeLessThan(most)
})

test('Expect: 100-continue is answered once there is room for the body', async () => {
  await using server = await start(0)
  const body = batchOf(31)
  const ask = async (length: number) => {
    const socket = await open(server.port)
    const headers = { 'content-type': 'application/json', 'content-length': length, expect: '100-continue' }
    let text = ''
    socket.setEncoding('utf8').on('data', (part: string) => (text += part))
    socket.write(head('POST /api/run/add/batch', headers))
    const until = async (part: string) => {
      for (const end = Date.now() + 60_000; !text.includes(part) && Date.now() < end;) await sleep(5)
      expect(text).toContain(part)
      return text
    }
    return { socket, until }
  }
  const holder = await ask(body.length)
  await holder.until('HTTP/1.1 100 Continue')
  const feed = setInterval(() => holder.socket.write(' '), 500)
  const refused = await ask(body.length)
  expect(await refused.until('OVERLOADED')).not.toContain('100 Continue')
  const tooLarge = await ask(40_000_000)
  expect(await tooLarge.until('TOO_LARGE')).not.toContain('100 Continue')
  const waiting = await ask(body.length)
  clearInterval(feed)
  holder.socket.destroy()
  await waiting.until('HTTP/1.1 100 Continue')
  waiting.socket.write(body)
  await waiting.until('"task_ids"')
  for (const { socket } of [refused, tooLarge, waiting]) socket.destroy()
})

test('stalled uploads do not block others', async () => {
  await using server = await start(0)
  const body = batchOf(31)
  const line = 'POST /api/run/add/batch'
  const stalled: Socket[] = []
  for (let n = 0; n < 3; n++) {
    const socket = await open(server.port)
    const length = n === 1 ? { 'transfer-encoding': 'chunked' } : { 'content-length': body.length }
    socket.write(head(line, { 'content-type': 'application/json', ...length }))
    if (n === 1) socket.write(`${(1_000_000).toString(16)}\r\n`)
    socket.write(body.subarray(0, 1_000_000))
    stalled.push(socket)
  }
  const end = Date.now() + 60_000
  let status = 0
  while (status !== 200 && Date.now() < end) ({ status } = await upload(server, body))
  expect(status).toBe(200)
  for (const socket of stalled) socket.destroy()
})

test('lists of large tasks cost little, however many read them at once, and reach every task', async () => {
  await using filled = await start(0)
  const ids = new Set<string>()
  // The parameters of half the batches are too large for a list; those of the others fill its pages.
  for (let batch = 0; batch < 4; batch++) {
    for (const body of [batchOf(25), batchOf(250, 16_000)]) {
      const { status, text } = await upload(filled, body)
      expect(status, text).toBe(200)
      for (const id of (JSON.parse(text) as { task_ids: string[] }).task_ids) ids.add(id)
    }
  }
  expect(ids.size).toBe(1_100)
  await filled.stop()
  // A new server, so that its memory is that of the lists alone.
  await using server = await start(0, filled.directory)
  const api = new Api(server.url)

  type Page = Readonly<{ tasks: Listed[]; next_cursor: string | null }>
  type Listed = Readonly<{ task_id: string; parameters: { pad: string } | null; parameters_cut?: number }>
  const page = async (cursor = ''): Promise<Page> => {
    for (const end = Date.now() + 120_000; ;) {
      const path = `/api/task?limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`
      const { status, text, body } = await api.call('GET', path)
      if (status === 200) {
        expect(text.length).toBeLessThan(6 * 1_048_576)
        return body as unknown as Page
      }
      expect([status, body['code']]).toEqual([503, 'OVERLOADED'])
      expect(Date.now()).toBeLessThan(end)
    }
  }
  let isOver = false
  let beats = 0
  const beside = (async () => {
    for (; !isOver; beats++) {
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
      await sleep(20)
    }
  })()
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let round = 0; round < 2; round++) expect((await page()).tasks.length).toBeGreaterThan(100)
    }),
  )
  isOver = true
  await beside
  expect(beats).toBeGreaterThan(0)

  const listed: Listed[] = []
  let cursor: string | null = ''
  let pages = 0
  for (; cursor !== null; pages++) {
    const read: Page = await page(cursor)
    listed.push(...read.tasks)
    cursor = read.next_cursor
  }
  expect(pages).toBeGreaterThan(2)
  expect(listed.length).toBe(ids.size)
  expect(new Set(listed.map(({ task_id: id }) => id))).toEqual(ids)
  expect(listed.filter(({ parameters_cut: cut }) => cut !== undefined && cut > 1_000_000)).toHaveLength(100)
  expect(listed.filter(({ parameters }) => parameters?.pad.length === 16_000)).toHaveLength(1_000)
  expect(await peakOf(server)).toBeLessThan(most)
})

/** CPU seconds used by all threads of a server. */
async function processorTimeOf(server: TestServer): Promise<number> {
  const [, fields = ''] = /^.*\) (.*)$/s.exec(await readFile(`/proc/${server.pid}/stat`, 'utf8')) ?? []
  const [user, system] = fields.split(' ').slice(11, 13).map(Number)
  return ((user ?? 0) + (system ?? 0)) / 100
}

test('a list of 250 tasks with parameters of 1 MB each costs little time and memory', async () => {
  await using filled = await start(0)
  for (let batch = 0; batch < 10; batch++) {
    const { status, text } = await upload(filled, batchOf(25))
    expect(status, text).toBe(200)
  }
  await filled.stop()
  // A new server, so that its memory and CPU time are those of the lists alone: 160 MB and 0.2 s.
  await using server = await start(0, filled.directory)
  const api = new Api(server.url)
  const before = await processorTimeOf(server)
  const lists = await Promise.all(Array.from({ length: 10 }, () => api.call('GET', '/api/task?limit=1000')))
  for (const { status, body } of lists) {
    expect(status).toBe(200)
    expect(body['tasks']).toHaveLength(250)
  }
  expect((await processorTimeOf(server)) - before).toBeLessThan(2)
  expect(await peakOf(server)).toBeLessThan(most)
})

test('200 stalled readers of a large result cost little and do not block others', async () => {
  await using server = await start(1)
  const api = new Api(server.url)
  const id = await api.submit('large-result', { megabytes: 9 })
  await api.untilStatus(id, 'completed')
  const sockets: Socket[] = []
  for (let reader = 0; reader < 200; reader++) {
    const socket = await open(server.port)
    socket.pause()
    socket.write(head(`GET /api/task/${id}/result`))
    sockets.push(socket)
  }
  // The other readers wait for room or were refused, in both cases without a copy of the result. The server has read all of
  // their requests once it answers this one.
  for (let round = 0; round < 3; round++) expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  const end = Date.now() + 60_000
  let read = 0
  while (read < 9_000_000 && Date.now() < end) {
    const answer = await fetch(`${server.url}/api/task/${id}/result`)
    const text = await answer.text()
    if (answer.status === 200) read = text.length
  }
  expect(read).toBeGreaterThan(9_000_000)
  expect(await peakOf(server)).toBeLessThan(most)
  const closed = sockets.filter(({ destroyed }) => !destroyed).map((socket) => once(socket, 'close'))
  for (const socket of sockets) socket.destroy()
  await Promise.all(closed)
})
