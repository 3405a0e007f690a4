import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestServer } from '../support/server.ts'
import { head, send } from './bare.ts'

const env = {
  FERMATA_ALLOWED_HOSTS: 'Fermata.Example.com,10.1.2.3.nip.io',
  FERMATA_ALLOWED_ORIGINS: 'https://console.example.com,http://dev.example.com:3000',
}
const addresses = ['0.0.0.0', '127.0.0.1', 'LOCALHOST']
const servers = new Map<string, TestServer>()
beforeAll(async () => {
  for (const host of addresses) {
    servers.set(host, await TestServer.start({ env: { ...env, HOST: host } }))
  }
})
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]()
})

async function ask(listensOn: string, line: string, headers: Record<string, string>): Promise<string> {
  const { text } = await send(servers.get(listensOn)!.port, head(line, { connection: 'close', ...headers }), {
    listen: 60_000,
  })
  return text
}

const pause = 'POST /api/tasks/add/pause'
const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' }
const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

describe.each(addresses)('a server on %s', (address) => {
  test.each<[string, Record<string, string>]>([
    ['its own page', { host: 'localhost:8000', origin: 'http://localhost:8000' }],
    ['a program, which sends no Origin', { host: '127.0.0.1:8000' }],
    ['an address of the network', { host: '10.1.2.3:8000', origin: 'http://10.1.2.3:8000' }],
    ['IPv6', { host: '[::1]:8000', origin: 'http://[::1]:8000' }],
    ['the default port of http', { host: 'localhost:80', origin: 'http://localhost' }],
    ['a proxy that ends TLS', { host: 'fermata.example.com', origin: 'https://fermata.example.com' }],
    ['the port of https', { host: 'fermata.example.com:443', origin: 'https://fermata.example.com' }],
    ['a service of compose', { host: 'node-1:8000', origin: 'http://node-1:8000' }],
    ['the name of the machine', { host: hostname() }],
    ['an allowed name with a dot at its end', { host: 'FERMATA.example.com.:8000' }],
    ['an allowed name that looks like an address', { host: '10.1.2.3.nip.io' }],
    ['upper case', { host: 'LocalHost:8000', origin: 'http://localhost:8000' }],
    ['its own page, by a browser', { host: 'localhost', 'sec-fetch-site': 'same-origin' }],
    ['what the user typed', { host: 'localhost', 'sec-fetch-site': 'none' }],
  ])('takes a control from %s', async (_, headers) => {
    expect(await ask(address, pause, headers)).toContain('HTTP/1.1 200 ')
  })

  test.each<[string, Record<string, string>]>([
    ['another site', { origin: 'https://evil.example' }],
    ['another site, by a browser', { origin: 'https://evil.example', ...foreign }],
    ['another site that sends no Origin', foreign],
    ['a link of another site that posts', link],
    ['a sandboxed frame or a file', { origin: 'null' }],
    ['a name that begins alike', { origin: 'http://localhost.evil.example' }],
    ['another port', { host: 'localhost:8000', origin: 'http://localhost:3000' }],
    ['another address', { host: '10.1.2.3:8000', origin: 'http://10.1.2.4:8000' }],
    ['an allowed site on another port', { origin: 'http://dev.example.com' }],
    ['an allowed site without TLS', { origin: 'http://console.example.com' }],
    ['two sites', { origin: 'http://localhost, http://evil.example' }],
  ])('refuses %s, and says which setting allows it', async (_, headers) => {
    const answer = await ask(address, pause, headers)
    expect(answer).toContain('HTTP/1.1 403 ')
    expect(answer).toContain('ORIGIN_FORBIDDEN')
    expect(answer).toContain('FERMATA_ALLOWED_ORIGINS')
    expect(answer.toLowerCase()).not.toContain('access-control-allow-origin')
  })

  test.each([
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    'evil.example.',
    '127.0.0.1.nip.io',
    '127.0.0.1:80000000',
    'localhost@evil.example',
    'localhost, evil.example',
    '[::1].evil.example',
    '[::1',
    '::1',
    '.',
  ])('refuses the name %s, and says which setting allows it', async (host) => {
    for (const path of ['/', '/docs', '/openapi.json', '/api/task', '/healthz', '/nothing']) {
      const answer = await ask(address, `GET ${path}`, { host })
      expect(answer).toContain('HTTP/1.1 403 ')
      expect(answer).toContain('HOST_FORBIDDEN')
      expect(answer).toContain('FERMATA_ALLOWED_HOSTS')
    }
  })

  test('opens the page and the documentation for a link from another site, and nothing else', async () => {
    for (const path of ['/', '/tasks/019a3c5e-7d2b', '/docs', '/redoc']) {
      expect(await ask(address, `GET ${path}`, link), path).toContain('HTTP/1.1 200 ')
      for (const dest of ['iframe', 'embed', 'object']) {
        const framed = { ...link, 'sec-fetch-dest': dest }
        expect(await ask(address, `GET ${path}`, framed), path).toContain('HTTP/1.1 403 ')
      }
    }
    expect(await ask(address, 'GET /api/task', { ...foreign, 'sec-fetch-dest': 'image' })).toContain(' 403 ')
  })

  test('serves the files of its page behind a proxy that does not pass on Host', async () => {
    const headers = { host: '127.0.0.1:8000', origin: 'https://tasks.example.com' }
    expect(await ask(address, 'GET /docs/assets/swagger-start.js', headers)).toContain('HTTP/1.1 200 ')
    expect(await ask(address, 'GET /assets/../api/task', headers)).toContain('HTTP/1.1 403 ')
    expect(await ask(address, 'POST /assets/index.js', headers)).toContain('HTTP/1.1 403 ')
  })

  test('without Host allows only the two health calls', async () => {
    const { port } = servers.get(address)!
    for (const path of ['/healthz', '/readyz', '/healthz?from=proxy']) {
      const { text } = await send(port, `GET ${path} HTTP/1.0\r\n\r\n`, { listen: 60_000 })
      expect(text).toContain('HTTP/1.1 200 ')
    }
    for (const path of ['/', '/api', '/api/task', '/healthz/x', '/api/../healthz']) {
      const { text } = await send(port, `GET ${path} HTTP/1.0\r\n\r\n`, { listen: 60_000 })
      expect(text).toContain('HTTP/1.1 403 ')
      expect(text).toContain('HOST_FORBIDDEN')
    }
  })

  test('lets pages of allowed origins call and read', async () => {
    for (const origin of ['https://console.example.com', 'http://dev.example.com:3000']) {
      const asked = { origin, 'access-control-request-method': 'POST', ...foreign }
      const preflight = await ask(address, 'OPTIONS /api/run/add', asked)
      expect(preflight).toContain('HTTP/1.1 204 ')
      expect(preflight).toContain(`access-control-allow-origin: ${origin}\r\n`)
      expect(preflight).toMatch(/access-control-allow-methods: [^\r]*DELETE/)
      expect(preflight).toMatch(/access-control-allow-headers: [^\r]*content-type/)
      const answer = await ask(address, pause, { origin, ...foreign })
      expect(answer).toContain('HTTP/1.1 200 ')
      expect(answer).toContain(`access-control-allow-origin: ${origin}\r\n`)
      expect(answer).toMatch(/access-control-expose-headers: [^\r]*x-request-id/)
      const refused = await ask(address, 'GET /api/task/nobody', { origin, ...foreign })
      expect(refused).toContain('HTTP/1.1 404 ')
      expect(refused).toContain(`access-control-allow-origin: ${origin}\r\n`)
    }
    const none = await ask(address, 'OPTIONS /api/run/add', {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    })
    expect(none).toContain('HTTP/1.1 403 ')
    expect((await ask(address, 'GET /api', {})).toLowerCase()).toContain('vary: origin')
  })
})
