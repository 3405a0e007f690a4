import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { addressOf } from '../../src/store/postgres/address.ts'
import { Connection } from '../../src/store/postgres/connection.ts'
import { statementsFor } from '../../src/store/postgres/statements.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { openMemory, openSharedMemory } from '../../src/store/memory/store.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Backend } from './database.ts'
import type { OpenBackend } from './world.ts'
import { epoch } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The reference store, alone or shared: nothing but computation. */
export const simulated: OpenBackend = async ({ setting }, time, machines): Promise<Backend> => {
  const { groups, lease } = setting
  if (setting.shared) {
    const store = await openSharedMemory({ clock: clockOf(time, () => Math.floor(epoch + time.now)), lease })
    return {
      shared: true,
      groups,
      truth: store,
      open: async () => store,
      renew: (node) => store.renew(node),
      prepare: (submissions, options) => store.prepare(submissions, options),
      [Symbol.asyncDispose]: async () => {},
    }
  }
  const store = await openMemory({ clock: clockOf(time, () => machines[0]!.wall) })
  return {
    shared: false,
    groups,
    truth: store,
    open: async () => store,
    [Symbol.asyncDispose]: async () => {},
  }
}

/** The embedded database. */
export const sqlite: OpenBackend = async (_, time, machines): Promise<Backend> => {
  const store = await openSqlite(':memory:', { clock: clockOf(time, () => machines[0]!.wall) })
  return {
    shared: false,
    groups: true,
    truth: store,
    open: async () => store,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** A real database in its own schema; each process opens it for itself. Its time is virtual. */
export const postgres: OpenBackend = async ({ setting: { lease } }, time): Promise<Backend> => {
  const url = process.env['SIMULATION_POSTGRES']
  if (url === undefined) throw new Error('a PostgreSQL is needed: --url')
  const schema = `simulation_${randomUUID().replaceAll('-', '')}`
  const clock = clockOf(time, () => Math.floor(epoch + time.now))
  const open = () => openPostgres(url, { clock, schema, lease })
  const truth = await open()
  const stores = new Map<SimulatedProcess, Store>()
  const connection = new Connection(addressOf(url).servers, `renews ${schema}`)
  const { renew } = statementsFor(schema)
  const close = async (of: SimulatedProcess) => {
    const store = stores.get(of)
    stores.delete(of)
    await store?.[Symbol.asyncDispose]()
  }
  return {
    shared: true,
    groups: false,
    truth,
    open: async (of) => {
      const store = await open()
      stores.set(of, store)
      return store
    },
    close,
    renew: async (node) =>
      (await (await connection.session()).alone(renew, [node, clock.now(), lease])).length > 0,
    async [Symbol.asyncDispose]() {
      await Promise.all([...stores.keys()].map(close))
      await connection.close()
      await truth[Symbol.asyncDispose]()
      const client = new Client({ connectionString: url })
      await client.connect()
      await client.query(`drop schema ${schema} cascade`)
      await client.end()
    },
  }
}

function clockOf(time: VirtualTime, now: () => number) {
  return {
    now,
    monotonic: () => time.now,
    after: () => () => {},
  }
}
