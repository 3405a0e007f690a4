import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { head, send } from './bare.ts'

let server: TestServer
let api: Api
let id: string
beforeAll(async () => {
  server = await TestServer.start({ env: { LOG_LEVEL: 'trace' } })
  api = new Api(server.url)
  id = await api.submit('long', { duration: 600 })
  await api.untilStatus(id, 'running')
})
afterAll(() => server[Symbol.asyncDispose]())

describe('a page of another site', () => {
  const cross = {
    origin: 'https://evil.example',
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'no-cors',
  }

  test('cannot pause, resume, cancel or retry a task with a request without a body', async () => {
    for (const origin of [cross.origin, 'null']) {
      for (const [method, path] of [
        ['POST', 'pause'],
        ['POST', 'resume'],
        ['POST', 'retry'],
        ['POST', 'purge'],
        ['DELETE', ''],
      ] as const) {
        const headers = { ...cross, origin, connection: 'close' }
        const { text } = await send(server.port, head(`${method} /api/task/${id}/${path}`, headers))
        expect(text).toContain('HTTP/1.1 403 ')
        expect(text).toContain('ORIGIN_FORBIDDEN')
      }
    }
    expect((await api.status(id)).status).toBe('running')
  })

  test('cannot submit with a form, and reads nothing', async () => {
    const body = '{"parameters":{"a":1,"b":2}}'
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json']) {
      const headers = { ...cross, 'content-type': type, 'content-length': body.length, connection: 'close' }
      const { text } = await send(server.port, head('POST /api/run/add', headers) + body)
      expect(text).toContain('HTTP/1.1 403 ')
    }
    const preflight = { ...cross, 'access-control-request-method': 'POST', connection: 'close' }
    for (const bytes of [
      head('OPTIONS /api/run/add', preflight),
      head('GET /api/task', { ...cross, connection: 'close' }),
    ]) {
      const { text } = await send(server.port, bytes)
      expect(text).toContain('HTTP/1.1 403 ')
      expect(text.toLowerCase()).not.toContain('access-control-allow')
    }
  })

  test('under a name that resolves to this machine gets nothing, not even a page', async () => {
    for (const path of ['/', '/docs', '/openapi.json', '/api/task', `/api/task/${id}/events`, '/nothing']) {
      const { text } = await send(
        server.port,
        head(`GET ${path}`, { host: 'rebound.example:8000', connection: 'close' }),
      )
      expect(text).toContain('HTTP/1.1 403 ')
      expect(text).toContain('HOST_FORBIDDEN')
    }
  })
})

test('every response forbids content sniffing, framing and embedding', async () => {
  const json = { 'content-type': 'application/json' }
  const answers = await Promise.all([
    fetch(`${server.url}/`, { redirect: 'manual' }),
    fetch(`${server.url}/docs`),
    fetch(`${server.url}/redoc`),
    fetch(`${server.url}/docs/assets/swagger-ui.css`),
    fetch(`${server.url}/openapi.json`),
    fetch(`${server.url}/api/tasks`),
    fetch(`${server.url}/api/task/${id}`),
    fetch(`${server.url}/api/task/nobody`),
    fetch(`${server.url}/api/task/%E0%A4%A`),
    fetch(`${server.url}/nothing`),
    fetch(`${server.url}/api/tasks`, { method: 'PUT' }),
    fetch(`${server.url}/api/run/add`, { method: 'POST', headers: json, body: '{' }),
    fetch(`${server.url}/api/run/add`, { method: 'POST', body: 'text' }),
    fetch(`${server.url}/api/task/${id}/events`, { headers: { accept: 'text/event-stream' } }),
  ])
  for (const answer of answers) {
    const { url, status, headers } = answer
    expect(headers.get('x-content-type-options'), `${url} ${status}`).toBe('nosniff')
    expect(headers.get('cross-origin-resource-policy'), `${url} ${status}`).toBe('same-origin')
    expect(headers.get('x-frame-options'), `${url} ${status}`).toMatch(/^(?:DENY|SAMEORIGIN)$/)
    expect(headers.get('x-powered-by')).toBeNull()
    expect(headers.get('server')).toBeNull()
    if (headers.get('content-type')?.includes('html')) {
      expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    }
    await answer.body?.cancel()
  }
  expect((await send(server.port, 'hello\r\n\r\n')).text.toLowerCase()).toContain(
    'x-content-type-options: nosniff',
  )
})

test('what callers send is returned as data, never as a page', async () => {
  const script = '<script>alert(1)</script>'
  for (const path of [
    `/${script}`,
    `/api/task/${script}`,
    `/api/tasks/${encodeURIComponent(script)}`,
    `/api/task?q=${script}`,
  ]) {
    const { headers } = await api.call('GET', path)
    expect(headers.get('content-type')).toMatch(/^application\/(?:problem\+)?json/)
  }
})

test('the log has no parameters, tags, keys, queries or results, at any level', async () => {
  const secret = 'hunter2-secret'
  const key = { 'idempotency-key': `${secret}-key` }
  const body = { parameters: { a: 1, b: 2, password: secret }, tags: [`${secret}-tag`] }
  expect((await api.post('/api/run/add', body, key)).status).toBe(200)
  expect((await api.post('/api/run/add', { parameters: { a: secret, b: 2 } })).status).toBe(400)
  expect((await api.post('/api/run/add', { ...body, [`${secret}-option`]: 1 })).status).toBe(422)
  await api.call('GET', `/api/task?q=${secret}`)
  await api.call('GET', `/api/task?wrong=${secret}`)
  await api.control(id, 'cancel')
  const { stdout, stderr } = await server.stop()
  expect(stdout).toContain('"request handled"')
  expect(stdout + stderr).not.toContain(secret)
})
