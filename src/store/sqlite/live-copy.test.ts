import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StoreUnavailable } from '../../core/errors.ts'
import { LiveCopy, removeUnfinished } from './live-copy.ts'

let folder = ''
let path = ''
let db: DatabaseSync
let file = -1
let rows = 0

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-copy-'))
  path = join(folder, 'tasks.db')
  db = new DatabaseSync(path)
  db.exec(`pragma locking_mode = exclusive; pragma journal_mode = wal; pragma wal_autocheckpoint = 64;
    create table tasks (number integer primary key, body text); create table counter (tasks integer); insert into counter values (0)`)
  rows = 0
  file = openSync(path, 'r')
})

afterEach(() => {
  db.close()
  closeSync(file)
  rmSync(folder, { recursive: true, force: true })
})

/** Inserts rows and rewrites old ones, in one commit that also counts them. */
function commit(inserts: number): void {
  db.exec('begin immediate')
  for (let index = 0; index < inserts; index++) {
    rows += 1
    db.prepare('insert into tasks values (?, ?)').run(rows, 'x'.repeat(300 + (rows % 1_000)))
  }
  db.prepare('update tasks set body = body || ? where number % 97 = ?').run('y', rows % 97)
  db.prepare('update counter set tasks = ?').run(rows)
  db.exec('commit')
}

/** Rows and the number that was counted in the same commit. */
function contents(of: string): readonly [rows: number, counted: number, check: string] {
  const copy = new DatabaseSync(of)
  const one = (sql: string) => Object.values(copy.prepare(sql).get() ?? {})[0]
  const found = [
    Number(one('select count(*) from tasks')),
    Number(one('select tasks from counter')),
    String(one('pragma integrity_check')),
  ] as const
  copy.close()
  return found
}

const copying = (checkpointAfter = 64) => new LiveCopy({ db, path, file, checkpointAfter })

test('a copy holds what was committed before it, and a whole commit of what followed', async () => {
  for (let index = 0; index < 50; index++) commit(100)
  const before = rows
  const copy = copying()
  // More than a log may hold: it is checkpointed in the middle, which changes pages that are not copied yet.
  for (let index = 0; index < 20; index++) {
    commit(20)
    copy.committed()
  }
  let isDone = false
  const running = copy.run().finally(() => {
    isDone = true
  })
  while (!isDone) {
    commit(20)
    copy.committed()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await using backup = await running
  const [found, counted, check] = contents(backup.path)
  expect(check).toBe('ok')
  expect(found).toBe(counted)
  expect(found).toBeGreaterThanOrEqual(before + 400)
  expect(found).toBeLessThanOrEqual(rows)
})

test('it leaves nothing behind, and the database checkpoints by itself again', async () => {
  commit(100)
  {
    await using backup = await copying().run()
    expect(readdirSync(folder)).toContain(backup.path.slice(folder.length + 1))
  }
  expect(readdirSync(folder).toSorted()).toEqual(['tasks.db', 'tasks.db-wal'])
  expect(db.prepare('pragma wal_autocheckpoint').get()).toMatchObject({ wal_autocheckpoint: 64 })
  for (let index = 0; index < 20; index++) commit(100)
})

test('a copy of an unchanged database is the database', async () => {
  commit(100)
  await using backup = await copying().run()
  expect(contents(backup.path)).toEqual([100, 100, 'ok'])
})

test('a checkpoint by someone else ends a copy, and its files are deleted', async () => {
  for (let index = 0; index < 50; index++) commit(100)
  const copy = copying(10_000)
  const running = copy.run()
  commit(100)
  copy.committed()
  db.exec('pragma wal_checkpoint(truncate)')
  commit(1)
  copy.committed()
  await expect(running).rejects.toThrow(StoreUnavailable)
  await expect(running).rejects.toThrow('its log was checkpointed')
  expect(readdirSync(folder).toSorted()).toEqual(['tasks.db', 'tasks.db-wal'])
})

test('what a copy left that died with its process is deleted', () => {
  copying()
  expect(readdirSync(folder).length).toBe(3)
  removeUnfinished(path)
  expect(readdirSync(folder).toSorted()).toEqual(['tasks.db', 'tasks.db-wal'])
})
