import { describe, expect, test } from 'vitest'
import { openTaskManager } from '../../src/index.ts'
import { connectToPrimary } from '../../src/store/postgres/primary.ts'
import { addressOf } from '../../src/store/postgres/address.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { newSchema } from '../conformance/stores.ts'
import { quick } from '../fixtures/quick.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { addressOfAll, startStandby } from '../support/standby.ts'
import { until } from '../support/until.ts'
import { Client } from 'pg'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** The port of the server that a node would choose. */
async function primaryOf(servers: readonly PostgresServer[]): Promise<number> {
  const { servers: addresses } = addressOf(addressOfAll(servers))
  const client = await connectToPrimary(
    addresses,
    (server) => new Client({ connectionString: server, connectionTimeoutMillis: 5_000 }),
  )
  const { port } = client
  await client.end()
  return port
}

const portOf = ({ url }: PostgresServer) => Number(new URL(url).port)

describe('an address with several servers', () => {
  test('leads to the writable one, before and after a fail-over', async () => {
    await using primary = await startPostgres()
    await using standby = await startStandby(primary)
    const both = [standby, primary]
    expect(await primaryOf(both)).toBe(portOf(primary))
    await expect(openPostgres(standby.url)).rejects.toThrow(/standby or read-only/)

    const database = `${addressOfAll(both)}&schema=${newSchema()}&lease=15`
    const open = (maxConcurrent: number) =>
      openTaskManager({ database, tasks: [quick], maxConcurrent, drain: 1, logger: quiet })
    await using api = await open(0)
    await using worker = await open(2)
    expect(await (await api.submit(quick, { a: 1 })).result()).toBe(2)

    // Replication is asynchronous here, and every acknowledged write must be there afterwards.
    await caughtUp(primary, standby)
    await primary.stop()
    await standby.promote()
    expect(await primaryOf(both)).toBe(portOf(standby))
    const handle = await until('a submit is taken', () => api.submit(quick, { a: 2 }).catch(() => null))
    expect(await handle.result()).toBe(4)
    // Those that lost their lease meanwhile have started over.
    await until('both nodes are there', async () => (await worker.nodes()).length === 2)

    // The old primary returns unchanged and is writable, but must not be chosen any more.
    await primary.start()
    expect(await primaryOf([primary, standby])).toBe(portOf(standby))
    expect(await (await api.submit(quick, { a: 3 })).result()).toBe(6)
  })

  test('reports what is wrong with each server', async () => {
    await using server = await startPostgres()
    const { host } = new URL(server.url)
    const opening = openPostgres(`postgres://postgres:wrong@127.0.0.1:1,${host}/postgres`)
    await expect(opening).rejects.toThrow(
      /127\.0\.0\.1:1: .*ECONNREFUSED.*; .*password authentication failed/,
    )
  })
})

async function caughtUp(primary: PostgresServer, standby: PostgresServer): Promise<void> {
  const [{ position }] = await ask(primary, 'select pg_current_wal_lsn() as position')
  const question = 'select pg_last_wal_replay_lsn() >= $1 as there'
  await until('the standby has it', async () => (await ask(standby, question, [position]))[0]['there'])
}

async function ask(
  { url }: PostgresServer,
  text: string,
  values: unknown[] = [],
): Promise<[Record<string, unknown>]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text, values)).rows as [Record<string, unknown>]
  } finally {
    await client.end()
  }
}
