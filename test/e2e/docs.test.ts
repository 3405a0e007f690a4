import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/contract/route.ts'
import { routes } from '../../src/contract/routes.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

test('the index links to everything', async () => {
  const { body } = await api.call('GET', '/api')
  const links = body['links'] as Record<string, string>
  expect(links).toMatchObject({ docs: '/docs', openapi: '/openapi.json', listTypes: '/api/tasks' })
  const known: Readonly<Record<string, Route>> = routes
  for (const [name, link] of Object.entries(links)) {
    if (link.includes('{') || (known[name] !== undefined && known[name].method !== 'GET')) continue
    const answer = await fetch(`${server.url}${link}`)
    expect(answer.status, link).toBe(200)
    await answer.body?.cancel()
  }
})

test('the OpenAPI document names this program and its version', async () => {
  const { status, body } = await api.call('GET', '/openapi.json')
  expect(status).toBe(200)
  expect(body).toMatchObject({ openapi: '3.1.0', info: { title: 'Fermata', version: expect.any(String) } })
})

describe.each(['/docs', '/redoc'])('the page %s', (path) => {
  test('loads everything from this server', async () => {
    const { text, headers } = await api.call('GET', path)
    expect(headers.get('content-type')).toContain('text/html')
    const addresses = [...text.matchAll(/(?:src|href|spec-url)="([^"]+)"/g)].map(
      ([, address]) => address ?? '',
    )
    expect(addresses.length).toBeGreaterThan(1)
    if (path === '/redoc') addresses.push('./docs/assets/redoc.standalone.js')
    for (const address of addresses.filter((address) => address !== 'data:,')) {
      expect(address).toMatch(/^\.\/[a-z]/)
      const asset = await api.call('GET', address.slice(1))
      expect(asset.status, address).toBe(200)
      expect(asset.text.length).toBeGreaterThan(100)
      expect(asset.text).not.toContain('cdn.redoc.ly')
    }
    expect(text).not.toMatch(/<script>|https?:/)
  })

  test('may not load anything from other hosts', async () => {
    const { headers } = await api.call('GET', path)
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("script-src 'self';")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).not.toMatch(/https?:|\*|unsafe-|upgrade-insecure-requests/)
  })
})

test('the server is alive and ready', async () => {
  expect((await api.call('GET', '/healthz')).body).toEqual({ status: 'ok' })
  expect((await api.call('GET', '/readyz')).body).toEqual({ status: 'ready' })
  expect((await api.call('HEAD', '/healthz')).text).toBe('')
})
