import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TaskWait } from '../../src/client/index.ts'
import { Fermata, Worker } from '../../src/client/index.ts'
import { handlers } from '../fixtures/remote.ts'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/waits.ts')
const types = ['waits-inline', 'waits-thread', 'waits-process', 'waits-command', 'waits-remote'] as const
const serve = (directory?: string) =>
  TestServer.start({
    arguments: ['serve', '--tasks', fixtures],
    ...(directory === undefined ? {} : { directory }),
  })

async function startWorker({ url }: TestServer): Promise<AsyncDisposable> {
  const over = new AbortController()
  const client = new Fermata({ url })
  const running = new Worker(client, { types: handlers, concurrency: 4 }).run({ signal: over.signal })
  await until('it is registered', async () =>
    (await client.listTypes()).available_tasks.includes('waits-remote'),
  )
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await running
    },
  }
}

async function openWait(api: Api, id: string, name: string): Promise<TaskWait> {
  let found: TaskWait | undefined
  await until(`${name} is open`, async () => {
    const { body } = await api.call('GET', `/api/task/${id}/waits`)
    found = (body['waits'] as TaskWait[]).find((wait) => wait.name === name && wait.status === 'open')
    return found !== undefined
  })
  return found!
}

test('answers reach tasks wherever their code runs, also after the server was killed', async () => {
  let server = await serve()
  let worker = await startWorker(server)
  const { directory } = server
  try {
    const ids = await Promise.all(types.map((type) => new Api(server.url).submit(type, {})))
    for (const id of ids) {
      const api = new Api(server.url)
      const { token, schema, message } = await openWait(api, id, 'first')
      expect(message).toBe('Ship it?')
      expect(schema).toMatchObject({ required: ['approved'] })
      const wrong = await api.post(`/api/waits/${token}`, { answer: { approved: 'yes' } })
      expect([wrong.status, wrong.body['code']]).toEqual([400, 'ANSWER_INVALID'])
      const right = await api.post(`/api/waits/${token}`, { answer: { approved: true } })
      expect(right.body).toEqual({ task_id: id, name: 'first', occurrence: 1, status: 'answered' })
      const late = await api.post(`/api/waits/${token}`, { answer: { approved: false } })
      expect([late.status, late.body['code']]).toEqual([409, 'WAIT_ANSWERED'])
      await openWait(api, id, 'second')
      await until('it waits', async () => (await api.status(id))['status'] === 'waiting')
    }
    await server.stop('SIGKILL')
    await worker[Symbol.asyncDispose]()
    server = await serve(directory)
    worker = await startWorker(server)
    const api = new Api(server.url)
    for (const [index, id] of ids.entries()) {
      const answered = await run(['answer', id, 'second', `[${index}]`, '--url', server.url])
      expect(answered.stderr).toBe('')
      await until(`${types[index]} has ended`, async () => (await api.status(id))['status'] === 'completed')
      const { body } = await api.call('GET', `/api/task/${id}/result`)
      expect(body['result'], types[index]).toEqual([{ approved: true }, [index], { timedOut: true }])
    }
  } finally {
    await worker[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  }
})

test('the inbox lists open waits, by the client and the command line too', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const client = new Fermata({ url: server.url })
  const ids = await Promise.all([api.submit('waits-inline', {}), api.submit('waits-thread', {})])
  for (const id of ids) await openWait(api, id, 'first')
  const { waits } = await client.listWaits({ status: 'open' })
  expect(new Set(waits.map(({ task_id: id }) => id))).toEqual(new Set(ids))
  expect((await client.listWaits({ status: 'open', type: 'waits-thread' })).waits).toMatchObject([
    { task_id: ids[1], name: 'first', status: 'open', answered_at: null, answer: null },
  ])
  expect((await client.listWaits({ name: 'second' })).waits).toEqual([])
  const printed = await run(['waits', '--url', server.url, '--type', 'waits-inline'])
  expect(printed.stdout).toContain('Ship it?')
  await until('it is waiting', async () => (await api.status(ids[0]))['status'] === 'waiting')
  expect((await api.status(ids[0]))['waiting_for']).toEqual({ tasks: 0, waits: ['first'] })
  expect((await run(['explain', ids[0], '--url', server.url])).stdout).toContain(
    'Waits for an answer to "first"',
  )
  const wrong = await run(['answer', ids[0], 'first', '{"approved": 1}', '--url', server.url])
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    'fermata: The answer does not match the schema of the wait: answer.approved: must be boolean.\n',
  ])
  const handle = client.handle(ids[0])
  await handle.answer('first', { approved: false, note: 'no' })
  const mine: TaskWait[] = []
  for await (const wait of handle.waits()) mine.push(wait)
  expect(mine[0]).toMatchObject({ status: 'answered', answered_by: 'anonymous', answer: { approved: false } })
  expect(
    JSON.parse((await run(['waits', ids[0], '--all', '--json', '--url', server.url])).stdout.split('\n')[0]!),
  ).toMatchObject({
    name: 'first',
    status: 'answered',
  })
})

