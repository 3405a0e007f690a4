import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

let server: TestServer
let api: Api
beforeAll(async () => {
  server = await TestServer.start()
  api = new Api(server.url)
})
afterAll(() => server[Symbol.asyncDispose]())

const json = { 'content-type': 'application/json' }
const good = '{"parameters":{"a":1,"b":2}}'

function run(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json, type = 'add') {
  return api.call('POST', `/api/run/${type}`, { headers, body })
}

describe('a body that is not a valid request is refused', () => {
  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a text', '"parameters"'],
    ['no parameters', '{}'],
    ['parameters that are null', '{"parameters":null}'],
    ['parameters in an array', '{"parameters":[1,2]}'],
    ['parameters in a text', '{"parameters":"a=1"}'],
    ['a poisoned prototype', '{"parameters":{"a":1,"b":2,"__proto__":{"x":1}}}'],
    ['a poisoned prototype outside', '{"parameters":{"a":1,"b":2},"__proto__":{"x":1}}'],
    ['a poisoned constructor', '{"parameters":{"constructor":{"prototype":{"x":1}}}}'],
    ['deep nesting outside', '['.repeat(50_000) + ']'.repeat(50_000)],
  ])('%s', async (_, body) => {
    expect(await run(body)).toMatchObject({ status: 422, body: { code: 'BODY_INVALID' } })
  })

  test.each([
    ['priority', '1001'],
    ['priority', '1.5'],
    ['priority', '"1"'],
    ['priority', 'null'],
    ['delay', '-1'],
    ['delay', '"soon"'],
    ['delay', '1e999'],
    ['delay', '1e12'],
    ['run_at', '"2030-01-01"'],
    ['run_at', '1e300'],
    ['timeout', '0'],
    ['timeout', 'true'],
    ['max_attempts', '0'],
    ['max_attempts', '1e9'],
    ['backoff', '"never"'],
    ['backoff', '{"base":-1}'],
    ['backoff', '{"bass":1}'],
    ['tags', '"a"'],
    ['tags', '[1]'],
    ['tags', '[""]'],
    ['tags', '["\\u0000"]'],
    ['tags', '["\\ud800"]'],
    ['idempotency_key', '""'],
    ['idempotency_key', '"a\\u0000b"'],
    ['idempotency_key', '7'],
    ['callback_url', '"localhost"'],
    ['after', '"a"'],
    ['on_failure', '"run"'],
    ['unique', '"a"'],
    ['debounce', '{"key":"a"}'],
    ['limits', '["a"]'],
    ['Priority', '1'],
    ['toString', '1'],
  ])('an option: %s of %s', async (option, value) => {
    const answer = await run(`{"parameters":{"a":1,"b":2},"${option}":${value}}`)
    expect(answer).toMatchObject({ status: 422, body: { code: 'OPTIONS_INVALID' } })
    const errors = answer.body['errors'] as { path: string }[]
    expect(errors.map(({ path }) => path.split('.')[0])).toEqual([option])
  })

  test('a delay together with a time', async () => {
    expect(await run('{"parameters":{"a":1,"b":2},"delay":1,"run_at":1}')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'delay' }] },
    })
  })
})

