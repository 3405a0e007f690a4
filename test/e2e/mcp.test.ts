import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import type { TaskId } from '@modelcontextprotocol/ext-tasks/core'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connected } from '../../examples/_mcp-client.ts'
import { Fermata } from '../../src/client/index.ts'
import { freePort } from '../support/ports.ts'
import { Receiver } from '../support/receiver.ts'
import { programEnv, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const root = join(import.meta.dirname, '../..')
const main = join(root, 'src/main.ts')
const adminKey = 'administrator-0123456789-0123456789'
const options = {
  env: {
    FERMATA_ADMIN_KEY: adminKey,
    FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8',
    PORT: String(await freePort()),
  },
  arguments: ['serve', '--tasks', join(root, 'test/fixtures/agents.ts')],
}

let server: TestServer
let admin: Fermata
let receiver: Receiver
const keys: Record<string, string> = {}

beforeAll(async () => {
  receiver = await Receiver.start()
  server = await TestServer.start(options)
  admin = new Fermata({ url: server.url, apiKey: adminKey })
  const make = async (name: string, more: Parameters<Fermata['createKey']>[0]) => {
    keys[name] = (await admin.createKey(more)).key
  }
  await make('agent', { name: 'agent', scopes: ['read', 'run', 'control'] })
  await make('reader', { name: 'reader', scopes: ['read'] })
  await make('runner', { name: 'runner', scopes: ['run'] })
  await make('typed', { name: 'typed', scopes: ['read', 'run'], types: ['add'] })
  await make('tagged', { name: 'tagged', scopes: ['read', 'run'], tags: ['blue'] })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const httpTransport = (key: string, url = server.url) =>
  new StreamableHTTPClientTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  })

const stdioTransport = (key: string) =>
  new StdioClientTransport({
    command: process.execPath,
    args: [main, 'mcp'],
    env: { ...programEnv, FERMATA_URL: server.url, FERMATA_API_KEY: key },
  })

const transports = { http: httpTransport, stdio: stdioTransport } as const

type Mode = NonNullable<NonNullable<ConstructorParameters<typeof Client>[1]>['versionNegotiation']>['mode']
const modern = { pin: '2026-07-28' } as const

/** A client without the tasks extension. `legacy`: of an earlier revision. */
async function plain(transport: ReturnType<(typeof transports)['http' | 'stdio']>, mode: Mode | undefined) {
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: mode === undefined ? {} : { mode } },
  )
  await client.connect(transport)
  return client
}

const unknown = '01a22b38-b708-725f-be65-8a39f799fead' as TaskId

type Called = Awaited<ReturnType<Client['callTool']>>
const textOf = ({ content }: Called) => content.map((block) => ('text' in block ? block.text : '')).join()
const idIn = ({ structuredContent }: Called) => (structuredContent as { task_id: string }).task_id

const handling = [
  'list_tasks',
  'get_task',
  'wait_task',
  'pause_task',
  'resume_task',
  'cancel_task',
  'retry_task',
  'list_waits',
  'answer_task',
  'explain_task',
  'get_task_log',
  'get_stats',
  'submit_task',
]

/** Each client over standard input starts a process. */
const revisions = {
  http: [
    ['an earlier revision', 'legacy'],
    ['the newest revision', modern],
  ],
  stdio: [['an earlier revision', 'legacy']],
} as const

