import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './core/clock.ts'
import { DatabaseInvalid, DocumentUnreadable, StoreUnavailable } from './core/errors.ts'
import { nearest } from './core/nearest.ts'
import { addressOf } from './store/postgres/address.ts'
import { noEncryption, type EncryptionKeys } from './core/encryption-keys.ts'
import { EncryptedStore } from './store/encryption/encrypted-store.ts'
import { Keyring } from './store/encryption/keyring.ts'
import { comesLater } from './store/postgres/failures.ts'
import { pathOf } from './store/sqlite/address.ts'
import type { Finding, KeyNames } from './store/examination.ts'
import { compactSqlite, migrateSqlite } from './store/sqlite/connection.ts'
import { restoreSqlite, type Restored } from './store/sqlite/restoring.ts'
import { openSqlite } from './store/sqlite/store.ts'
import type { Migrated, Store } from './store/store.ts'
import type { TransferSource, TransferTarget } from './store/transfer.ts'

/** For a PostgreSQL that is not available yet, because it is starting or failing over. */
export type Patience = Readonly<{
  /** Ends the waiting; its reason is thrown. */
  signal: AbortSignal
  /** Called while the database is unavailable, with the reason; `waited`: milliseconds so far. */
  waiting: (why: StoreUnavailable, waited: number) => void
}>

/** Milliseconds between attempts. */
const tryAgainAfter = 1_000

type OpenSettings = Readonly<{
  patience?: Patience | undefined
  /** Whether the process ends when its lease does and the main thread does not respond. */
  endsProcess?: boolean
  /** For what is encrypted. Default: none. */
  keys?: EncryptionKeys
}>

/**
 * Opens and migrates the store for a database URL. Throws `DatabaseInvalid`, and `StoreUnavailable`, without patience
 * immediately.
 */
export async function openStore(
  database: string,
  clock: Clock,
  { patience, endsProcess = false, keys = noEncryption }: OpenSettings = {},
): Promise<Store> {
  const opened = await withDatabase<Store>(database, {
    sqlite: (path) => openSqlite(path, { clock }),
    // Loaded on demand, so that users of one store do not wait for the other.
    postgres: async (url) => (await import('./store/postgres/store.ts')).openPostgres(url, { endsProcess }),
    patience,
  })
  return new EncryptedStore(opened, new Keyring(keys))
}

/**
 * A node without keys must not start on a database with encrypted tasks: it could not run them, and would write plain text
 * beside them. Throws `DocumentUnreadable`.
 */
export async function mustNotNeedKeys(store: Store): Promise<void> {
  const { entries } = await store.list({ filter: {}, order: 'newest', after: null, limit: 1, scan: 1 })
  const [newest] = entries
  if (newest?.unreadable !== undefined) throw new DocumentUnreadable(newest.task, newest.unreadable)
}

/** Creates or migrates the database, and closes it. Throws `StoreUnavailable`. */
export function migrate(database: string, patience?: Patience): Promise<Migrated> {
  return withDatabase(database, {
    sqlite: async (path) => migrateSqlite(path),
    postgres: async (url) => (await import('./store/postgres/migrating.ts')).migratePostgres(url),
    patience,
  })
}

/** Puts a backup in the place of an embedded database that no process has open. Throws `StoreUnavailable`. */
export function restore(
  database: string,
  backup: string,
  options: Readonly<{ force: boolean; now: Date }>,
): Restored {
  const address = checkAddress(database)
  if (address.kind === 'sqlite') return restoreSqlite(backup, address.path, options)
  throw new DatabaseInvalid(
    database,
    'a backup file can only be restored to a SQLite database; use the backups of your PostgreSQL',
  )
}

/** Either side of a transfer. */
export type Transfer = TransferSource & TransferTarget

/**
 * Opens a whole database for reading or writing everything in it. `alone`: no node may have it open, as always with SQLite.
 * Throws `DatabaseInvalid` and `StoreUnavailable`.
 */
export function openTransfer(database: string, alone: boolean): Promise<Transfer> {
  return withDatabase<Transfer>(database, {
    sqlite: async (path) => (await import('./store/sqlite/transfer.ts')).openSqliteTransfer(path),
    postgres: async (url) =>
      (await import('./store/postgres/transfer.ts')).openPostgresTransfer(url, { alone }),
    patience: undefined,
  })
}

/** What is right and wrong with a database; `version` of this program. Creates nothing. */
export function examine(database: string, version: string, keys: KeyNames): Promise<Finding[]> {
  return withDatabase<Finding[]>(database, {
    sqlite: async (path) => (await import('./store/sqlite/examining.ts')).examineSqlite(path, keys),
    postgres: async (url) =>
      (await import('./store/postgres/examining.ts')).examinePostgres(url, version, keys),
    patience: undefined,
  })
}

/** Gives free space of a SQLite file back to the disk; null for PostgreSQL, which reuses it. */
export function compact(database: string): Readonly<{ before: number; after: number }> | null {
  const address = checkAddress(database)
  return address.kind === 'sqlite' && address.path !== ':memory:' ? compactSqlite(address.path) : null
}

type Ways<T> = Readonly<{
  sqlite: (path: string) => Promise<T>
  postgres: (url: string) => Promise<T>
  patience: Patience | undefined
}>

async function withDatabase<T>(database: string, { sqlite, postgres, patience }: Ways<T>): Promise<T> {
  const address = checkAddress(database)
  if (address.kind === 'sqlite') return sqlite(address.path)
  const began = performance.now()
  for (;;) {
    try {
      return await postgres(database)
    } catch (error) {
      if (patience === undefined || !(error instanceof StoreUnavailable) || !comesLater(error)) throw error
      patience.signal.throwIfAborted()
      patience.waiting(error, performance.now() - began)
      await sleep(tryAgainAfter, undefined, { signal: patience.signal })
    }
  }
}

type Checked = Readonly<{ kind: 'sqlite'; path: string }> | Readonly<{ kind: 'postgres' }>

/** The kind of a database URL. Throws `DatabaseInvalid`, with a remedy, if it is invalid; opens nothing. */
export function checkAddress(database: string, platform: NodeJS.Platform = process.platform): Checked {
  const refuse = (why: string): never => {
    throw new DatabaseInvalid(database, why)
  }
  if (/^\s|\s$/.test(database)) refuse('remove the space or line break at its beginning or end')
  if (/^["'`]/.test(database)) refuse('remove the quotes')
  const scheme = /^([a-z][\w+.-]+):/i.exec(database)?.[1]
  if (scheme === 'sqlite') return { kind: 'sqlite', path: pathOf(database, platform) }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    addressOf(database)
    return { kind: 'postgres' }
  }
  const meant = scheme === undefined ? undefined : nearest(scheme, ['sqlite', 'postgres', 'postgresql'])
  return refuse(
    meant === undefined
      ? 'write sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE'
      : `did you mean ${meant}:?`,
  )
}
