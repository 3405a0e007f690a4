import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { failed, ofCounts, ofEncryption, ok, warning, type Finding, type KeyNames } from '../examination.ts'
import { connect } from './connection.ts'
import { migrationsOf, mustBeWhole } from './migrations.ts'
import { SqliteTransfer } from './transfer.ts'

const megabyte = 1_048_576

/** What is right and wrong with a database file. Nothing is created or changed. */
export async function examineSqlite(path: string, keys: KeyNames): Promise<Finding[]> {
  if (path === ':memory:')
    return [warning('database', 'sqlite::memory: stores nothing on disk: tasks are lost at the end')]
  const folder = dirname(resolve(path))
  return existsSync(path)
    ? [...filesOf(path, folder), ...(await contentsOf(path, keys))]
    : [folderOf(folder), warning('database', `${path} does not exist yet: the first start creates it`)]
}

function folderOf(folder: string): Finding {
  if (!existsSync(folder))
    return warning('folder', `${folder} does not exist yet: the first start creates it`)
  try {
    accessSync(folder, constants.W_OK)
  } catch {
    return failed(
      'folder',
      `${folder} is not writable by this user: SQLite creates files next to the database`,
    )
  }
  const { bavail, bsize } = statfsSync(folder)
  const free = Math.floor((bavail * bsize) / megabyte)
  if (free < 100) return failed('disk', `only ${free} MB are free in ${folder}`)
  return free < 1_000
    ? warning('disk', `${free} MB are free in ${folder}`)
    : ok('disk', `${free} MB are free in ${folder}`)
}

function filesOf(path: string, folder: string): Finding[] {
  const mode = statSync(path).mode & 0o777
  const shown = mode.toString(8).padStart(3, '0')
  const readable =
    (mode & 0o077) === 0
      ? ok('permissions', `only its owner can read ${path} (${shown})`)
      : warning(
          'permissions',
          `other users can read ${path} (${shown}), with all parameters and results: chmod 600 ${path}`,
        )
  return [folderOf(folder), readable]
}

async function contentsOf(path: string, keys: KeyNames): Promise<Finding[]> {
  let db: DatabaseSync
  try {
    db = connect(path)
  } catch (error) {
    const { message } = error as Error
    return [
      message.includes('in use')
        ? warning(
            'database',
            `${path} is in use: stop the server to have its contents checked, or check a backup`,
          )
        : failed('database', message),
    ]
  }
  try {
    mustBeWhole(db, path)
    const { from, to } = migrationsOf(db)
    if (from < to)
      return [warning('schema', `is ${from}: the next start migrates it to ${to}`), integrityOf(db)]
    const transfer = new SqliteTransfer(db, path)
    const counts = ofCounts(await transfer.counters(), await transfer.tasks())
    const encryption = ofEncryption(await transfer.encrypted(), keys)
    return [ok('schema', `is ${to}, that of this version`), integrityOf(db), counts, encryption]
  } catch (error) {
    return [failed('database', (error as Error).message)]
  } finally {
    db.close()
  }
}

function integrityOf(db: DatabaseSync): Finding {
  const found = db
    .prepare('pragma integrity_check(5)')
    .all()
    .flatMap((row) => Object.values(row))
  return found.join() === 'ok'
    ? ok('integrity', 'SQLite finds no damage')
    : failed('integrity', `damaged: ${found.join('; ')}. Restore a backup.`)
}
