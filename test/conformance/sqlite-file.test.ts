import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { StoreUnavailable } from '../../src/core/errors.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { Audit } from '../support/audit.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { node, fromApi, submission } from '../support/tasks.ts'
import { temporaryFolder } from './stores.ts'

const clock = new FakeClock()

/** Runs with the path of a database in a temporary folder. */
async function withPath(body: (path: string, folder: string) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder()
  await body(join(folder.path, 'tasks.db'), folder.path)
}

const open = (path: string): Promise<Store> => openSqlite(path, { clock })

describe('a SQLite file', () => {
  test('is created together with its folder', () =>
    withPath(async (_, folder) => {
      const path = join(folder, 'deep', 'down', 'tasks.db')
      await using store = await open(path)
      expect(await store.counts()).toEqual({ byType: {}, fencedOff: {}, held: {} })
      expect((await stat(path)).isFile()).toBe(true)
    }))

  test('is readable by its owner only, like the files next to it; an existing file keeps its mode', () =>
    withPath(async (path, folder) => {
      const modes = async () => {
        const names = (await readdir(folder)).toSorted()
        return Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).mode & 0o777]))
      }
      const before = process.umask(0)
      try {
        const store = await open(path)
        await store.submit([submission({ id: '1' })], fromApi)
        const files = await modes()
        expect(files.length).toBeGreaterThan(1)
        for (const [name, mode] of files) expect(mode, String(name)).toBe(0o600)
        await store[Symbol.asyncDispose]()
        await chmod(path, 0o640)
        await using again = await open(path)
        await again.submit([submission({ id: '2' })], fromApi)
        for (const [name, mode] of await modes()) {
          expect(mode, String(name)).toBe(String(name).endsWith('-reserve') ? 0o600 : 0o640)
        }
      } finally {
        process.umask(before)
      }
    }))

  test('belongs to one owner: a second one in the same process is refused', () =>
    withPath(async (path) => {
      await using first = await open(path)
      await expect(open(path)).rejects.toThrow(/in use by another process/)
      await expect(open(path)).rejects.toThrow(StoreUnavailable)
      expect(await first.submit([submission({ id: '1' })], fromApi)).toMatchObject({ kind: 'accepted' })
    }))

  test('belongs to one owner: another process is refused until it is closed', () =>
    withPath(async (path) => {
      const store = await open(path)
      expect(await openElsewhere(path)).toMatch(/tasks\.db is in use by another process/)
      await store[Symbol.asyncDispose]()
      expect(await openElsewhere(path)).toBe('opened')
    }))

  test('leaves no other files behind when it is closed, except its reserve', () =>
    withPath(async (path, folder) => {
      const store = await open(path)
      await store.submit([submission({ id: '1' })], fromApi)
      await store[Symbol.asyncDispose]()
      expect((await readdir(folder)).toSorted()).toEqual(['tasks.db', 'tasks.db-reserve'])
    }))
})

describe('a path that is not ours', () => {
  test('is refused if a newer version wrote it, and left unchanged', () =>
    withPath(async (path) => {
      await (await open(path))[Symbol.asyncDispose]()
      const db = new DatabaseSync(path)
      db.exec('pragma user_version = 99')
      db.close()
      await refused(path, /newer version of Fermata \(schema 99; .*Upgrade Fermata/)
    }))

  test('is refused if it belongs to another program, and left unchanged', () =>
    withPath(async (path) => {
      const db = new DatabaseSync(path)
      db.exec('create table notes (text)')
      db.close()
      await refused(path, /does not belong to Fermata. Choose another path/)
    }))

  test('is refused if it is not a database, and left unchanged', () =>
    withPath(async (path) => {
      await writeFile(path, 'Dear diary, '.repeat(1_000))
      await refused(path, /not a SQLite database: choose another path/)
    }))

  test('is refused if it is a folder', () =>
    withPath(async (path) => {
      await mkdir(path)
      await expect(open(path)).rejects.toThrow(/tasks\.db" is invalid: this is a folder/)
    }))
})

describe('after a crash', () => {
  test('every answered write is there', () =>
    withPath(async (path, folder) => {
      await using store = await open(path)
      await store.startNode(node('before'))
      const answered: string[] = []
      for (let commit = 0; commit < 10; commit++) {
        const batch = Array.from({ length: 5 }, (_, index) => submission({ id: `${commit}-${index}` }))
        const answer = await store.submit(batch, fromApi)
        if (answer.kind === 'accepted') answered.push(...answer.tasks.map(({ task }) => task.id))
      }
      const types = [{ type: 'work', concurrency: null }]
      const [claimed] = await store.claim({ node: 'before', limit: 1, types })
      const copy = await copyOf(path, folder)

      await using recovered = await open(copy)
      const audit = new Audit(() => recovered)
      for (const id of answered) audit.watch(id)
      expect(await audit.check()).toHaveLength(50)
      expect(await recovered.get('0-0')).toEqual(claimed?.task)
      await recovered.startNode(node('after'))
      expect(await recovered.reap({ poisonLimit: 3 })).toMatchObject([{ task: { id: '0-0', fence: 2 } }])
      await audit.check()
    }))

  test('during a write, the commits before it are there and nothing of it', () =>
    withPath(async (path, folder) => {
      await using store = await open(path)
      const commits = 8
      for (let commit = 0; commit < commits; commit++) {
        const batch = ['a', 'b'].map((name) => submission({ id: `${commit}${name}` }))
        await store.submit(batch, fromApi)
      }
      const { size } = await stat(`${path}-wal`)
      const found: number[] = []
      for (const part of [0.35, 0.6, 0.85, 0.999, 1]) {
        const copy = await copyOf(path, folder)
        await truncate(`${copy}-wal`, Math.floor(size * part))
        await using recovered = await open(copy)
        const audit = new Audit(() => recovered)
        for (let commit = 0; commit < commits; commit++) {
          audit.watch(`${commit}a`)
          audit.watch(`${commit}b`)
        }
        const ids = (await audit.check()).map(({ task }) => task.id)
        const whole = Array.from({ length: ids.length / 2 }, (_, commit) => [`${commit}a`, `${commit}b`])
        expect(ids).toEqual(whole.flat())
        found.push(whole.length)
      }
      expect(found).toEqual(found.toSorted((a, b) => a - b))
      expect(found.at(-2)).toBe(commits - 1)
      expect(found.at(-1)).toBe(commits)
    }))
})

async function refused(path: string, message: RegExp): Promise<void> {
  const before = await readFile(path)
  const opening = open(path)
  await expect(opening).rejects.toThrow(StoreUnavailable)
  await expect(opening).rejects.toThrow(message)
  expect((await readFile(path)).equals(before), 'the file is as it was').toBe(true)
}

/** Copies what is on disk now, as a crash would leave it. */
async function copyOf(path: string, folder: string): Promise<string> {
  const copy = join(folder, 'copy.db')
  await copyFile(path, copy)
  await copyFile(`${path}-wal`, `${copy}-wal`)
  return copy
}

/** Opens the file in another process; returns `opened`, or the error message. */
async function openElsewhere(path: string): Promise<string> {
  const module = new URL('../../src/store/sqlite/store.ts', import.meta.url).href
  const program = `
    const { openSqlite } = await import(${JSON.stringify(module)})
    try {
      const store = await openSqlite(${JSON.stringify(path)}, { clock: { now: Date.now, monotonic: () => performance.now() } })
      await store[Symbol.asyncDispose]()
      console.log('opened')
    } catch (error) {
      console.log(error.message)
    }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  return stdout.trim()
}
