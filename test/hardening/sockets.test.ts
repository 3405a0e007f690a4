import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ProblemBody } from '../../src/contract/answers.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { head, open, send, type Exchange } from './bare.ts'

let server: TestServer
let api: Api
let id: string
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
  id = await api.submit('long', { duration: 600 })
})
afterAll(async () => {
  // After all these requests, the server is up, its task runs, and its log has no errors.
  expect((await api.status(id)).status).toBe('running')
  const { code, stdout, stderr } = await server.stop()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([])
  await server[Symbol.asyncDispose]()
})

const json = { 'content-type': 'application/json' }
const good = '{"parameters":{"a":1,"b":2}}'
const submit = (body: string, headers: Record<string, string | number> = {}) =>
  head('POST /api/run/add', { ...json, 'content-length': Buffer.byteLength(body), ...headers }) + body

/** The problem in the last response. */
function problem({ text }: Exchange) {
  return ProblemBody.parse(JSON.parse(text.slice(text.lastIndexOf('\r\n\r\n') + 4)) as unknown)
}

describe('invalid requests are refused, and the connection is closed', () => {
  test.each<[string, string | Uint8Array]>([
    ['a greeting', 'hello\r\n\r\n'],
    ['the start of TLS', Buffer.from('16030100a5010000a10303', 'hex')],
    ['the start of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['random bytes', Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7_919 + 13) % 256))],
    ['a method that nobody knows', head('BREW /api')],
    ['a version that nobody knows', 'GET /api HTTP/9.9\r\nhost: localhost\r\n\r\n'],
    ['a NUL in the address', head('GET /api\0')],
    ['a NUL in a header', head('GET /api', { x: 'a\0b' })],
    ['a header without a colon', 'GET /api HTTP/1.1\r\nhost localhost\r\n\r\n'],
    ['a header that is folded', 'GET /api HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b: c\r\n\r\n'],
    ['a space before the colon', 'GET /api HTTP/1.1\r\nhost : localhost\r\n\r\n'],
    ['a length that is no number', submit(good, { 'content-length': 'many' })],
    ['a length below nothing', submit(good, { 'content-length': -1 })],
    ['a length beyond all numbers', submit(good, { 'content-length': '9'.repeat(40) })],
    ['two lengths', submit(good, { 'Content-Length': 3 })],
    ['a length beside chunks', submit(good, { 'transfer-encoding': 'chunked' })],
    [
      'a chunk without a size',
      head('POST /api/run/add', { ...json, 'transfer-encoding': 'chunked' }) + 'zz\r\n{}\r\n',
    ],
    ['too many headers', head('GET /api', Object.fromEntries(many(3_000).map((at) => [`x-${at}`, at])))],
    ['a header that is too large', head('GET /api', { x: 'y'.repeat(100_000) })],
    ['an address that is too long', head(`GET /${'y'.repeat(100_000)}`)],
  ])('%s', async (_, bytes) => {
    const exchange = await send(server.port, bytes)
    expect(exchange.closed).toBe(true)
    expect(exchange.statuses.every((status) => status >= 400 && status < 500)).toBe(true)
    if (exchange.statuses.length > 0) expect(problem(exchange).request_id).not.toBe('')
  })
})

describe('strange but valid requests are answered', () => {
  const closing = { connection: 'close' }

  test.each<[string, string, number[]]>([
    ['HTTP/1.0', 'GET /api HTTP/1.0\r\nhost: localhost\r\n\r\n', [200]],
    ['HTTP/1.0 without a host', 'GET /api HTTP/1.0\r\n\r\n', [403]],
    ['bare line feeds', 'GET /api HTTP/1.1\nhost: localhost\nconnection: close\n\n', [200, 400]],
    ['an address with a host', head('GET http://localhost/api', closing), [200, 404]],
    ['an address of another host', head('GET http://elsewhere.example/api', closing), [200, 404]],
    ['no address but a star', head('OPTIONS *', closing), [404, 405]],
    ['slashes', head('GET //api//task///', closing), [404]],
    ['dots', head('GET /api/../../etc/passwd', closing), [404]],
    ['dots in disguise', head('GET /docs/assets/..%2f..%2fpackage.json', closing), [404]],
    ['half of an escape', head('GET /api/task/%/status', closing), [400]],
    ['an escape that is no text', head('GET /api/task/%ff%fe/status', closing), [400]],
    ['a query of brackets', head('GET /api?[[[]]]=&&&==&%', closing), [200, 400]],
    ['an offer to upgrade', head('GET /api', { connection: 'upgrade', upgrade: 'websocket' }), [200]],
    ['an expectation', submit(good, { expect: '100-continue', ...closing }), [200]],
    ['an expectation that nobody knows', submit(good, { expect: 'wonders', ...closing }), [200]],
    ['two hosts', head('GET /api', { Host: 'elsewhere.example', ...closing }), [200, 400, 403]],
    ['a body that is packed', submit(good, { 'content-encoding': 'gzip', ...closing }), [200, 415]],
    [
      'an empty body in chunks',
      head('POST /api/run/add', { ...json, 'transfer-encoding': 'chunked', ...closing }) + '0\r\n\r\n',
      [422],
    ],
    ['a body in many chunks', chunked(good.split(''), closing), [200]],
  ])('%s', async (_, bytes, allowed) => {
    // A request to upgrade cannot also ask to close the connection.
    const exchange = await send(server.port, bytes, bytes.includes('websocket') ? { staysOpen: true } : {})
    expect(allowed).toContain(exchange.statuses.at(-1))
    if ((exchange.statuses.at(-1) ?? 0) >= 400) expect(problem(exchange).detail).not.toBe('')
  })

  test('many on one connection, in order', async () => {
    const calls = many(500).map((at) => head('GET /healthz', { 'x-request-id': `call-${at}` }))
    const { text, statuses } = await send(server.port, [calls.join(''), head('GET /api', closing)])
    expect(statuses).toHaveLength(501)
    expect([...text.matchAll(/x-request-id: call-(\d+)/g)].map(([, at]) => Number(at))).toEqual(many(500))
  })

  test('and garbage after it ends the connection', async () => {
    const { statuses, closed } = await send(server.port, `${head('GET /api')}garbage\r\n\r\n`)
    expect([statuses.at(-1), closed]).toEqual([400, true])
  })

  test('with another request hidden in its body', async () => {
    const hidden = `${good}${head('GET /api/task/x/status')}`
    const bytes = head('POST /api/run/add', { ...json, 'content-length': good.length }) + hidden
    expect((await send(server.port, bytes, { staysOpen: true })).statuses).toEqual([200, 404])
  })
})

describe('a body', () => {
  const big = 'x'.repeat(1_000_000)

  test('above the limit is refused by its length before it is received', async () => {
    const bytes = head('POST /api/run/add', { ...json, 'content-length': 1e12 })
    const exchange = await send(server.port, bytes, { staysOpen: true })
    expect([exchange.statuses, problem(exchange).code]).toEqual([[413], 'TOO_LARGE'])
  })

  test('above the limit is refused while it is received if it has no length', async () => {
    const { statuses } = await send(server.port, chunked(many(40).map(() => big)), { staysOpen: true })
    expect(statuses[0] ?? 413).toBe(413)
  })

  test.each(['pause', 'resume', 'retry'])('that nobody asked for is ignored: %s', async (control) => {
    const bytes = chunked([big, big, big, big], {}, `/api/task/nobody/${control}`)
    expect((await send(server.port, bytes, { staysOpen: true })).statuses[0]).toBe(404)
  })

  test('that ends early stores nothing', async () => {
    const tag = 'cut-off'
    const body = JSON.stringify({ parameters: { a: 1, b: 2 }, idempotency_key: tag })
    const cut = submit(body).slice(0, -5)
    await send(server.port, cut, { half: true })
    const socket = await open(server.port)
    socket.write(cut)
    socket.resetAndDestroy()
    // If one of them had been stored, this would be a replay.
    const { headers } = await api.post('/api/run/add', { parameters: { a: 1, b: 2 }, idempotency_key: tag })
    expect(headers.get('idempotency-replayed')).toBeNull()
  })

  test('is answered although the client has closed its side', async () => {
    expect((await send(server.port, submit(good), { half: true })).statuses).toEqual([200])
  })
})

test('a stream whose client sends data ends, and others continue', async () => {
  const stream = head(`GET /api/task/${id}/events`)
  const { text, closed } = await send(server.port, [stream, 'garbage\r\n\r\n'], { once: 'event: transition' })
  expect(text).toContain('event: transition')
  expect(closed).toBe(true)
})

function chunked(
  pieces: readonly string[],
  headers: Record<string, string> = {},
  path = '/api/run/add',
): string {
  const chunks = pieces.map((piece) => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`)
  return `${head(`POST ${path}`, { ...json, 'transfer-encoding': 'chunked', ...headers })}${chunks.join('')}0\r\n\r\n`
}

function many(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