describe('parameters that do not match the type', () => {
  test.each([
    ['add', '{}'],
    ['add', '{"a":"5","b":3}'],
    ['add', '{"a":1e999,"b":3}'],
    ['add', '{"a":9007199254740993,"b":3}'],
    ['add', '{"a":1,"b":2,"c":{"d":[1e400]}}'],
    ['add', '{"a":9007199254740991,"b":1}'],
    ['add', '{"a":1e308,"b":1e308}'],
    ['fib', '{"n":-1}'],
    ['fib', '{"n":1.5}'],
    ['fib', '{"n":1000001}'],
    ['long', '{"duration":-1}'],
    ['long', '{"steps":0}'],
  ])('%s of %s', async (type, parameters) => {
    const answer = await run(`{"parameters":${parameters}}`, json, type)
    expect(answer).toMatchObject({ status: 400, body: { code: 'PARAMETERS_INVALID' } })
    expect(answer.body['errors']).not.toEqual([])
  })

  test('a number that JSON would change is reported with a remedy', async () => {
    const issues = async (body: string, path = '/api/run/add') => {
      const { status, body: answer } = await api.call('POST', path, { headers: json, body })
      return { status, code: answer['code'], errors: answer['errors'] }
    }
    const message =
      'the number is an integer beyond ±(2^53 - 1), which JSON numbers cannot hold exactly; send it as a string'
    const [status, code] = [400, 'PARAMETERS_INVALID']
    expect(await issues('{"parameters":{"a":1,"b":2,"c":{"id":[9007199254740993]}}}')).toEqual({
      status,
      code,
      errors: [{ path: 'c.id.0', message }],
    })
    expect(
      await issues(
        '{"tasks":[{"parameters":{"a":1,"b":2}},{"parameters":{"a":1,"b":2,"id":9007199254740993}}]}',
        '/api/run/add/batch',
      ),
    ).toEqual({
      status,
      code,
      errors: [{ path: 'tasks.1.parameters.id', message }],
    })
    expect(await issues('{"parameters":{"a":1,"b":2},"priority":9007199254740993}')).toEqual({
      status: 422,
      code: 'OPTIONS_INVALID',
      errors: [{ path: 'priority', message }],
    })
  })

  test('unknown ones are ignored, whatever they are', async () => {
    expect((await run('{"parameters":{"a":1,"b":2,"c":3}}')).status).toBe(200)
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    expect((await run(`{"parameters":{"a":1,"b":2,"c":${deep}}}`)).status).toBeLessThan(500)
  })
})

describe('what does not exist is 404, whatever the text', () => {
  const ids = [
    'nope',
    '%00',
    'a%00b',
    '..%2f..%2f',
    '%F0%9F%8E%B5',
    "'%20or%201=1",
    'x'.repeat(5_000),
    '__proto__',
  ]

  test.each(ids)('task %s', async (id) => {
    for (const path of ['', '/status', '/result', '/events']) {
      expect(await api.call('GET', `/api/task/${id}${path}`)).toMatchObject({
        status: 404,
        body: { code: 'TASK_UNKNOWN' },
      })
    }
    for (const control of ['pause', 'resume', 'retry', 'cancel'] as const) {
      expect((await api.control(id, control)).status).toBe(404)
    }
  })

  test.each(ids)('type %s', async (type) => {
    expect(await run(good, json, type)).toMatchObject({ status: 404, body: { code: 'TYPE_UNKNOWN' } })
    expect((await run('no json', json, type)).status).toBe(404)
    expect((await api.call('GET', `/api/tasks/${type}`)).status).toBe(404)
  })

  test('a path and a method', async () => {
    expect(await api.call('GET', '/api/nothing')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
    expect(await api.call('POST', '/api/nothing', { headers: json, body: '{' })).toMatchObject({
      status: 404,
    })
    const wrong = await api.call('PUT', '/api/tasks', { headers: json, body: '{' })
    expect(wrong).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } })
    expect(wrong.headers.get('allow')).toBe('GET, HEAD')
    const run = await api.call('GET', '/api/run/add')
    expect([run.status, run.headers.get('allow')]).toEqual([405, 'POST'])
    const task = await api.call('PATCH', '/api/task/x')
    expect(task.headers.get('allow')).toBe('GET, HEAD, DELETE')
  })
})

