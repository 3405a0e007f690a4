import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'fermata-backups-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const callers = 8
const batch = Array.from({ length: 100 }, (_, b) => ({ parameters: { a: 1, b } }))

test('a backup under load holds everything acknowledged before it, and its restored tasks continue', async () => {
  const file = join(folder, 'loaded.db')
  await using server = await TestServer.start({ env: { FERMATA_MAX_CONCURRENT: '3' } })
  const api = new Api(server.url)
  const keyed = await api.submit('add', { a: 20, b: 22 }, { idempotency_key: 'once' })
  await api.untilStatus(keyed, 'completed')
  const long = await api.submit('long', { duration: 600, steps: 10_000 })
  await api.until(long, ({ progress }) => (progress?.current ?? 0) > 5)
  await api.control(long, 'pause')

  const acknowledged: string[] = []
  let isOver = false
  const load = Array.from({ length: callers }, async () => {
    while (!isOver) {
      const { body } = await api.post('/api/run/add/batch', { tasks: batch })
      acknowledged.push(...(body['task_ids'] as string[]))
    }
  })
  await Promise.race([...load, until('enough is acknowledged', () => acknowledged.length >= 5_000)])
  const before = [...acknowledged]
  const { code, stdout, stderr } = await run(['backup', file, '--url', server.url])
  isOver = true
  await Promise.all(load)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toContain(`to ${file}`)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(server.directory).filter((name) => name.includes('-backup-'))).toEqual([])
  expect(await run(['backup', file, '--url', server.url])).toMatchObject({ code: 2 })
  await server.stop('SIGKILL')

  const directory = mkdtempSync(join(folder, 'restored-'))
  const database = TestServer.databaseIn(directory)
  const restored = await run(['restore', file, '--database', database])
  expect(restored).toMatchObject({ code: 0, stderr: '' })
  await using second = await TestServer.start({ directory, arguments: ['serve', '--start-held'] })
  const again = new Api(second.url)
  const details = await again.details(long)
  expect(details).toMatchObject({ status: 'paused', checkpoint: expect.anything() as unknown })
  const { body } = await again.post(
    '/api/run/add',
    { parameters: { a: 20, b: 22 } },
    { 'idempotency-key': 'once' },
  )
  expect(body).toMatchObject({ task_id: keyed, status: 'completed' })
  for (let at = 0; at < before.length; at += 500) {
    const answers = await Promise.all(before.slice(at, at + 500).map((id) => again.status(id)))
    expect(answers.every(({ parameters }) => (parameters as { a: number }).a === 1)).toBe(true)
  }
  const { types } = (await again.call('GET', '/api/stats')).body as {
    types: Record<string, { held: boolean }>
  }
  expect(Object.values(types).map(({ held }) => held)).toEqual([true, true, true])
  await again.control(long, 'resume')
  expect((await again.status(long)).status).toBe('queued')
  await again.call('POST', '/api/tasks/long/resume')
  const saved = details.progress?.current ?? 0
  await again.until(long, ({ progress }) => (progress?.current ?? 0) > saved)
})

test('a restore refuses a database in use or with tasks, and what is not a backup, and changes nothing', async () => {
  const backup = join(folder, 'small.db')
  await using server = await TestServer.start()
  const api = new Api(server.url)
  const first = await api.submit('add', { a: 1, b: 2 })
  await api.untilStatus(first, 'completed')
  expect(await run(['backup', backup, '--url', server.url])).toMatchObject({ code: 0 })
  const second = await api.submit('add', { a: 3, b: 4 })
  await api.untilStatus(second, 'completed')

  const database = TestServer.databaseIn(server.directory)
  const restore = (...args: readonly string[]) => run(['restore', ...args, '--database', database])
  expect((await restore(backup, '--force')).stderr).toContain('is in use by another process')
  await server.stop()
  expect((await restore(backup)).stderr).toContain('contains 2 tasks')
  expect((await restore(join(folder, 'nothing.db'))).stderr).toContain('There is no file')
  const noise = join(folder, 'noise.db')
  writeFileSync(noise, randomBytes(20_000))
  expect((await restore(noise, '--force')).stderr).toContain('is not a SQLite database')
  expect(await run(['restore', backup, '--database', 'postgres://localhost/x'])).toMatchObject({ code: 2 })

  const same = await TestServer.start({ directory: server.directory })
  expect((await new Api(same.url).status(second)).status).toBe('completed')
  await same.stop()
  const forced = await restore(backup, '--force')
  expect(forced).toMatchObject({ code: 0, stderr: '' })
  expect(forced.stdout).toContain('The database that was there is now')
  await using old = await TestServer.start({ directory: server.directory })
  const now = new Api(old.url)
  expect((await now.status(first)).status).toBe('completed')
  expect((await now.call('GET', `/api/task/${second}/status`)).status).toBe(404)
})

