import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreUnavailable } from '../../core/errors.ts'
import type { Migrated } from '../store.ts'
import { migrate, refuseForeign } from './migrations.ts'

/** The one connection of the process that owns the file. What is refused is left as it was. */
export function connect(path: string): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true })
    db = new DatabaseSync(path, { timeout: 500 })
    db.exec('pragma locking_mode = exclusive')
    refuseForeign(db, path)
    db.exec(`
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma wal_autocheckpoint = 4000;
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

/** Brings the file up to date, or makes it, and closes it again. */
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

/** What the database says against being opened, in words for an operator; any other error as it is. */
export function unopenable(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || (!('errcode' in error) && !('syscall' in error))) return error
  return new StoreUnavailable(describe(error, path), { unknown: false, cause: error })
}

function describe(error: Error, path: string): string {
  const code = 'errcode' in error ? Number(error.errcode) & 0xff : 0
  if (code === 5) return `The database ${path} is in use by another process: stop it, or choose another file.`
  if (code === 26) return `${path} is not a SQLite database: choose another path.`
  return `The database ${path} cannot be opened: ${error.message}.`
}