describe('what cannot be parsed', () => {
  test('a body that is not JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense', 'application/jsonx']) {
      expect(await run(good, { 'content-type': type })).toMatchObject({
        status: 415,
        body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      })
    }
    expect((await run(new TextEncoder().encode(good), {})).status).toBe(415)
    for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.x+json']) {
      expect((await run(good, { 'content-type': type })).status).toBe(200)
    }
  })

  test('a body, or parameters, above the limit', async () => {
    const padded = (bytes: number) => `{"parameters":{"a":1,"b":2,"pad":"${'x'.repeat(bytes)}"}}`
    expect(await run(padded(2_200_000))).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } })
    expect(await run(padded(1_048_577))).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } })
    expect((await run(padded(1_000_000))).status).toBe(200)
  })

  test('a URL', async () => {
    expect(await api.call('GET', '/api/task/%E0%A4%A/status')).toMatchObject({
      status: 400,
      body: { code: 'REQUEST_INVALID' },
    })
  })

  test('a query option', async () => {
    for (const query of ['?wait=-1', '?wait=61', '?wait=', '?wait=1&wait=2', '?wait=1e1', '?wiat=1']) {
      const id = await api.submit('add', { a: 1, b: 2 })
      expect(await api.control(id, 'cancel', query)).toMatchObject({
        status: 422,
        body: { code: 'OPTIONS_INVALID' },
      })
    }
  })

  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    [
      'headers that are too large',
      `GET /api HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
    ['a URL that is too long', `GET /${'y'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 431],
    ['no host', 'GET /api HTTP/1.1\r\nconnection: close\r\n\r\n', 403],
    [
      'a body with two lengths',
      'POST /api/run/add HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
    ],
  ])('%s', async (_, text, status) => {
    const answer = await raw(text)
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    expect(answer).toContain('application/problem+json')
    expect(answer.toLowerCase()).toContain('x-request-id: ')
  })
})

describe('controls', () => {
  test('accept no body, an empty one or any other, with any content type', async () => {
    const id = await api.submit('long', { duration: 60 })
    await api.untilStatus(id, 'running')
    for (const init of [
      {},
      { headers: json },
      { headers: json, body: '' },
      { headers: json, body: '{}' },
      { headers: { 'content-type': 'text/plain' }, body: 'please' },
      { headers: { 'content-type': '///' }, body: 'please' },
    ]) {
      for (const control of ['pause', 'resume']) {
        expect((await api.call('POST', `/api/task/${id}/${control}?wait=60`, init)).status).toBe(200)
      }
    }
    expect((await api.call('DELETE', `/api/task/${id}?wait=60`, { headers: json })).status).toBe(200)
  })
})

describe('a server accepts only names that nobody else can point to it', () => {
  const ask = (host: string, more = '') =>
    raw(`GET /api/tasks HTTP/1.1\r\nhost: ${host}\r\n${more}connection: close\r\n\r\n`)

  test('such as those of its machine', async () => {
    for (const host of ['localhost', 'localhost:1', `127.0.0.1:${server.port}`, '[::1]:8000', 'LOCALHOST']) {
      expect(await ask(host)).toContain('HTTP/1.1 200 ')
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'localhost:80@evil.example',
      '127.0.0.1.nip.io',
      '',
    ]) {
      const answer = await ask(host)
      expect(answer).toContain('HTTP/1.1 403 ')
      expect(answer).toContain('HOST_FORBIDDEN')
    }
  })

  test('and no page of another site', async () => {
    expect(await ask('localhost:5173', 'origin: http://localhost:5173\r\n')).toContain('HTTP/1.1 200 ')
    for (const origin of [
      'https://evil.example',
      'http://localhost:5173',
      'null',
      'http://localhost.evil.example',
      'file://',
    ]) {
      const answer = await ask('localhost', `origin: ${origin}\r\n`)
      expect(answer).toContain('HTTP/1.1 403 ')
      expect(answer).toContain('ORIGIN_FORBIDDEN')
    }
  })
})

test('a valid request id is kept, and an invalid one replaced', async () => {
  const kept = await api.call('GET', '/api', { headers: { 'x-request-id': 'my-id.1_2' } })
  expect(kept.headers.get('x-request-id')).toBe('my-id.1_2')
  for (const id of ['has space', 'x'.repeat(129), '<script>']) {
    const answer = await api.call('GET', '/nope', { headers: { 'x-request-id': id } })
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
    expect(answer.body['request_id']).toBe(answer.headers.get('x-request-id'))
  }
})

/** Sends these bytes; returns the response. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.write(text))
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