describe.each(['http', 'stdio'] as const)('over %s', (kind) => {
  const open = transports[kind]

  test('a task is started as a durable handle, paused, resumed, and read', async () => {
    const { client, session } = await connected(open(keys['agent']!))
    const execution = await session.callTool('long', { duration: 5, steps: 50 })
    if (execution.kind !== 'task') throw new Error('no task')
    const { taskId } = execution.handle
    expect((await admin.getTask(taskId)).created_by).toBe('agent')
    await client.callTool({ name: 'pause_task', arguments: { task_id: taskId, reason: 'lunch' } })
    const view = await session.task(taskId).snapshot()
    expect(view).toMatchObject({ status: 'working', suggestedPollIntervalMs: 15_000, retentionMs: null })
    expect(view.statusMessage).toContain('Paused until someone resumes it')
    await client.callTool({ name: 'resume_task', arguments: { task_id: taskId } })
    const outcome = await session.task(taskId).result()
    expect(outcome).toMatchObject({
      status: 'completed',
      result: { resultType: 'complete', structuredContent: { steps_completed: 50 } },
    })
    const { timeline } = await admin.getTask(taskId)
    expect(timeline).toContainEqual(
      expect.objectContaining({ event: 'pause_requested', by: 'agent', why: 'lunch' }),
    )
    await client.close()
  })

  test('a task that waits for an answer asks for it, and continues with it', async () => {
    const { client, session } = await connected(open(keys['agent']!))
    const execution = await session.callTool('deploy', { version: 'v7', steps: 20 })
    if (execution.kind !== 'task') throw new Error('no task')
    const { taskId } = execution.handle
    await client.callTool({ name: 'pause_task', arguments: { task_id: taskId } })
    await client.callTool({ name: 'resume_task', arguments: { task_id: taskId } })
    const task = session.task(taskId)
    await until('it asks', async () => (await task.snapshot()).status === 'input_required')
    const { raw, statusMessage } = await task.snapshot()
    expect(statusMessage).toContain('approval')
    expect(raw['inputRequests']).toEqual({
      approval: {
        method: 'elicitation/create',
        params: {
          mode: 'form',
          message: 'Deploy v7?',
          requestedSchema: {
            type: 'object',
            properties: { approved: { type: 'boolean' }, note: { type: 'string' } },
            required: ['approved'],
          },
        },
      },
    })
    // A form that is not filled in, and an answer to another question, change nothing.
    await task.updateJson({ approval: { action: 'decline' }, other: { action: 'accept', content: {} } })
    expect((await task.snapshot()).status).toBe('input_required')
    const wrong = { approval: { action: 'accept', content: { approved: 'yes' } } }
    await expect(task.updateJson(wrong)).rejects.toMatchObject({ code: -32_602 })
    await task.updateJson({ approval: { action: 'accept', content: { approved: true, note: 'go' } } })
    expect(await task.result()).toMatchObject({
      status: 'completed',
      result: { structuredContent: { version: 'v7', approved: true, note: 'go' } },
    })
    // Too late, which is no error: somebody else may have been first.
    await task.updateJson({ approval: { action: 'accept', content: { approved: false } } })
    await client.close()
  })

  test('a client without tasks answers with a tool', async () => {
    const client = await plain(open(keys['agent']!), 'legacy')
    const call = (name: string, given: Record<string, unknown>) => client.callTool({ name, arguments: given })
    const { id } = await admin.submit('deploy', { version: 'v8', steps: 1 })
    await until('it waits', async () => (await admin.getTaskStatus(id)).status === 'waiting')
    expect(textOf(await call('wait_task', { task_id: id, seconds: 0 }))).toMatch(
      /Waits for an answer to "approval"\. .*answer_task/,
    )
    expect(await call('list_waits', { task_id: id })).toMatchObject({
      structuredContent: { waits: [{ name: 'approval', occurrence: 1, message: 'Deploy v8?' }] },
    })
    const wrong = await call('answer_task', { task_id: id, name: 'approval', answer: 7 })
    expect(wrong).toMatchObject({ isError: true, structuredContent: { code: 'ANSWER_INVALID' } })
    const given = { task_id: id, name: 'approval', answer: { approved: false } }
    expect(await call('answer_task', given)).toMatchObject({ structuredContent: { status: 'answered' } })
    expect(await call('wait_task', { task_id: id })).toMatchObject({
      structuredContent: { version: 'v8', approved: false },
    })
    expect(await call('answer_task', given)).toMatchObject({
      isError: true,
      structuredContent: { code: 'WAIT_ANSWERED' },
    })
    await client.close()
  })

  test.each(revisions[kind])(
    'a client of %s without tasks gets results, or an id to wait with',
    async (_, mode) => {
      const client = await plain(open(keys['agent']!), mode)
      const { tools } = await client.listTools()
      expect(tools.map(({ name }) => name)).toEqual(
        [
          'add',
          'fib',
          'long',
          'say.hello',
          'run_get_task',
          'failing',
          'secretive',
          'deploy',
          ...handling,
        ].sort(
          (a, b) => tools.findIndex(({ name }) => name === a) - tools.findIndex(({ name }) => name === b),
        ),
      )
      expect(tools.find(({ name }) => name === 'add')).toMatchObject({
        description: 'Add two numbers.',
        inputSchema: { type: 'object', required: ['a', 'b'], properties: { a: { type: 'number' } } },
      })
      const call = (name: string, given: Record<string, unknown> = {}) =>
        client.callTool({ name, arguments: given })
      const sum = await call('add', { a: 1, b: 2 })
      expect(textOf(sum)).toBe('3')
      expect(sum.structuredContent).toEqual(mode === 'legacy' ? { result: 3 } : 3)
      expect(textOf(await call('say.hello'))).toBe('"hello"')
      expect(textOf(await call('run_get_task'))).toBe('"a type"')

      const wrong = await call('add', { a: 1, b: 'two' })
      expect(wrong).toMatchObject({ isError: true, structuredContent: { code: 'PARAMETERS_INVALID' } })
      expect(textOf(wrong)).toContain('b: ')
      const misspelt = await call('get_task', { id: 'x' })
      expect(misspelt).toMatchObject({ isError: true, structuredContent: { code: 'PARAMETERS_INVALID' } })
      expect(textOf(misspelt)).toContain('id: unknown field')
      await expect(call('none')).rejects.toMatchObject({ code: -32_602 })

      const submitted = await call('submit_task', {
        task_type: 'long',
        parameters: { duration: 0.2, steps: 2 },
        tags: ['mcp'],
        delay: '1h',
        callback_url: `${receiver.url}/agent`,
      })
      const id = idIn(submitted)
      const unreachable = await call('submit_task', {
        task_type: 'add',
        parameters: { a: 1, b: 2 },
        callback_url: 'http://10.0.0.1/',
      })
      expect(unreachable).toMatchObject({ isError: true, structuredContent: { code: 'OPTIONS_INVALID' } })
      const waited = await call('wait_task', { task_id: id, seconds: 0 })
      expect(textOf(waited)).toMatch(/^Task \S+ has not finished\. Starts at .* Call wait_task with this id/)
      expect(textOf(await call('explain_task', { task_id: id }))).toContain('due_later')
      expect(await call('list_tasks', { tag: 'mcp', limit: 1, fields: ['task_id', 'tags'] })).toMatchObject({
        structuredContent: { tasks: [{ task_id: id, tags: ['mcp'] }] },
      })
      expect(await call('get_task', { task_id: id.slice(-8) })).toMatchObject({
        structuredContent: { task_id: id, task_type: 'long', timeline: [{ by: 'agent' }] },
      })
      expect(await call('cancel_task', { task_id: id })).toMatchObject({
        structuredContent: { status: 'cancelled' },
      })
      await until('its callback was told', () => receiver.of(id).length > 0)
      expect(receiver.of(id)[0]).toMatchObject({ type: 'task.cancelled' })
      expect(textOf(await call('wait_task', { task_id: id }))).toContain('The task was cancelled.')
      const refused = await call('pause_task', { task_id: id })
      expect(refused).toMatchObject({ isError: true, structuredContent: { code: 'CONTROL_REFUSED' } })
      expect(await call('retry_task', { task_id: id, from: 'start' })).toMatchObject({
        structuredContent: { task_id: id },
      })
      expect(await call('wait_task', { task_id: id })).toMatchObject({
        structuredContent: { steps_completed: 2 },
      })
      expect(await call('get_task_log', { task_id: id })).toMatchObject({
        structuredContent: { next_after: null },
      })
      expect(await call('get_stats')).toMatchObject({ structuredContent: { counts: expect.anything() } })
      await client.close()
    },
  )

  test('sensitive values are hidden, even from a key that sees them elsewhere', async () => {
    const client = await plain(open(adminKey), modern)
    const call = (name: string, given: Record<string, unknown>) => client.callTool({ name, arguments: given })
    const done = await call('secretive', { password: 'canary-4711' })
    expect(done.structuredContent).toEqual({ token: '[redacted]', ok: true })
    const id = String((done._meta!['io.modelcontextprotocol/related-task'] as { taskId: string }).taskId)
    expect((await admin.getTask(id)).result).toEqual({ token: 'token-canary-4711', ok: true })
    const answers = [
      done,
      await call('get_task', { task_id: id }),
      await call('wait_task', { task_id: id }),
      await call('get_task_log', { task_id: id }),
      await call('list_tasks', { fields: ['task_id', 'parameters', 'status'] }),
    ]
    expect(JSON.stringify(answers)).not.toContain('canary')
    expect(JSON.stringify(answers[1])).toContain('[redacted]')
    await client.close()
  })
})