test('a wait is never answered by GET, and only with a body that has an answer', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const id = await api.submit('waits-inline', {})
  const { token } = await openWait(api, id, 'first')
  expect((await fetch(`${server.url}/api/waits/${token}?answer=true`)).status).toBe(405)
  for (const body of [{}, { answer: 1, more: 2 }, [1]]) {
    const { status } = await api.post(`/api/waits/${token}`, body)
    expect(status).toBe(422)
  }
  const large = await api.post(`/api/task/${id}/waits/second`, { answer: 'x'.repeat(70_000) })
  expect([large.status, large.body['code']]).toEqual([413, 'TOO_LARGE'])
  const unknown = await api.post('/api/waits/wait_nothing', { answer: 1 })
  expect([unknown.status, unknown.body['code']]).toEqual([404, 'WAIT_UNKNOWN'])
  expect((await openWait(api, id, 'first')).status).toBe('open')
})

test('reading needs no token, and answering needs the scope control', async () => {
  const admin = `fmt_${'a'.repeat(12)}_${'b'.repeat(43)}`
  await using server = await TestServer.start({
    arguments: ['serve', '--tasks', fixtures],
    env: { FERMATA_ADMIN_KEY: admin },
  })
  const as = (key: string) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' })
  const call = (key: string, method: string, path: string, body?: unknown) =>
    new Api(server.url).call(method, path, {
      headers: as(key),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  const keyOf = async (name: string, scopes: string[]) =>
    String((await call(admin, 'POST', '/api/keys', { name, scopes })).body['key'])
  const [reader, boss] = [await keyOf('reader', ['read']), await keyOf('boss', ['read', 'control'])]
  const { body } = await call(admin, 'POST', '/api/run/waits-secret', { parameters: {} })
  const id = String(body['task_id'])
  const waitsFor = async (key: string) =>
    (await call(key, 'GET', `/api/task/${id}/waits`)).body['waits'] as TaskWait[]
  await until('it is open', async () => (await waitsFor(boss))[0]?.status === 'open')
  const [{ token }] = (await waitsFor(boss)) as [TaskWait]
  expect(token).toMatch(/^wait_[\w-]{32}$/)
  expect((await waitsFor(reader))[0]).toMatchObject({ token: null, status: 'open' })
  const answer = { token: 'hunter2-and-more', user: 'ada' }
  expect((await call(reader, 'POST', `/api/waits/${token}`, { answer })).status).toBe(403)
  expect((await call(boss, 'POST', `/api/waits/${token}`, { answer: 1 })).status).toBe(400)
  expect((await call(boss, 'POST', `/api/waits/${token}`, { answer })).status).toBe(200)
  await until('it has ended', async () => {
    const status = await call(boss, 'GET', `/api/task/${id}/status`)
    return status.body['status'] === 'completed'
  })
  expect((await waitsFor(boss))[0]).toMatchObject({
    answered_by: 'boss',
    answer: { token: '[redacted]', user: 'ada' },
  })
  expect((await waitsFor(admin))[0]).toMatchObject({ answer })
  const audit = await call(admin, 'GET', '/api/audit?action=task.answer')
  expect(audit.body['entries']).toMatchObject([{ caller: { name: 'boss' }, task_id: id }])
  const log = await call(admin, 'GET', `/api/task/${id}/logs`)
  expect(log.text).not.toContain('hunter2')
})
