import { StoreDamaged, StoreLost, StoreUnavailable } from '../../core/errors.ts'

/**
 * Primary result codes that concern the medium, not one row: BUSY, LOCKED, READONLY, IOERR, CORRUPT, FULL, CANTOPEN,
 * PROTOCOL, NOTADB.
 */
const mediumCodes = new Set([5, 6, 8, 10, 11, 13, 14, 15, 26])

const full = 13
const busy = 5
const ioError = 10

/**
 * CORRUPT and NOTADB; IOERR_DATA and IOERR_CORRUPTFS, by which a file system reports the same. SQLite reports a read that
 * fails with EIO as CORRUPT too, although it may pass.
 */
const damageCodes = new Set([11, 26])
const damageOfMedium = new Set([8_202, 8_458])

/** The code from node:sqlite; undefined if the error does not come from the database. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined
}

export function isOfMedium(error: unknown): boolean {
  return mediumCodes.has((codeOf(error) ?? 0) & 0xff)
}

export function isFull(error: unknown): boolean {
  return ((codeOf(error) ?? 0) & 0xff) === full
}

/** Nothing was written, and the connection is unchanged. */
export function leavesNoDoubt(error: unknown): boolean {
  return isFull(error) || ((codeOf(error) ?? 0) & 0xff) === busy
}

/** IOERR_FSYNC and IOERR_DIR_FSYNC. */
const flushCodes = new Set([1_034, 1_290])

/** A flush failed: what it was to write is readable, but it is not on the disk, and no later flush writes it. */
export function isOfFlush(error: unknown): boolean {
  return flushCodes.has(codeOf(error) ?? 0)
}

export function isDamage(error: unknown): boolean {
  const code = codeOf(error) ?? 0
  return damageCodes.has(code & 0xff) || damageOfMedium.has(code)
}

/** What a caller is told about a failed medium. `unknown`: it failed during the commit. */
export function refusalFor(cause: unknown, unknown: boolean): StoreUnavailable {
  if (cause instanceof StoreLost) return new StoreLost(cause.message, { unknown, cause: cause.cause })
  if (cause instanceof StoreUnavailable && cause.unknown === unknown) return cause
  if (isDamage(cause)) return new StoreDamaged(damaged(cause), { unknown, cause })
  return new StoreUnavailable(messageFor(cause, unknown), { unknown, cause })
}

function messageFor(cause: unknown, unknown: boolean): string {
  if (unknown) {
    return 'The database failed during a commit: it is unknown whether this was recorded. Check before you try again.'
  }
  if (isFull(cause)) return fullMessage
  const said =
    ((codeOf(cause) ?? 0) & 0xff) === ioError ? ` (${(cause as Error).message}: see the system log)` : ''
  return `The database cannot be written at the moment${said}. Nothing was recorded. Try again later.`
}

const fullMessage =
  'The disk is full: nothing was recorded. Tasks can still be cancelled and deleted, and the space this frees is reused. Try again later.'

/** The database's own error: for writes that would take the room kept for others. */
export function diskFull(): Error {
  return Object.assign(new Error('database or disk is full'), { errcode: full })
}

function damaged(cause: unknown): string {
  return `The database is damaged (${(cause as Error).message}). All writes are refused. Stop the server, keep a copy of the file, and restore a backup or recover what is left with "sqlite3 FILE .recover".`
}
