import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { inject } from 'vitest'
import type { NodeId } from '../../src/core/task.ts'
import type { Clock } from '../../src/core/clock.ts'
import { openMemory, openSharedMemory, type SharedMemory } from '../../src/store/memory/store.ts'
import { addressOf } from '../../src/store/postgres/address.ts'
import { Connection } from '../../src/store/postgres/connection.ts'
import { statementsFor } from '../../src/store/postgres/statements.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { EncryptedStore } from '../../src/store/encryption/encrypted-store.ts'
import { Keyring } from '../../src/store/encryption/keyring.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'

/** Separate storage for one test; `open` reopens it after its store was closed. */
export type Backend = AsyncDisposable &
  Readonly<{
    open(clock: Clock): Promise<Store>
    /** Renews a lease at this time, as the thread of a node does; false if it has expired. Only for shared stores. */
    renew?: (node: NodeId, now: number) => Promise<boolean>
  }>

export type StoreKind = Readonly<{
  name: string
  /** Acknowledged writes survive a close. */
  durable: boolean
  /** Several nodes can open it at the same time. */
  shared: boolean
  /** The same store on an older server, which differs in planning and locking at most. */
  older?: boolean
  /** Calls in one turn of the event loop share a commit. */
  groups: boolean
  /** Above the store, which is tested without as well. */
  encrypts?: boolean
  open(): Promise<Backend>
}>

/** All stores. Each must pass the whole suite. */
export const stores: readonly StoreKind[] = [
  {
    name: 'memory',
    durable: false,
    shared: false,
    groups: false,
    open: async () => backendOf((clock) => openMemory({ clock })),
  },
  {
    name: 'memory with leases',
    durable: false,
    shared: true,
    groups: false,
    open: async () => {
      let store: SharedMemory | undefined
      return {
        open: async (clock) => (store = await openSharedMemory({ clock, lease })),
        renew: async (node) => (await store?.renew(node)) === true,
        [Symbol.asyncDispose]: async () => {},
      }
    },
  },
  {
    name: 'SQLite in memory',
    durable: false,
    shared: false,
    groups: true,
    open: async () => backendOf((clock) => openSqlite(':memory:', { clock })),
  },
  {
    name: 'SQLite in a file',
    durable: true,
    shared: false,
    groups: true,
    open: async () => {
      const folder = await temporaryFolder()
      return backendOf((clock) => openSqlite(join(folder.path, 'tasks.db'), { clock }), folder)
    },
  },
  {
    name: 'SQLite with encryption',
    durable: false,
    shared: false,
    groups: true,
    encrypts: true,
    open: async () => backendOf(async (clock) => encrypted(await openSqlite(':memory:', { clock }))),
  },
  ...postgresKinds().map(({ version, url, encrypts, older }) => ({
    name: `PostgreSQL ${version}${encrypts ? ' with encryption' : ''}`,
    durable: true,
    shared: true,
    older,
    groups: true,
    encrypts,
    open: async (): Promise<Backend> => {
      const schema = await SchemaOfTests.take(url)
      const connection = new Connection(addressOf(url).servers, `renews ${schema.name}`)
      const { renew } = statementsFor(schema.name)
      return {
        open: async (clock) => {
          const store = await openPostgres(url, { clock, schema: schema.name, lease })
          return encrypts ? encrypted(store) : store
        },
        renew: async (node, now) =>
          (await (await connection.session()).alone(renew, [node, now, lease])).length > 0,
        async [Symbol.asyncDispose]() {
          await connection.close()
          await schema[Symbol.asyncDispose]()
        },
      }
    },
  })),
]

/** All servers on this machine, and the first one with encryption. */
function postgresKinds() {
  const every = inject('everyPostgres').map((one, index) => ({ ...one, encrypts: false, older: index > 0 }))
  return [...every, ...every.slice(0, 1).map((one) => ({ ...one, encrypts: true }))]
}

/** What the store answers does not depend on whether it encrypts. */
function encrypted(store: Store): Store {
  const secret = Buffer.alloc(32, 7).toString('base64')
  return new EncryptedStore(store, new Keyring({ encrypts: true, keys: [{ id: 'tests', secret }] }))
}

/** Milliseconds; longer than what passes in most tests, so that no node expires. */
const lease = 3_600_000

/** A schema that is emptied and reused, since creating one takes longer than most tests. */
class SchemaOfTests implements AsyncDisposable {
  static readonly #idle = new Map<string, SchemaOfTests[]>()
  readonly name = newSchema()
  readonly #url: string
  readonly #client: Client

  private constructor(url: string) {
    this.#url = url
    this.#client = new Client({ connectionString: url })
  }

  static async take(url: string): Promise<SchemaOfTests> {
    const idle = this.#idle.get(url)?.pop()
    if (idle !== undefined) return idle
    const made = new SchemaOfTests(url)
    await made.#client.connect()
    return made
  }

  /** Uses `delete`: `truncate` is slower for the few rows of a test. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.query(`
      do $$ declare own record; begin
        for own in select relname, relkind from pg_class
          where relnamespace = '${this.name}'::regnamespace and relkind in ('r', 'S') and relname <> 'migrations'
        loop
          if own.relkind = 'r' then execute format('delete from ${this.name}.%I', own.relname);
          else execute format('alter sequence ${this.name}.%I restart', own.relname); end if;
        end loop;
      end $$`)
    SchemaOfTests.#idle.set(this.#url, [...(SchemaOfTests.#idle.get(this.#url) ?? []), this])
  }
}

/** The name of a new schema. */
export function newSchema(): string {
  return `test_${randomUUID().replaceAll('-', '')}`
}

export async function temporaryFolder(): Promise<AsyncDisposable & Readonly<{ path: string }>> {
  const path = await mkdtemp(join(tmpdir(), 'fermata-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

function backendOf(open: (clock: Clock) => Promise<Store>, folder?: AsyncDisposable): Backend {
  return { open, [Symbol.asyncDispose]: async () => folder?.[Symbol.asyncDispose]() }
}
