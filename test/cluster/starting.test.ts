import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { newSchema } from '../conformance/stores.ts'
import { Api } from '../support/api.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { run, TestServer } from '../support/server.ts'

const newDatabase = () => `${inject('postgres')}?schema=${newSchema()}`

describe('a start', () => {
  test('waits for the database, logs this, and continues when it is available', async () => {
    await using server = await startPostgres()
    await server.stop()
    await using node = await TestServer.launch({ env: { DATABASE_URL: server.url } })
    await node.logged('waiting for the database')
    await server.start()
    await node.listening()
    expect((await new Api(node.url).call('GET', '/readyz')).status).toBe(200)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('that waits ends at once by %s', async (signal) => {
    await using node = await TestServer.launch({ env: { DATABASE_URL: 'postgres://127.0.0.1:1/nothing' } })
    expect(await node.logged('waiting for the database')).toMatchObject({
      reason: expect.stringContaining('ECONNREFUSED'),
    })
    expect(await node.stop(signal)).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    ['a wrong password', (url: URL) => void (url.password = 'wrong'), 'password authentication failed'],
    [
      'a database that is not there',
      (url: URL) => void (url.pathname = '/nowhere'),
      '"nowhere" does not exist',
    ],
  ])('with %s ends at once in one line', async (_, spoil, said) => {
    const url = new URL(inject('postgres'))
    spoil(url)
    for (const command of ['serve', 'worker', 'migrate']) {
      const { code, stderr } = await run([command], { DATABASE_URL: url.href })
      expect(code).toBe(1)
      expect(stderr).toMatch(/^fermata: The database cannot be reached: [^\n]+\n$/)
      expect(stderr).toContain(said)
      expect(stderr).not.toContain('wrong')
    }
  })
})

test('a separate migration creates the tables and reports it, and leaves an up-to-date schema unchanged', async () => {
  const env = { DATABASE_URL: newDatabase() }
  const { code, stdout } = await run(['migrate'], env)
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^postgres:.*:\*\*\*@.* was created: schema \d+\.\n$/),
  ])
  expect((await run(['migrate'], env)).stdout).toContain('was up to date')
})

test('a database name may contain any characters', async () => {
  const name = 'a/b?c#d%20 é'
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  try {
    await client.query(`create database ${client.escapeIdentifier(name)}`)
    const url = new URL(inject('postgres'))
    const { code, stderr } = await run(['migrate'], {
      DATABASE_URL: url.href.replace(/\/[^/]*$/, `/${encodeURIComponent(name)}`),
    })
    expect([code, stderr]).toEqual([0, ''])
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [name])
    expect(rows).toHaveLength(1)
  } finally {
    await client.query(`drop database if exists ${client.escapeIdentifier(name)}`)
    await client.end()
  }
})

test('of ten concurrent migrations, one does it and the others find it done', async () => {
  const env = { DATABASE_URL: newDatabase() }
  const ended = await Promise.all(Array.from({ length: 10 }, () => run(['migrate'], env)))
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, '']))
  const said = ended.map(({ stdout }) => (stdout.includes(' was created: ') ? 'created' : stdout))
  expect(said.filter((one) => one === 'created')).toHaveLength(1)
  expect(said.filter((one) => one.includes('was up to date'))).toHaveLength(9)
})

test('a worker runs what an API-only node accepts, and serves only its health', async () => {
  const env = { DATABASE_URL: newDatabase() }
  await using front = await TestServer.start({ env: { ...env, FERMATA_MAX_CONCURRENT: '0' } })
  const arguments_ = ['worker', '--max-concurrent', '2', '--types', 'add']
  await using worker = await TestServer.start({ env, arguments: arguments_ })
  const [api, there] = [new Api(front.url), new Api(worker.url)]
  const id = await api.submit('add', { a: 1, b: 2 })
  const other = await api.submit('long', { duration: 0 })
  await api.untilStatus(id, 'completed')
  expect((await api.status(other)).status).toBe('queued')
  const { reasons } = (await api.call('GET', `/api/task/${other}/explain`)).body
  expect(reasons).toMatchObject([{ code: 'no_slots', message: 'No live node has slots for type long.' }])

  for (const path of ['/healthz', '/readyz']) expect((await there.call('GET', path)).status).toBe(200)
  for (const path of ['/', '/api', '/docs', '/openapi.json', `/api/task/${id}/status`]) {
    expect((await there.call('GET', path)).status, path).toBe(404)
  }
  expect((await there.post('/api/run/add', { parameters: { a: 1, b: 2 } })).status).toBe(404)

  const { nodes } = (await api.call('GET', '/api/nodes')).body
  expect(nodes).toMatchObject([
    { max_concurrent: 0, here: true },
    { max_concurrent: 2, types: ['add'] },
  ])
  expect(await worker.stop()).toMatchObject({ code: 0, stderr: '' })
})
