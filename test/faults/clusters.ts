import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { chaos, nodes, type Figures } from '../chaos/rounds.ts'
import { kill, type Trouble, type Where } from '../chaos/storm.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { fakeTime } from './machine.ts'
import { directions, Network } from './network.ts'
import type { Outcome } from './report.ts'

type Told = (line: string) => void

/** Three nodes in network namespaces of their own; packets between one of them and the database are dropped. */
export async function partitions(lasts: number, seed: number, told: Told): Promise<Outcome> {
  using network = new Network(nodes)
  const { address } = network
  await using server = await startPostgres({ settings: [`listen_addresses=127.0.0.1,${address}`] })
  appendFileSync(join(server.folder, 'data', 'pg_hba.conf'), `host all all ${address}/24 trust\n`)
  await ask(server.url, 'select pg_reload_conf()')
  const url = new URL(server.url)
  url.hostname = address
  const port = Number(url.port)

  const partition = (length: string, msOf: (where: Where) => number): Trouble => ({
    name: `${length} partition`,
    begin: (where) => {
      const { cluster, node, chance } = where
      const [ms, direction] = [msOf(where), chance.of(directions)!]
      const line = { cut: () => network.cut(node, port, direction), mend: () => network.mend(node) }
      const lost = `node ${node} loses packets (${direction}) for ${ms} ms`
      return { told: lost, work: cluster.cutOff(node, ms, line) }
    },
  })
  const short = partition('short', ({ chance, lease }) => chance.between(100, lease * 0.6))
  const long = partition('long', ({ chance, lease }) => lease + chance.between(500, lease))
  const place = (index: number) => ({ under: network.under(index), env: { HOST: network.addressOf(index) } })
  const troubles = [short, long, long, kill]
  return outcomeOf(await chaos(lasts, seed, told, { database: url.href, place, troubles }))
}

/** Somebody else takes all connections of the database, and ends those of the nodes. */
export async function outOfConnections(lasts: number, seed: number, told: Told): Promise<Outcome> {
  await using server = await startPostgres({ settings: ['max_connections=60'] })
  const crowd: Trouble = {
    name: 'out of connections',
    begin: ({ chance, lease }) => {
      const ms = chance.between(500, lease * 1.5)
      return { told: `all connections are taken for ${ms} ms`, work: takeAll(server.url, ms) }
    },
  }
  return outcomeOf(await chaos(lasts, seed, told, { database: server.url, troubles: [crowd, crowd, kill] }))
}

/** Somebody else holds a lock on the tables, or on some rows. */
export async function lockedTables(lasts: number, seed: number, told: Told): Promise<Outcome> {
  await using server = await startPostgres()
  const locks = [
    'lock table fermata.tasks in access exclusive mode',
    'lock table fermata.nodes in exclusive mode',
    'select 1 from fermata.tasks order by random() limit 50 for update',
  ] as const
  const lock: Trouble = {
    name: 'locked tables',
    begin: ({ chance, lease }) => {
      const [ms, text] = [chance.between(300, lease * 1.5), chance.of(locks)!]
      return { told: `${text}, for ${ms} ms`, work: hold(server.url, text, ms) }
    },
  }
  return outcomeOf(
    await chaos(lasts, seed, told, { database: server.url, troubles: [lock, lock, lock, kill] }),
  )
}

/** The wall clocks of the nodes are wrong, and are set again and again. */
export async function wrongClocks(lasts: number, seed: number, told: Told): Promise<Outcome> {
  await using server = await startPostgres()
  const folder = mkdtempSync(join(tmpdir(), 'fermata-clocks-'))
  const file = (index: number) => join(folder, String(index))
  const set = (index: number, offset: string) => writeFileSync(file(index), `${offset}\n`)
  const offsets = ['+0', '+7d', '-7d', '+1h', '-1h', '+3s', '-3s', '+400d'] as const
  for (let index = 0; index < nodes; index++) set(index, offsets[index]!)
  const place = (index: number) => ({
    env: {
      LD_PRELOAD: fakeTime() ?? '',
      FAKETIME_TIMESTAMP_FILE: file(index),
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  const jump: Trouble = {
    name: 'set clock',
    begin: ({ node, chance }) => {
      const offset = chance.of(offsets)!
      set(node, offset)
      return {
        told: `the clock of node ${node} is set to ${offset}`,
        work: sleep(chance.between(100, 1_000)),
      }
    },
  }
  try {
    return outcomeOf(
      await chaos(lasts, seed, told, { database: server.url, place, troubles: [jump, jump, jump, kill] }),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Anything that does not hold throws. */
function outcomeOf({ troubles, checks, tasks, runs, recoveredAfter }: Figures): Outcome {
  const rounds = Object.values(troubles).reduce((sum, count) => sum + count, 0)
  const often = Object.entries(troubles).map(([name, count]) => `${name} ${count}`)
  return {
    rounds,
    checked: checks + tasks + runs,
    violations: 0,
    recovery: recoveredAfter,
    note: often.join(', '),
  }
}

async function ask(url: string, text: string): Promise<void> {
  await hold(url, text, 0)
}

/** Runs a statement in a transaction that stays open for a while. */
async function hold(url: string, text: string, ms: number): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`begin; ${text}`)
    await sleep(ms)
    await client.query('commit')
  } finally {
    await client.end()
  }
}

async function takeAll(url: string, ms: number): Promise<void> {
  const taken: Client[] = []
  const end = performance.now() + ms
  try {
    while (performance.now() < end) {
      const client = new Client({ connectionString: url, application_name: 'crowd' })
      client.on('error', () => undefined)
      try {
        await client.connect()
        taken.push(client)
        await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'fermata%' limit 4`,
        )
      } catch {
        // All are taken, or this one was refused.
        await client.end()
        await sleep(20)
      }
    }
  } finally {
    await Promise.all(taken.map((client) => client.end()))
  }
}
