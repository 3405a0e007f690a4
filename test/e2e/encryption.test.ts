import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'

/** Encryption at rest, on both databases. */

const folder = mkdtempSync(join(tmpdir(), 'fermata-encryption-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const secretOf = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const [first, second] = [`k1:${secretOf(1)}`, `k2:${secretOf(2)}`]
const canary = 'canary-at-rest'
const tasks = join(import.meta.dirname, '../fixtures/sensitive.ts')
const adminKey = 'administrator-0123456789-0123456789'
const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' }

const serve = (keys: string, directory?: string, more: Readonly<Record<string, string>> = {}) =>
  TestServer.start({
    env: { FERMATA_ENCRYPTION_KEYS: keys, FERMATA_ADMIN_KEY: adminKey, ...more },
    arguments: ['serve', '--tasks', tasks],
    ...(directory === undefined ? {} : { directory }),
  })

const at = (server: TestServer) => {
  const api = new Api(server.url)
  const get = (path: string) => api.call('GET', path, { headers })
  const post = (path: string, body: object = {}) => api.post(path, body, headers)
  return {
    get,
    post,
    async submit(end: string, more: object = {}): Promise<string> {
      const parameters = { user: `${canary}-user`, password: `${canary}-password`, end }
      const { status, text, body } = await post('/api/run/secret-inline', { parameters, ...more })
      expect(status, text).toBe(200)
      return String(body['task_id'])
    },
    ended: (id: string) => get(`/api/task/${id}/result?wait=60`),
    async until(id: string, status: string): Promise<void> {
      await expect.poll(async () => (await get('/api/task')).text).toContain(id)
      await expect
        .poll(async () => {
          const { body } = await get(`/api/task?status=${status}`)
          return (body['tasks'] as { task_id: string }[]).map((task) => task.task_id)
        })
        .toContain(id)
    },
  }
}

/** Everything that is stored, as whoever takes the disk would see it. */
async function stored(directory: string): Promise<string> {
  const url = TestServer.databaseIn(directory)
  if (url.startsWith('sqlite:'))
    return readdirSync(directory)
      .map((name) => readFileSync(join(directory, name), 'latin1'))
      .join('')
  const client = new Client({ connectionString: url.replace(/\?.*$/, '') })
  await client.connect()
  try {
    const schema = new URL(url).searchParams.get('schema')
    const { rows } = await client.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = $1',
      [schema],
    )
    expect(rows.length).toBeGreaterThan(5)
    const texts = rows.map(({ name }) =>
      client.query<{ text: string }>(`select t::text as text from "${schema}".${name} t`),
    )
    return (await Promise.all(texts)).flatMap((found) => found.rows.map(({ text }) => text)).join('\n')
  } finally {
    await client.end()
  }
}

describe('with keys', () => {
  test('a database has no parameters, checkpoints, steps, results, logs, errors or progress in plain text', async () => {
    await using server = await serve(first)
    const api = at(server)
    const id = await api.submit('return', { idempotency_key: 'once' })
    const failed = await api.submit('throw')
    const running = await api.submit('hold')
    await Promise.all([api.ended(id), api.ended(failed)])
    await api.until(running, 'running')
    const text = await stored(server.directory)
    expect(text).toContain(id)
    expect(text).toContain('enc:1:k1:')
    expect(text).not.toContain(canary)
    expect(text).not.toContain(secretOf(1).slice(0, 20))
    const { body } = await api.get(`/api/task/${id}`)
    expect(body).toMatchObject({
      parameters: { user: `${canary}-user`, password: `${canary}-password` },
      checkpoint: { token: `token-of-${canary}-password` },
      result: { session: `session-of-${canary}-password` },
      progress: { message: 'trying [redacted]' },
    })
    expect((await api.get(`/api/task/${id}/logs`)).text).toContain(`${canary}-user`)
    expect((await api.get(`/api/task/${id}/steps`)).text).toContain(`step-of-${canary}-password`)
    expect((await api.get(`/api/task/${failed}`)).text).toContain('was refused for undefined')
    // Both kinds of search decrypt what they look at.
    for (const q of [`${canary}-user`, 'was refused'])
      expect((await api.get(`/api/task?q=${encodeURIComponent(q)}`)).text).toContain(failed)
    expect(((await api.get('/api/task?q=enc:1')).body['tasks'] as unknown[]).length).toBe(0)
    const { stdout, stderr } = await server.stop()
    for (const part of [secretOf(1), 'password'].map((part) => part.slice(0, 20)))
      expect(stdout + stderr).not.toContain(`${canary}-${part}`)
    expect(stdout + stderr).not.toContain(secretOf(1).slice(0, 20))
  })

  test('plain and encrypted tasks stand side by side, before, between and after keys', async () => {
    await using plain = await serve('')
    const old = await at(plain).submit('return', { idempotency_key: 'old' })
    await at(plain).ended(old)
    await plain.stop()
    await using server = await serve(first, plain.directory)
    const api = at(server)
    const id = await api.submit('return', { idempotency_key: 'new' })
    await api.ended(id)
    await server.stop()
    await using rotated = await serve(`${second},${first}`, plain.directory)
    const later = at(rotated)
    const newest = await later.submit('return')
    await later.ended(newest)
    for (const one of [old, id, newest])
      expect((await later.get(`/api/task/${one}/result`)).text).toContain(`session-of-${canary}`)
    // Requests are recognized whatever the key was with which they were hashed.
    expect(await later.submit('return', { idempotency_key: 'old' })).toBe(old)
    expect(await later.submit('return', { idempotency_key: 'new' })).toBe(id)
    const body = { parameters: { user: 'eve', password: 'p' }, idempotency_key: 'new' }
    expect((await later.post('/api/run/secret-inline', body)).body).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    })
    await rotated.stop()
    await using back = await serve(`plain,${second},${first}`, plain.directory)
    const last = await at(back).submit('return', { tags: ['last'] })
    await at(back).ended(last)
    for (const one of [old, id, newest, last])
      expect((await at(back).get(`/api/task/${one}/result`)).text).toContain(`session-of-${canary}`)
    await back.stop()
    const doctor = await run(['doctor', '--database', TestServer.databaseIn(plain.directory)], {
      FERMATA_ENCRYPTION_KEYS: first,
    })
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toMatch(/failed +encryption .*encrypted with the key "k1".*does not have "k2"/)
  })

  test('a task whose key is missing is reported, paused instead of run, and continues once the key is back', async () => {
    await using server = await serve(first, undefined, { FERMATA_MAX_CONCURRENT: '2' })
    const api = at(server)
    const done = await api.submit('return')
    await api.ended(done)
    await api.post('/api/tasks/secret-inline/pause')
    const waiting = await api.submit('return')
    await server.stop()
    await using without = await serve(second, server.directory)
    const there = at(without)
    await there.post('/api/tasks/secret-inline/resume')
    const own = await there.submit('return')
    expect((await there.ended(own)).text).toContain(`session-of-${canary}`)
    for (const path of [`/api/task/${done}`, `/api/task/${done}/status`, `/api/task/${done}/result`]) {
      const answer = await there.get(path)
      expect([answer.status, answer.body['code']]).toEqual([409, 'DOCUMENT_UNREADABLE'])
      expect(answer.body['detail']).toContain('encrypted with the key "k1"')
      expect(answer.body['detail']).toContain('Add that key to FERMATA_ENCRYPTION_KEYS')
    }
    const list = (await there.get('/api/task')).body['tasks'] as Record<string, unknown>[]
    expect(list.find((task) => task['task_id'] === done)).toMatchObject({
      parameters: null,
      parameters_unreadable: expect.stringContaining('"k1"') as string,
    })
    const logs = await there.get(`/api/task/${done}/logs`)
    expect(logs.text).toContain('its log is encrypted with the key')
    await there.until(waiting, 'paused')
    // It is not claimed again, and its slot is free.
    const another = await there.submit('return')
    expect((await there.ended(another)).status).toBe(200)
    const { stdout } = await without.stop()
    expect(stdout.match(/cannot be decrypted: pausing it/g)).toHaveLength(1)
    await using again = await serve(`${second},${first}`, server.directory)
    const back = at(again)
    expect((await back.get(`/api/task/${waiting}`)).body['timeline']).toContainEqual(
      expect.objectContaining({ event: 'pause_requested', why: expect.stringContaining('"k1"') as string }),
    )
    await back.post(`/api/task/${waiting}/resume`)
    expect((await back.ended(waiting)).body).toMatchObject({ status: 'completed' })
  })

  test('a killed server leaves nothing in plain text, and the next one continues', async () => {
    await using server = await serve(first)
    const api = at(server)
    const id = await api.submit('hold')
    await api.until(id, 'running')
    await expect.poll(async () => (await api.get(`/api/task/${id}`)).text).toContain('"step":1')
    await server.stop('SIGKILL')
    expect(await stored(server.directory)).not.toContain(canary)
    await using next = await serve(`${second},${first}`, server.directory)
    await at(next).until(id, 'running')
    expect((await at(next).get(`/api/task/${id}`)).body).toMatchObject({
      checkpoint: { token: `token-of-${canary}-password` },
    })
  })
})