test('a failed task is a completed call with an error, and a cancelled one is cancelled', async () => {
  const { client, session } = await connected(httpTransport(keys['agent']!))
  const failing = await session.callTool('failing', { why: 'out of paper' })
  const { outcome } = await failing.settle()
  expect(outcome).toMatchObject({
    status: 'completed',
    result: { isError: true, structuredContent: { status: 'failed', error: { message: 'out of paper' } } },
  })
  const long = await session.callTool('long', { duration: 60, steps: 600 })
  if (long.kind !== 'task') throw new Error('no task')
  await session.cancelTask(long.handle.taskId)
  expect((await admin.getTaskStatus(long.handle.taskId)).status).toBe('cancelled')
  expect((await long.settle()).outcome.status).toBe('cancelled')
  // A second cancel finds nothing to do.
  await session.task(long.handle.taskId).cancel()
  await expect(session.task(unknown).snapshot()).rejects.toMatchObject({
    code: -32_602,
  })
  await client.close()
})

test('a key decides which tools there are, and what they may do', async () => {
  const namesFor = async (transport: ReturnType<typeof httpTransport | typeof stdioTransport>) => {
    const client = await plain(transport, modern)
    const { tools } = await client.listTools()
    await client.close()
    return tools.map(({ name }) => name)
  }
  expect(await namesFor(httpTransport(keys['reader']!))).toEqual(
    handling.filter((name) => !/^(?:pause|resume|cancel|retry|submit|answer)_/.test(name)),
  )
  // The tool of a type submits a task and reads its result.
  expect(await namesFor(httpTransport(keys['runner']!))).toEqual(['submit_task'])
  expect(await namesFor(stdioTransport(keys['runner']!))).toEqual(['submit_task'])
  const limited = await namesFor(httpTransport(keys['typed']!))
  expect(limited.filter((name) => !handling.includes(name))).toEqual(['add'])

  const reader = await plain(stdioTransport(keys['reader']!), modern)
  for (const name of ['add', 'submit_task', 'pause_task']) {
    expect(await reader.callTool({ name, arguments: { task_id: 'x' } })).toMatchObject({
      isError: true,
      structuredContent: {
        code: 'FORBIDDEN',
        detail: expect.stringMatching(/needs a key with the scope \w+; yours has read/),
      },
    })
  }
  await reader.close()

  // What a key is not limited to does not exist for it.
  const typed = await plain(httpTransport(keys['typed']!), modern)
  const [hidden, shown] = [
    await admin.submit('long', { duration: 0 }),
    await admin.submit('add', { a: 1, b: 2 }),
  ]
  expect(await typed.callTool({ name: 'get_task', arguments: { task_id: hidden.id } })).toMatchObject({
    isError: true,
    structuredContent: { code: 'TASK_UNKNOWN' },
  })
  expect(await typed.callTool({ name: 'wait_task', arguments: { task_id: shown.id } })).toMatchObject({
    structuredContent: 3,
  })
  expect(await typed.callTool({ name: 'get_stats', arguments: {} })).toMatchObject({
    isError: true,
    structuredContent: { code: 'FORBIDDEN' },
  })
  await expect(typed.callTool({ name: 'long', arguments: {} })).rejects.toMatchObject({ code: -32_602 })
  await typed.close()

  const tagged = await plain(httpTransport(keys['tagged']!), modern)
  expect(textOf(await tagged.callTool({ name: 'add', arguments: { a: 2, b: 2 } }))).toBe('4')
  const { structuredContent } = await tagged.callTool({ name: 'list_tasks', arguments: {} })
  expect(structuredContent).toMatchObject({ tasks: [{ tags: ['blue'] }] })
  await tagged.close()
})

