import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type LookupFunction } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AllowedAddresses } from './addresses.ts'
import { faultOf, retryAfterOf, senderOf, type SenderOptions } from './sender.ts'
import { newSecret } from './signature.ts'

type Received = Readonly<{ headers: IncomingMessage['headers']; body: string; url: string }>

let received: Received[] = []
let answer: RequestListener = (_, response) => void response.end('thanks')
let server: Server
let port = 0

beforeEach(async () => {
  received = []
  answer = (_, response) => void response.end('thanks')
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push({
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
        url: request.url ?? '',
      })
      answer(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '::', resolve))
  port = (server.address() as AddressInfo).port
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const body = '{"type":"task.completed","data":{"text":"é \u2028"}}'
const never = new AbortController().signal

function send(
  url: string,
  { timeout = 5_000, ...options }: Partial<SenderOptions> = {},
  secrets: readonly string[] = [],
) {
  const allowed = new AllowedAddresses(['public', '127.0.0.0/8'])
  const message = { url, id: 'msg_1', timestamp: Math.floor(Date.now() / 1_000), body, secrets }
  return senderOf({ allowed, version: 'test', timeout, ...options })(message, never)
}

/** Resolves every name to these, one list for each question; the last one again and again. */
function resolving(...answers: readonly string[][]): LookupFunction {
  let asked = 0
  return (_, options, callback) => {
    const found = answers[Math.min(asked, answers.length - 1)]!
    asked += 1
    const addresses = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (options.all === true) callback(null, addresses)
    else callback(null, addresses[0]!.address, addresses[0]!.family)
  }
}

const onlyPublic = { allowed: new AllowedAddresses(['public']) }

describe('a message', () => {
  test('arrives as it is, with headers that the library of Standard Webhooks verifies', async () => {
    const secrets = [newSecret(), newSecret()]
    expect(await send(`http://127.0.0.1:${port}/hook?a=1`, {}, secrets)).toEqual({
      status: 200,
      error: null,
      retryAfter: null,
    })
    const [{ headers, body: text, url }] = received as [Received]
    expect({ text, url, type: headers['content-type'] }).toEqual({
      text: body,
      url: '/hook?a=1',
      type: 'application/json',
    })
    for (const secret of secrets)
      expect(new Webhook(secret).verify(text, headers as Record<string, string>)).toEqual(JSON.parse(body))
    expect(() => new Webhook(newSecret()).verify(text, headers as Record<string, string>)).toThrow()
    expect(() => new Webhook(secrets[0]!).verify(`${text} `, headers as Record<string, string>)).toThrow()
  })

  test('without a secret has no signature', async () => {
    await send(`http://127.0.0.1:${port}/`)
    expect(received[0]!.headers).not.toHaveProperty('webhook-signature')
    expect(received[0]!.headers).toMatchObject({ 'webhook-id': 'msg_1' })
  })

  test.each([200, 201, 204, 299])('is accepted with %i', async (status) => {
    answer = (_, response) => void response.writeHead(status).end()
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status, error: null })
  })

  test.each([301, 302, 303, 307, 308, 400, 404, 410, 429, 500, 503])(
    'is not accepted with %i',
    async (status) => {
      answer = (_, response) =>
        void response
          .writeHead(status, { location: `http://127.0.0.1:${port}/elsewhere`, 'retry-after': '120' })
          .end('secret of the receiver')
      const sent = await send(`http://127.0.0.1:${port}/`)
      expect(sent).toMatchObject({ status, retryAfter: 120_000 })
      expect(sent.error).toContain(String(status))
      expect(sent.error).not.toContain('secret')
      expect(received.map(({ url }) => url)).toEqual(['/'])
    },
  )

  test('is given up if the receiver does not answer in time, however slowly it does', async () => {
    answer = () => {}
    const slow = await send(`http://127.0.0.1:${port}/`, { timeout: 100 })
    expect(slow).toEqual({ status: null, error: 'no response within 0.1 s', retryAfter: null })
    const dribbling = createTcpServer((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 200 OK\r\nx: '.charAt(0)), 20)
      socket.on('close', () => clearInterval(timer))
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => dribbling.listen(0, '127.0.0.1', resolve))
    const { port: other } = dribbling.address() as AddressInfo
    expect(await send(`http://127.0.0.1:${other}/`, { timeout: 200 })).toMatchObject({ status: null })
    dribbling.close()
  })

  test('fails if the receiver disconnects, is not there, or speaks nonsense', async () => {
    answer = (request) => void request.socket.destroy()
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ error: 'the connection was lost' })
    const nonsense = createTcpServer((socket) => void socket.resume().end('what?\r\n\r\n'))
    await new Promise<void>((resolve) => nonsense.listen(0, '127.0.0.1', resolve))
    const { port: other } = nonsense.address() as AddressInfo
    expect(await send(`http://127.0.0.1:${other}/`)).toMatchObject({ status: null })
    await new Promise((resolve) => nonsense.close(resolve))
    expect(await send(`http://127.0.0.1:${other}/`)).toMatchObject({ error: 'the connection was refused' })
    expect(await send(`https://127.0.0.1:${port}/`)).toMatchObject({ status: null })
  })

  test('is sent even if the receiver answers without end: nothing but its status is used', async () => {
    answer = (_, response) => {
      response.writeHead(200)
      const pour = () => {
        while (response.write('x'.repeat(16_384)));
      }
      response.on('drain', pour).on('error', () => {})
      pour()
    }
    expect(await send(`http://127.0.0.1:${port}/`)).toMatchObject({ status: 200, error: null })
  })

  test('ends when the node stops', async () => {
    answer = () => stopping.abort()
    const stopping = new AbortController()
    const allowed = new AllowedAddresses(['127.0.0.1'])
    const message = { url: `http://127.0.0.1:${port}/`, id: 'm', timestamp: 1, body, secrets: [] }
    await expect(senderOf({ allowed, version: 'test' })(message, stopping.signal)).rejects.toThrow()
  })
})

