import { mkdtemp, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'
import { node, fromApi, submission } from '../support/tasks.ts'

const clock = new FakeClock()

async function opened(): Promise<Readonly<{ store: Store; path: string }>> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
  const path = join(folder, 'tasks.db')
  const store = await openSqlite(path, { clock })
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  await store.startNode(node('one'))
  await store.submit([submission({ id: 'kept' })], fromApi)
  return { store, path }
}

describe('a database whose files are removed while it is open', () => {
  test.each([
    ['the file is deleted', (path: string) => rm(path)],
    ['its -wal is deleted', (path: string) => rm(`${path}-wal`)],
    ['the file is moved', (path: string) => rename(path, `${path}.old`)],
    [
      'the file is replaced',
      async (path: string) => {
        await rename(path, `${path}.old`)
        await writeFile(path, '')
      },
    ],
    ['its -wal is replaced', (path: string) => rm(`${path}-wal`).then(() => writeFile(`${path}-wal`, ''))],
  ])('acknowledges nothing more, says why, and serves what it has: %s', async (_, take) => {
    const { store, path } = await opened()
    await take(path)
    const refusal = {
      code: 'STORE_LOST',
      unknown: false,
      message: /tasks\.db.*(?:removed|replaced).*restart/s,
    }
    await expect(store.submit([submission({ id: 'lost' })], fromApi)).rejects.toMatchObject(refusal)
    await expect(store.probe()).rejects.toMatchObject(refusal)
    expect(await store.get('lost')).toBeNull()
    expect(await store.get('kept')).toMatchObject({ id: 'kept' })
  })

  test('accepts work again once they are back', async () => {
    const { store, path } = await opened()
    await rename(path, `${path}.old`)
    await expect(store.probe()).rejects.toMatchObject({ code: 'STORE_LOST' })
    await rename(`${path}.old`, path)
    await store.probe()
    expect(await store.submit([submission({ id: 'again' })], fromApi)).toMatchObject({ kind: 'accepted' })
  })

  test('does not touch the files of its replacement when it is closed', async () => {
    const { store, path } = await opened()
    await rename(path, `${path}.old`)
    await rename(`${path}-wal`, `${path}.old-wal`)
    await writeFile(`${path}-wal`, 'of another database')
    await store[Symbol.asyncDispose]()
    expect((await stat(`${path}-wal`)).size).toBe('of another database'.length)
  })
})

test('a damaged database is a permanent error for reads and writes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'tasks.db')
  const first = await openSqlite(path, { clock })
  for (let part = 0; part < 20; part++) {
    await first.submit(
      Array.from({ length: 50 }, (_, index) =>
        submission({ id: `${part}-${index}`, parameters: `"${'x'.repeat(500)}"` }),
      ),
      fromApi,
    )
  }
  await first[Symbol.asyncDispose]()
  const { size } = await stat(path)
  const file = await open(path, 'r+')
  // Leave the first and last pages intact, so that it opens.
  for (let at = 100 * 4_096; at < size / 2; at += 4_096)
    await file.write(Buffer.alloc(4_096, 0xa5), 0, 4_096, at)
  await file.close()
  const damage = { code: 'STORE_DAMAGED', message: /damaged.*backup/s }
  const opening = openSqlite(path, { clock })
  const store = await opening.catch((error: unknown) => {
    expect(error).toMatchObject({ message: /damaged/ })
    return undefined
  })
  expect(store, 'the first pages are enough to open it').toBeDefined()
  await using damaged = store!
  const page = { filter: {}, order: 'oldest', after: null, limit: 1_000, scan: 2_000 } as const
  await expect(damaged.list(page)).rejects.toMatchObject(damage)
  await expect(damaged.submit([submission({ id: 'new' })], fromApi)).rejects.toMatchObject(damage)
  await expect(damaged.probe()).rejects.toMatchObject(damage)
})

test('a server whose database file is deleted refuses writes and says why in /readyz and its log', async () => {
  await using server = await TestServer.start()
  const api = new Api(server.url)
  const id = await api.submit('add', { a: 1, b: 2 })
  await api.untilStatus(id, 'completed')
  const logged = server.logged('the database is lost')
  for (const name of await readdir(server.directory)) await rm(join(server.directory, name))
  const refused = await api.post('/api/run/add', { parameters: { a: 1, b: 2 } })
  expect([refused.status, refused.body['code']]).toEqual([503, 'STORE_LOST'])
  const ready = await api.call('GET', '/readyz')
  expect([ready.status, ready.body['code']]).toEqual([503, 'NOT_READY'])
  expect(ready.body['detail']).toMatch(/removed/)
  expect(await logged).toMatchObject({ level: 50 })
  expect((await api.call('GET', `/api/task/${id}/status`)).status).toBe(200)
})