test('a server without keys does not start on encrypted tasks', async () => {
  await using server = await serve(first)
  await at(server).submit('hold')
  await server.stop()
  const env = { DATABASE_URL: TestServer.databaseIn(server.directory) }
  const refused = await run(['serve'], env)
  expect(refused.code).toBe(2)
  expect(refused.stderr).toContain('encrypted with the key "k1"')
  expect(refused.stderr).toContain('Add that key to FERMATA_ENCRYPTION_KEYS')
  // Keys of callers need none.
  expect(
    await run(['keys', 'list', '--database', env.DATABASE_URL], { FERMATA_URL: 'http://127.0.0.1:9' }),
  ).toMatchObject({
    code: 0,
  })
})

test('keys that are wrong are refused by name, and never shown', async () => {
  const database = { DATABASE_URL: 'sqlite::memory:' }
  for (const [keys, reason] of [
    ['canary', 'entry 1 is not of the form id:key'],
    ['k1:canary!', 'the key of entry 1 is not base64'],
    [`${first},k2:Y2FuYXJ5`, 'the key of entry 2 has not exactly 32 bytes'],
    [`${first},${first}`, 'entry 2 repeats the id of another one'],
  ] as const) {
    const { code, stderr } = await run(['serve'], { ...database, FERMATA_ENCRYPTION_KEYS: keys })
    expect(code).toBe(2)
    expect(stderr).toContain('FERMATA_ENCRYPTION_KEYS=(hidden) is invalid')
    expect(stderr).toContain(reason)
    expect(stderr).not.toMatch(/canary|Y2FuYXJ5|AQEBAQ/)
  }
})