describe('/mcp', () => {
  const post = (message: object, headers: Record<string, string> = {}) =>
    fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(message),
    })
  const as = (key: string) => ({ authorization: `Bearer ${keys[key]!}` })
  const call = (name: string) => ({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: {} },
  })

  test('is guarded as the API is', async () => {
    const refusal = async (response: Response) => [
      response.status,
      ((await response.json()) as { code: string }).code,
    ]
    expect(await refusal(await post(call('add')))).toEqual([401, 'UNAUTHENTICATED'])
    expect(await refusal(await post(call('add'), as('reader')))).toEqual([403, 'FORBIDDEN'])
    expect(await refusal(await post(call('cancel_task'), as('runner')))).toEqual([403, 'FORBIDDEN'])
    const foreign = { ...as('reader'), origin: 'https://evil.example' }
    expect(await refusal(await post(call('get_stats'), foreign))).toEqual([403, 'ORIGIN_FORBIDDEN'])
    expect(await refusal(await post([call('get_stats')], as('reader')))).toEqual([422, 'BODY_INVALID'])
    const large = { ...call('get_stats'), params: { pad: 'x'.repeat(3_000_000) } }
    expect(await refusal(await post(large, as('reader')))).toEqual([413, 'TOO_LARGE'])
    const got = await fetch(`${server.url}/mcp`)
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST'])
    const { key } = await admin.createKey({
      name: 'slow',
      scopes: ['read'],
      rate_limit: { limit: 1, per: '1h' },
    })
    expect((await post(call('get_stats'), { authorization: `Bearer ${key}` })).status).toBe(200)
    expect(await refusal(await post(call('get_stats'), { authorization: `Bearer ${key}` }))).toEqual([
      429,
      'RATE_LIMITED',
    ])
  })

  test.each([
    ['application/problem+json', 415],
    ['application/vnd.api+json; charset=utf-8', 415],
    ['text/plain', 415],
    ['application/json-seq', 415],
    ['APPLICATION/JSON; charset=utf-8', 200],
  ])('answers a message of the type %s with %i', async (type, status) => {
    const message = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    const headers = { authorization: `Bearer ${keys['reader']}`, 'content-type': type }
    const response = await fetch(`${server.url}/mcp`, {
      method: 'POST',
      headers,
      body: JSON.stringify(message),
    })
    expect(response.status).toBe(status)
    if (status === 200) return
    expect(response.headers.get('content-type')).toContain('application/problem+json')
    expect(await response.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
  })

  test('asks for the tasks extension where it is needed', async () => {
    const headers = {
      ...as('agent'),
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tasks/get',
      'mcp-name': 'x',
    }
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }
    const response = await post(
      { jsonrpc: '2.0', id: 1, method: 'tasks/get', params: { taskId: 'x', _meta } },
      headers,
    )
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { code: -32_021 } })
  })
})

