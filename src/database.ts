import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './core/clock.ts'
import { DatabaseInvalid, StoreUnavailable } from './core/errors.ts'
import { nearest } from './core/nearest.ts'
import { addressOf } from './store/postgres/address.ts'
import { comesLater } from './store/postgres/failures.ts'
import { pathOf } from './store/sqlite/address.ts'
import { migrateSqlite } from './store/sqlite/connection.ts'
import { openSqlite } from './store/sqlite/store.ts'
import type { Migrated, Store } from './store/store.ts'

/** For a PostgreSQL that is not there yet: while it starts, or fails over. */
export type Patience = Readonly<{
  /** Ends the waiting: its reason is thrown. */
  signal: AbortSignal
  /** It is not there, and this is why; `waited`: milliseconds until now. */
  waiting: (why: StoreUnavailable, waited: number) => void
}>

/** Milliseconds between tries. */
const tryAgainAfter = 1_000

type OpenSettings = Readonly<{
  patience?: Patience | undefined
  /** Whether the process ends when its lease does and the main thread does not listen. */
  endsProcess?: boolean
}>

/** Opens the store that this address names, and brings it up to date. Throws `DatabaseInvalid`, and `StoreUnavailable`; without patience at once. */
export function openStore(
  database: string,
  clock: Clock,
  { patience, endsProcess = false }: OpenSettings = {},
): Promise<Store> {
  return withDatabase(database, {
    sqlite: (path) => openSqlite(path, { clock }),
    // Loaded here, so that who does not use it does not wait for it.
    postgres: async (url) => (await import('./store/postgres/store.ts')).openPostgres(url, { endsProcess }),
    patience,
  })
}

/** Brings the database up to date, or makes it, and leaves it. Throws `StoreUnavailable`. */
export function migrate(database: string, patience?: Patience): Promise<Migrated> {
  return withDatabase(database, {
    sqlite: async (path) => migrateSqlite(path),
    postgres: async (url) => (await import('./store/postgres/migrating.ts')).migratePostgres(url),
    patience,
  })
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

/** What kind of address this is. Throws `DatabaseInvalid`, with the remedy, for one that is a mistake; opens nothing. */
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
