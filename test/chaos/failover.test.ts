import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { test } from 'vitest'
import { Witness } from '../crash/witness.ts'
import { Chance, seedOf } from '../support/chance.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { addressOfAll, startStandby } from '../support/standby.ts'
import { auditDatabase, auditTasks } from './audit.ts'
import { narrowLimit } from '../fixtures/chaos.ts'
import { Client as Caller } from './load.ts'
import { checkAll, finish, settled, until } from './checks.ts'
import { Cluster } from './cluster.ts'

/** Milliseconds before the standby is promoted, as a cluster manager needs time to detect the failure. */
const noticed = 1_000

test('nothing acknowledged is lost when a primary with a synchronous standby is killed under load', async () => {
  const seed = seedOf('CHAOS_SEED')
  console.log(`fail-over with the seed ${seed}`)
  await using primary = await startPostgres()
  await using standby = await startStandby(primary)
  await ask(primary.url, `alter system set synchronous_standby_names = 'standby'`)
  await ask(primary.url, 'select pg_reload_conf()')
  await until('the standby is synchronous', async () => {
    const [row] = await ask(primary.url, 'select sync_state from pg_stat_replication')
    return row?.['sync_state'] === 'sync'
  })

  const database = addressOfAll([primary, standby])
  await using nodes = await Cluster.start({ database, nodes: 2, slots: 12, lease: 5 })
  const witness = new Witness()
  const dice = new Chance(seed)
  const somewhere = () => nodes.some(dice)
  const callers = Array.from(
    { length: 12 },
    (_, index) =>
      new Caller({
        name: `${index}`,
        witness,
        chance: new Chance(seed + index),
        somewhere,
        full: () => false,
      }),
  )
  const over = new AbortController()
  const working = Promise.all(callers.map((caller) => caller.work(over.signal)))
  await Promise.race([working, until('more is acknowledged', async () => witness.tasks.size > 300)])
  await primary.kill()
  const killed = performance.now()
  const before = witness.tasks.size
  await sleep(noticed)
  await standby.promote()
  const promoted = performance.now()
  await Promise.race([working, until('more is acknowledged', async () => witness.tasks.size > before)])
  const back = performance.now()
  await Promise.race([working, until('more is acknowledged', async () => witness.tasks.size > before + 300)])
  over.abort()
  await working
  await Promise.all(callers.map((caller) => caller.settle()))

  await settled(witness, somewhere)
  await finish(witness, somewhere)
  await checkAll(witness, [...witness.tasks.values()], somewhere, true)
  await auditTasks([...witness.tasks.keys()], nodes.urls, narrowLimit)
  await auditDatabase(standby.url, witness.tasks.size)
  const figures = {
    tasks: witness.tasks.size,
    beforeTheKill: before,
    msAfterThePromotion: Math.round(back - promoted),
    msAfterTheKill: Math.round(back - killed),
  }
  console.log(`fail-over: ${JSON.stringify(figures)}`)
})

async function ask(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}