describe('a restore over a database that is', () => {
  let good = ''
  let files: Readonly<Record<'main' | 'wal', Buffer>>
  let id = ''
  beforeAll(async () => {
    good = join(folder, 'good.db')
    await using server = await TestServer.start()
    const api = new Api(server.url)
    id = await api.submit('add', { a: 1, b: 2 })
    await api.untilStatus(id, 'completed')
    expect(await run(['backup', good, '--url', server.url])).toMatchObject({ code: 0 })
    // What is acknowledged now is in the log only.
    for (let more = 0; more < 20; more++) await api.post('/api/run/add/batch', { tasks: batch })
    await server.stop('SIGKILL')
    const database = join(server.directory, 'fermata.db')
    files = { main: readFileSync(database), wal: readFileSync(`${database}-wal`) }
    expect(files.wal.length).toBeGreaterThan(0)
  })

  const noise = (length: number) => Buffer.alloc(length, 'no database ')
  const damages: Readonly<Record<string, (main: Buffer) => Buffer>> = {
    empty: () => Buffer.alloc(0),
    'cut in the middle': (main) => main.subarray(0, main.length / 2 + 100),
    'cut in its first page': (main) => main.subarray(0, 1_000),
    'something else': (main) => noise(main.length),
    'overwritten at its begin': (main) => Buffer.concat([noise(4_096), main.subarray(4_096)]),
    'overwritten after its begin': (main) => Buffer.concat([main.subarray(0, 4_096), noise(main.length)]),
  }

  for (const [damage, damaged] of Object.entries(damages)) {
    for (const withLog of [true, false]) {
      test(`${damage}, ${withLog ? 'with' : 'without'} a log, keeps what is there`, async () => {
        const directory = mkdtempSync(join(folder, 'damaged-'))
        const database = join(directory, 'fermata.db')
        const before = damaged(files.main)
        writeFileSync(database, before)
        if (withLog) writeFileSync(`${database}-wal`, files.wal)
        const restore = (...args: readonly string[]) =>
          run(['restore', good, ...args, '--database', `sqlite:${database}`])
        const careful = await restore()
        // What the log repairs is a whole database again, and what is empty has nothing to lose.
        if (careful.code !== 0) {
          expect(careful).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('--force') })
          const left = readdirSync(directory).filter((name) => !name.endsWith('-shm'))
          expect(left).toContain('fermata.db')
          expect(await restore('--force')).toMatchObject({ code: 0, stderr: '' })
        }
        const names = readdirSync(directory)
        const kept = names.find((name) => /\.replaced-\w+$/.test(name))
        expect(kept).toBeDefined()
        const main = readFileSync(join(directory, kept!))
        const log = names.find((name) => name.endsWith('-wal') && name.startsWith(kept!))
        if (log !== undefined) {
          expect(main.equals(before)).toBe(true)
          expect(readFileSync(join(directory, log)).equals(files.wal)).toBe(true)
        } else if (withLog) expect(main.length).toBeGreaterThanOrEqual(before.length)
        else if (before.length > 0) expect(main.equals(before)).toBe(true)
        expect(names.filter((name) => name.includes('restoring'))).toEqual([])
        await using server = await TestServer.start({
          directory,
          env: { DATABASE_URL: `sqlite:${database}` },
        })
        expect((await new Api(server.url).status(id)).status).toBe('completed')
      })
    }
  }
})
