import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DatabaseInvalid, StoreUnavailable } from '../../core/errors.ts'
import type { Migrated } from '../store.ts'
import { migrate, refuseForeign } from './migrations.ts'

/** The one connection of the process that owns the file. A refused file is left unchanged. */
export function connect(path: string): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    if (path !== ':memory:') prepare(path)
    db = new DatabaseSync(path, { timeout: 500 })
    db.exec('pragma locking_mode = exclusive')
    refuseForeign(db, path)
    db.exec(`
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma journal_size_limit = 67108864;
      pragma cache_size = -32768;
      pragma temp_store = memory;
      begin immediate; commit;
    `)
    return db
  } catch (error) {
    if (db?.isOpen === true) db.close()
    throw unopenable(error, path)
  }
}

/**
 * Creates the file and its folder if missing. Only the owner may read it: it holds the parameters and results of all tasks;
 * SQLite gives the files next to it the same mode. An existing file keeps its mode. Throws errors of the operating system,
 * and `DatabaseInvalid` for a path where no file can ever be.
 */
function prepare(path: string): void {
  const refuse = (why: string) => new DatabaseInvalid(`sqlite:${path}`, why)
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) throw refuse('this is a folder: give the path of a file in it')
  if (found !== undefined && !found.isFile()) throw refuse('this is not a regular file: choose another path')
  if (found !== undefined) return
  // One by one: with `recursive`, it never returns where a folder can be named but not created, as in `/proc`.
  const missing: string[] = []
  for (let folder = dirname(resolve(path)); !existsSync(folder); folder = dirname(folder))
    missing.push(folder)
  for (const folder of missing.toReversed()) mkdirSync(folder)
  // Never an existing one: closing it would release the locks that this process may hold on it.
  closeSync(openSync(path, 'wx', 0o600))
}

/** Errors of the operating system about a path where no file can be, however long one waits. */
const hopeless = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL', 'EISDIR'])

/** Creates or migrates the file, and closes it. */
export function migrateSqlite(path: string): Migrated {
  const db = connect(path)
  try {
    return migrate(db)
  } catch (error) {
    throw unopenable(error, path)
  } finally {
    db.close()
  }
}

/** Rewrites the file without free space. Bytes before and after. */
export function compactSqlite(path: string): Readonly<{ before: number; after: number }> {
  const before = statSync(path).size
  const db = connect(path)
  try {
    db.exec('vacuum; pragma wal_checkpoint(truncate)')
  } catch (error) {
    throw unopenable(error, path)
  } finally {
    db.close()
  }
  return { before, after: statSync(path).size }
}

/** Why the database cannot be opened, in words for an operator; any other error unchanged. */
export function unopenable(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (!('errcode' in error) && !('syscall' in error))) return error
  if ('code' in error && hopeless.has(String(error.code))) {
    return new DatabaseInvalid(
      `sqlite:${path}`,
      `cannot create a file there (${error.message}): choose another path`,
    )
  }
  return new StoreUnavailable(describe(error, path), { unknown: false, cause: error })
}

function describe(error: Error, path: string): string {
  const code = 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (code === 5) return `The database ${path} is in use by another process. Stop it, or choose another file.`
  if (code === 11) {
    return `The database ${path} is damaged (${error.message}): keep a copy of the file, and restore a backup, or recover what is left with "sqlite3 ${path} .recover".`
  }
  if (code === 26) return `${path} is not a SQLite database: choose another path.`
  return `The database ${path} cannot be opened: ${error.message}.`
}