/** Forms of addresses that are not public, as hosts of a URL. */
const literals = `
  127.0.0.1 127.1 127.0.1 127.255.255.254 127.0.0.1. 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1
  0177.1 017700000001 0x7f.0x0.0x0.0x1 0 0.0.0.0 0x0 ①②⑦.⓪.⓪.① 127。0。0。1 １２７.0.0.1 %31%32%37.0.0.1
  10.0.0.1 10.255.255.255 0xa000001 167772161 012.0.0.1 10.1 172.16.0.1 172.31.255.255 0xac100001
  192.168.0.1 192.168.1 3232235521 0300.0250.0.1 169.254.169.254 0xa9fea9fe 2852039166
  0251.0376.0251.0376 169.254.43518 100.64.0.1 100.127.255.255 192.0.0.1 192.0.2.1 198.18.0.1
  198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 0xffffffff [::1] [0:0:0:0:0:0:0:1] [::]
  [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:169.254.169.254]
  [0:0:0:0:0:ffff:a9fe:a9fe] [::ffff:0:127.0.0.1] [::127.0.0.1] [fe80::1] [fec0::1] [fc00::1]
  [fd00:ec2::254] [ff02::1] [100::1] [64:ff9b::127.0.0.1] [64:ff9b::a00:1] [64:ff9b:1::1]
  [2002:7f00:1::] [2002:a00:1::1] [2001::1] [2001:db8::1] [2001:10::1] [3fff::1] [5f00::1] [2001:2::1]
`
  .trim()
  .split(/\s+/)

