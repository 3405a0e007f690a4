import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parseRanges, type Ranges } from '../core/addresses.ts'
import { httpSender, type SenderOptions } from './http-sender.ts'

const loopback = parseRanges('127.0.0.0/8') as Ranges

/** What the receiver does, by path. */
const behaviors: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
  '/fine': (_, response) => response.writeHead(204).end(),
  '/broken': (_, response) => response.writeHead(500).end('oops'),
  '/gone': (_, response) => response.writeHead(410).end(),
  '/busy': (_, response) => response.writeHead(503, { 'retry-after': '120' }).end(),
  '/elsewhere': (_, response) => response.writeHead(302, { location: '/fine' }).end(),
  '/forever': (_, response) => response.writeHead(307, { location: '/forever' }).end(),
  '/hangs': () => undefined,
  '/closes': ({ socket }) => socket.destroy(),
  '/endless': (_, response) => void response.writeHead(200).write('x'.repeat(1_000_000)),
  '/never-ends': (_, response) => void response.writeHead(200).write('a'),
  '/garbage': ({ socket }) => void socket.end('not HTTP\r\n\r\n'),
  '/early': (_, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.writeHead(202).end()
  },
}

const heard: string[] = []
const receiver = createServer((request, response) => {
  heard.push(`${request.method} ${request.url}`)
  behaviors[request.url ?? '']?.(request, response)
})
let port = 0
beforeAll(async () => {
  await new Promise<void>((resolve) => {
    receiver.listen(0, '127.0.0.1', resolve)
  })
  port = (receiver.address() as AddressInfo).port
})
afterAll(() => {
  receiver.closeAllConnections()
  receiver.close()
})

function sender(own: Partial<SenderOptions> = {}) {
  const made = httpSender({ allowed: loopback, timeout: 15_000, ...own })
  onTestFinished(() => made.close())
  return made
}

function sendTo(path: string, own: Partial<SenderOptions> = {}, host = '127.0.0.1') {
  return sender(own).send({ url: `http://${host}:${port}${path}`, headers: {}, body: '{}' })
}

describe('an attempt', () => {
  test('is a success if its answer is 2xx, whatever its body does', async () => {
    for (const [path, status] of [
      ['/fine', 204],
      ['/endless', 200],
      ['/never-ends', 200],
      ['/early', 202],
    ] as const) {
      expect(await sendTo(path)).toEqual({ status, error: null, retryAfter: null })
    }
  })

  test('fails with any other answer, and follows no redirect', async () => {
    heard.length = 0
    expect(await sendTo('/broken')).toMatchObject({ status: 500, error: 'the receiver answered 500' })
    expect(await sendTo('/gone')).toMatchObject({ status: 410 })
    expect(await sendTo('/busy')).toMatchObject({ status: 503, retryAfter: 120_000 })
    expect(await sendTo('/elsewhere')).toMatchObject({ status: 302, error: 'redirects are not followed' })
    expect(await sendTo('/forever')).toMatchObject({ status: 307 })
    expect(heard).toEqual(
      ['/broken', '/gone', '/busy', '/elsewhere', '/forever'].map((path) => `POST ${path}`),
    )
  })

  test('fails if the receiver closes the connection, speaks no HTTP, or is not there', async () => {
    expect(await sendTo('/closes')).toMatchObject({ status: null, error: 'the connection was closed' })
    expect(await sendTo('/garbage')).toMatchObject({ status: null, error: expect.any(String) as string })
    const nobody = { url: 'http://127.0.0.1:9/', headers: {}, body: '{}' }
    expect(await sender().send(nobody)).toMatchObject({ status: null, error: 'the connection was refused' })
    const unknown = { url: 'http://nobody.invalid/', headers: {}, body: '{}' }
    expect(await sender().send(unknown)).toMatchObject({
      status: null,
      error: expect.stringMatching(/name/) as string,
    })
  })

  test('fails when its time is up: while it waits for an answer, or for the name', async () => {
    const timeout = 50
    const error = 'no answer within 0.05 seconds'
    expect(await sendTo('/hangs', { timeout })).toEqual({ status: null, error, retryAfter: null })
    const never = { timeout, lookup: () => new Promise<never>(() => {}) }
    expect(await sendTo('/fine', never, 'slow.example')).toMatchObject({ error })
  })

  test('ends when the sender is closed', async () => {
    const made = sender()
    const sending = made.send({ url: `http://127.0.0.1:${port}/hangs`, headers: {}, body: '{}' })
    await made.close()
    expect(await sending).toMatchObject({ status: null })
  })
})

describe('a connection', () => {
  const at =
    (...addresses: string[]) =>
    async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

  test('goes to no private address, by number or by name', async () => {
    heard.length = 0
    const strict = { allowed: [] }
    expect((await sendTo('/fine', strict)).error).toContain('the address 127.0.0.1 is not public')
    expect((await sendTo('/fine', strict, 'localhost')).error).toContain('is not public')
    expect((await sendTo('/fine', strict, '[::ffff:127.0.0.1]')).error).toContain('is not public')
    for (const address of [
      '10.0.0.1',
      '169.254.169.254',
      '::1',
      'fd00::1',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
    ]) {
      const answer = await sendTo('/fine', { ...strict, lookup: at(address) }, 'rebound.example')
      expect(answer).toMatchObject({ status: null, error: expect.stringContaining(address) as string })
    }
    expect(heard).toEqual([])
  })

  test('is refused if one of the addresses of a name is private', async () => {
    const lookup = at('93.184.215.14', '127.0.0.1')
    expect((await sendTo('/fine', { allowed: [], lookup }, 'mixed.example')).error).toContain('127.0.0.1')
  })

  test('goes to the address that was checked, although the name changes in the meantime', async () => {
    heard.length = 0
    let asked = 0
    // The first answer is checked; a program that looked the name up again to connect would get the second one.
    const lookup = async () => at(++asked === 1 ? '127.0.0.1' : '127.0.0.2')()
    const only = parseRanges('127.0.0.1') as Ranges
    const answer = await sendTo('/fine', { allowed: only, lookup }, 'changing.example')
    expect(answer).toMatchObject({ status: 204 })
    expect(asked).toBe(1)
    const again = { allowed: only, lookup: at('127.0.0.2') }
    expect((await sendTo('/fine', again, 'changing.example')).error).toContain('127.0.0.2')
    expect(heard).toHaveLength(1)
  })

  test('tries the other addresses of a name', async () => {
    const lookup = at('127.0.0.9', '127.0.0.1')
    expect(await sendTo('/fine', { lookup }, 'several.example')).toMatchObject({ status: 204 })
  })

  test('asks for a name once at a time', async () => {
    let asked = 0
    const lookup = async () => {
      asked += 1
      await new Promise((resolve) => setImmediate(resolve))
      return at('127.0.0.1')()
    }
    const made = sender({ lookup })
    const url = `http://one.example:${port}/fine`
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => made.send({ url, headers: {}, body: '{}' })),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(204))
    expect(asked).toBe(1)
  })
})
