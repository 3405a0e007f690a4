import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './core/clock.ts'
import { StoreUnavailable } from './core/errors.ts'
import { comesLater } from './store/postgres/failures.ts'
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

/** Opens the store that this address names, and brings it up to date. Throws `StoreUnavailable`; without patience at once. */
export function openStore(database: string, clock: Clock, patience?: Patience): Promise<Store> {
  return withDatabase(database, {
    sqlite: (path) => openSqlite(path, { clock }),
    // Loaded here, so that who does not use it does not wait for it.
    postgres: async (url) => (await import('./store/postgres/store.ts')).openPostgres(url),
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
  const path = /^sqlite:(.+)$/.exec(database)?.[1]
  if (path !== undefined) return sqlite(path)
  if (!/^postgres(?:ql)?:\/\//.test(database)) {
    throw new StoreUnavailable(
      `The database ${JSON.stringify(database)} is not one that this program can open: use sqlite:PATH, sqlite::memory: or postgres://...`,
      { unknown: false },
    )
  }
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