describe('the operator', () => {
  test('exports plain text, imports it encrypted, and copies with or without keys', async () => {
    await using server = await serve(first)
    const api = at(server)
    const id = await api.submit('return')
    const failed = await api.submit('throw')
    await Promise.all([api.ended(id), api.ended(failed)])
    await server.stop()
    const from = TestServer.databaseIn(server.directory)
    const file = join(folder, 'export.jsonl')
    const refused = await run(['export', file, '--database', from])
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('"k1"') as string })
    const keys = { FERMATA_ENCRYPTION_KEYS: `${second},${first}` }
    expect(await run(['export', file, '--force', '--database', from], keys)).toMatchObject({ code: 0 })
    expect(readFileSync(file, 'utf8')).toContain(`${canary}-password`)

    const imported = join(folder, 'imported')
    const into = `sqlite:${join(folder, 'imported.db')}`
    expect(await run(['import', file, '--database', into], keys)).toMatchObject({ code: 0 })
    expect(readFileSync(`${imported}.db`, 'latin1')).not.toContain(canary)
    expect(readFileSync(`${imported}.db`, 'latin1')).toContain('enc:1:k2:')

    for (const [name, env, options, key] of [
      ['as-is', {}, [], 'k1'],
      ['again', keys, ['--encrypt'], 'k2'],
    ] as const) {
      const target = join(folder, `${name}.db`)
      const copied = await run(['copy', from, `sqlite:${target}`, ...options], env)
      expect(copied, copied.stderr).toMatchObject({ code: 0 })
      const bytes = readFileSync(target, 'latin1')
      expect(bytes).not.toContain(canary)
      expect(bytes).toContain(`enc:1:${key}:`)
      const only = { FERMATA_ENCRYPTION_KEYS: key === 'k1' ? first : second }
      const doctor = await run(['doctor', '--database', `sqlite:${target}`], only)
      expect(doctor.stdout).toContain(`encrypted with the key "${key}"`)
      expect(doctor.stdout).toMatch(/ok +encryption/)
      const lines = join(folder, `${name}.jsonl`)
      expect(await run(['export', lines, '--database', `sqlite:${target}`], only)).toMatchObject({ code: 0 })
      expect(readFileSync(lines, 'utf8').replaceAll(/"requestHash":"[^"]*"/g, '')).toContain(
        'was refused for undefined',
      )
    }
  })
})