test('the example agent starts a task, pauses it, resumes it and reads its result', async () => {
  const child = spawn(process.execPath, [join(root, 'examples/_mcp-client.ts'), server.url], {
    env: { ...programEnv, FERMATA_API_KEY: keys['agent']! },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect(code, said).toBe(0)
  for (const line of [
    /^started /m,
    /^pause: .*"paused"/m,
    /^while paused: Paused/m,
    /^result: .*"completed"/m,
  ])
    expect(said).toMatch(line)
})

test('a handle survives a kill: another process answers it', async () => {
  const one = await connected(httpTransport(keys['agent']!))
  const execution = await one.session.callTool('long', { duration: 6, steps: 15 })
  if (execution.kind !== 'task') throw new Error('no task')
  const reference = execution.serializeReference()
  await execution.detach()
  await until('it has made progress', async () => {
    const { progress } = await admin.getTaskStatus(reference.taskId)
    return progress !== null && progress.current >= 1
  })
  const { directory } = server
  await server.stop('SIGKILL')
  server = await TestServer.start({ ...options, directory })
  const two = await connected(httpTransport(keys['agent']!))
  const resumed = await two.session.resumeTask(reference)
  expect((await resumed.settle()).outcome).toMatchObject({
    status: 'completed',
    result: { structuredContent: { steps_completed: 15 } },
  })
  const { timeline } = await admin.getTask(reference.taskId)
  expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'lost', 'claimed', 'completed'])
  await two.client.close()
})

test('the task of a call that its client leaves continues, and a shutdown answers those who wait', async () => {
  const client = await plain(httpTransport(keys['agent']!), modern)
  const over = new AbortController()
  const given = { name: 'long', arguments: { duration: 60, steps: 60 } }
  const left = client.callTool(given, { signal: over.signal })
  const running = () => admin.listTasks({ status: 'running', type: 'long' })
  const id = await until('the task runs', async () => (await running()).tasks[0]?.task_id)
  over.abort()
  await expect(left).rejects.toThrow()
  expect((await admin.getTaskStatus(id)).status).toBe('running')
  // An earlier revision: its stream begins before its answer.
  const waiting = await fetch(`${server.url}/mcp`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${keys['agent']!}` },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'wait_task', arguments: { task_id: id } },
    }),
  })
  const stopped = server.stop()
  expect(await waiting.text()).toMatch(/has not finished|SHUTTING_DOWN/)
  expect((await stopped).code).toBe(0)
})
