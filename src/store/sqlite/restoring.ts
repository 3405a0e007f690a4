import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DatabaseInvalid, StoreUnavailable } from '../../core/errors.ts'
import { connect, unopenable } from './connection.ts'
import { refuseForeign } from './migrations.ts'

/** `tasks`: in the backup. `replaced`: the name of the database that was there; null if there was none. */
export type Restored = Readonly<{ tasks: number; replaced: string | null }>

/**
 * Puts a backup in the place of a database that no process has open. A database with tasks is replaced only with `force`, and
 * kept under another name. Throws `StoreUnavailable` and `DatabaseInvalid`; nothing has changed then.
 */
export function restoreSqlite(
  backup: string,
  path: string,
  { force, now }: Readonly<{ force: boolean; now: Date }>,
): Restored {
  if (path === ':memory:')
    throw new DatabaseInvalid('sqlite::memory:', 'a backup can only be restored to a file')
  const tasks = checked(backup)
  const there = existsSync(path)
  using wal = new KeptWal(path)
  if (there) mustBeReplaceable(path, force)
  const part = `${path}.restoring`
  try {
    copyFileSync(backup, part)
    flush(part)
  } catch (error) {
    rmSync(part, { force: true })
    throw unopenable(error, path)
  }
  const replaced = there ? `${path}.replaced-${now.toISOString().replaceAll(/\W/g, '')}` : null
  if (replaced !== null) {
    // At no moment is there no database: a server that starts then would create an empty one.
    linkSync(path, replaced)
    // It belongs to the old file: the new one would be damaged by it.
    wal.moveTo(`${replaced}-wal`)
  }
  renameSync(part, path)
  flush(dirname(path))
  return { tasks, replaced }
}

/**
 * The log of a database that may be damaged. SQLite deletes it when it finds an empty file beside it, as if it were new; what
 * the file has lost may still be in the log.
 */
class KeptWal {
  readonly #path: string
  readonly #copy: string
  readonly #isKept: boolean

  constructor(database: string) {
    this.#path = `${database}-wal`
    this.#copy = `${database}.restoring-wal`
    this.#isKept = statSync(database, { throwIfNoEntry: false })?.size === 0 && existsSync(this.#path)
    if (this.#isKept) copyFileSync(this.#path, this.#copy)
  }

  moveTo(path: string): void {
    this.#putBack()
    if (existsSync(this.#path)) renameSync(this.#path, path)
  }

  [Symbol.dispose](): void {
    this.#putBack()
  }

  #putBack(): void {
    if (!this.#isKept || !existsSync(this.#copy)) return
    if (existsSync(this.#path) && statSync(this.#path).size > 0) rmSync(this.#copy)
    else renameSync(this.#copy, this.#path)
  }
}

/** The number of tasks in a file that is a whole database of this program. */
function checked(backup: string): number {
  if (!existsSync(backup)) throw refused(`There is no file ${backup}.`)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(backup, { readOnly: true })
    refuseForeign(db, backup)
    const [found] = db.prepare('pragma integrity_check(1)').all()
    const said = Object.values(found ?? {}).join()
    if (said !== 'ok') throw refused(`The backup ${backup} is damaged, and was not restored: ${said}.`)
    return Number(db.prepare('select count(*) as tasks from tasks').get()?.['tasks'])
  } catch (error) {
    throw unopenable(error, backup)
  } finally {
    db?.close()
  }
}

function mustBeReplaceable(path: string, force: boolean): void {
  let tasks = 0
  try {
    const db = connect(path)
    try {
      tasks = Number(db.prepare('select count(*) as tasks from tasks').get()?.['tasks'])
    } finally {
      db.close()
    }
  } catch (error) {
    // A damaged database is why backups are restored.
    if (isInUse(error)) throw unopenable(error, path)
    if (!force) {
      const { message } = unopenable(error, path) as Error
      throw refused(
        `${message.replace(/\.$/, '')}. To replace it, use --force: it is kept under another name.`,
      )
    }
  }
  if (tasks > 0 && !force)
    throw refused(
      `The database ${path} contains ${tasks} tasks. To replace it, use --force: it is kept under another name.`,
    )
}

function isInUse(error: unknown): boolean {
  const cause = error instanceof StoreUnavailable ? error.cause : error
  return cause instanceof Error && 'errcode' in cause && (Number(cause.errcode) & 0xff) === 5
}

function flush(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function refused(message: string): StoreUnavailable {
  return new StoreUnavailable(message, { unknown: false })
}