describe('addresses that are not public', () => {
  test('are many', () => {
    expect(new Set(literals).size).toBeGreaterThan(70)
  })

  test.each(literals)('are not reached as http://%s', async (host) => {
    const url = `http://${host}:${port}/`
    const sent = await send(url, onlyPublic)
    expect(sent.status).toBeNull()
    expect(sent.error).toMatch(/may not reach|is not a URL/)
    expect(received).toEqual([])
    expect(faultOf(url, onlyPublic.allowed)).toBeDefined()
  })

  const addresses = literals
    .map((host) => URL.parse(`http://${host}/`)?.hostname.replace(/^\[(.*)\]$/, '$1'))
    .filter((host) => host !== undefined && host !== '')

  test.each(addresses)('are not reached by a name that resolves to %s', async (address) => {
    const lookup = resolving([address!])
    const sent = await send(`http://rebound.example:${port}/`, { ...onlyPublic, lookup })
    expect(sent).toMatchObject({ status: null, error: expect.stringContaining('may not reach') })
    expect(received).toEqual([])
  })

  test('are not reached by a name that has a public address as well', async () => {
    for (const found of [
      ['1.1.1.1', '127.0.0.1'],
      ['::1', '2606:4700::1111'],
    ]) {
      const lookup = resolving(found)
      const sent = await send(`http://mixed.example:${port}/`, { ...onlyPublic, lookup })
      expect(sent.error).toContain('may not reach')
    }
    expect(received).toEqual([])
  })

  test('are not reached by the names of this machine', async () => {
    for (const name of ['localhost', 'localhost.', 'sub.localhost', 'LOCALHOST']) {
      const sent = await send(`http://${name}:${port}/`, onlyPublic)
      expect(sent.status).toBeNull()
    }
    expect(received).toEqual([])
  })

  test('are not reached by a name that changes between two questions: what was checked is connected', async () => {
    // The first answer is checked and used; a second one would lead to the server of this test.
    const allowed = new AllowedAddresses(['public', '127.0.0.2'])
    const lookup = resolving(['127.0.0.2'], ['127.0.0.1'])
    const sent = await send(`http://changing.example:${port}/`, { allowed, lookup, timeout: 2_000 })
    expect(sent.status).toBe(200)
    expect(received).toHaveLength(1)
    const again = await send(`http://changing.example:${port}/`, { allowed, lookup, timeout: 2_000 })
    expect(again.error).toContain('may not reach')
    expect(received).toHaveLength(1)
  })

  test('are not reached by a redirect', async () => {
    answer = (_, response) =>
      void response.writeHead(307, { location: `http://127.0.0.1:${port}/internal` }).end()
    const allowed = new AllowedAddresses(['127.0.0.2'])
    const sent = await send(`http://127.0.0.2:${port}/`, { allowed })
    expect(sent).toMatchObject({ status: 307 })
    expect(received.map(({ url }) => url)).toEqual(['/'])
  })

  test('can be allowed by range, and public ones left out', async () => {
    const own = { allowed: new AllowedAddresses(['127.0.0.0/8', '::1']) }
    expect(await send(`http://127.9.9.9:${port}/`, own)).toMatchObject({ status: 200 })
    expect(await send(`http://[::1]:${port}/`, own)).toMatchObject({ status: 200 })
    expect((await send('http://1.1.1.1/', own)).error).toContain('may not reach')
    expect((await send(`http://[::2]:${port}/`, own)).error).toContain('may not reach')
  })
})

describe('a URL', () => {
  test.each([
    ['ftp://example.com/', 'must begin with'],
    ['file:///etc/passwd', 'must begin with'],
    ['gopher://127.0.0.1:6379/_x', 'must begin with'],
    ['http://user@example.com/', 'password'],
    ['http://a:b@example.com/', 'password'],
    ['nothing', 'not a URL'],
    ['http://', 'not a URL'],
  ])('%s is refused', async (url, why) => {
    expect(faultOf(url, onlyPublic.allowed)).toContain(why)
    expect((await send(url)).error).toContain(why)
  })

  test('of a public name or address is fine', () => {
    for (const url of ['https://example.com/a', 'http://1.1.1.1:81/', 'https://[2606:4700::1111]/'])
      expect(faultOf(url, onlyPublic.allowed)).toBeUndefined()
  })
})

describe('a list of ranges', () => {
  test.each(['', 'x', '10.0.0.0/33', '10.0.0.0/8/8', '::/129', '10.0.0.0/', '10.0.0.0/-1', 'Public'])(
    'with %s is refused',
    (text) => {
      expect(() => new AllowedAddresses([text])).toThrow(RangeError)
    },
  )
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(retryAfterOf('120', now)).toBe(120_000)
  expect(retryAfterOf('Thu, 01 Jan 2026 00:01:00 GMT', now)).toBe(60_000)
  expect(retryAfterOf('Thu, 01 Jan 2025 00:01:00 GMT', now)).toBe(0)
  expect([retryAfterOf(undefined, now), retryAfterOf('soon', now)]).toEqual([null, null])
})
