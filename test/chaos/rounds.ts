import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Witness } from '../crash/witness.ts'
import { narrowLimit } from '../fixtures/chaos.ts'
import { Chance } from '../support/chance.ts'
import { call } from './calls.ts'
import { auditDatabase, auditTasks } from './audit.ts'
import { checkAll, finish, retryPoisoned, settled, type Somewhere } from './checks.ts'
import { Cluster } from './cluster.ts'
import { checkAlone, checkLimit, checkOutages, checkResumes, readRuns, slowestStop } from './journal.ts'
import { Client } from './load.ts'
import { storm, type Troubles } from './storm.ts'

export type Figures = Troubles &
  Readonly<{
    seed: number
    calls: number
    /** Calls that were told to come again, and controls that were not answered at all. */
    away: number
    doubts: number
    tasks: number
    checks: number
    runs: number
    /** Runs that went on from a checkpoint of an earlier one. */
    resumed: number
    poisoned: number
    /** Of the type that is limited, as its handlers saw it. */
    mostAtOnce: number
    /** Milliseconds from the waking of a node whose lease was over to the end of its last handler. */
    slowestStop: number
    /** Handlers that ended during an outage that was longer than a lease. */
    stoppedInOutages: number
    /** Milliseconds from the end of the last trouble until all nodes take work. */
    calmAfter: number
  }>

/** Seconds. Shorter ones are lost to other processes on a busy machine. */
const lease = 4
const nodes = 3
const slots = 12
const clientCount = 16
/** Queued tasks beyond which the clients submit nothing: what waits must end when the storm is over. */
const enough = 1_000
/** Ended tasks that are looked at again, at a time. */
const sample = 40

/** Three nodes on one PostgreSQL under load, to which everything happens, and what must hold whatever happens. `lasts`: seconds. */
export async function chaos(
  lasts: number,
  seed: number,
  report: (line: string) => void = () => {},
): Promise<Figures> {
  const chance = new Chance(seed)
  const witness = new Witness()
  await using cluster = await Cluster.start({ nodes, slots, lease })
  const dice = new Chance(seed * 7 + 1)
  const somewhere = () => cluster.some(dice)
  let queued = 0
  const full = () => queued > enough
  const clients = Array.from({ length: clientCount }, (_, index) => {
    const name = `${seed}-${index}`
    return new Client({ name, witness, chance: new Chance(seed * 31 + index), somewhere, full })
  })
  const over = new AbortController()
  const failed = Promise.all([
    ...clients.map((client) => client.work(over.signal)),
    review(witness, dice, somewhere, over.signal),
    watchQueue(somewhere, over.signal, (count) => {
      queued = count
    }),
  ])
  const options = { cluster, chance, nodes, lease: lease * 1_000, lasts: lasts * 1_000, report }
  const troubles = await Promise.race([storm(options), failed.then(() => assert.fail('the clients ended'))])
  const calm = performance.now()
  await cluster.whole()
  over.abort()
  await failed
  await Promise.all(clients.map((client) => client.settle()))
  const calmAfter = performance.now() - calm
  report(`calm: ${witness.tasks.size} tasks were acknowledged`)

  await settled(witness, somewhere)
  const poisoned = await retryPoisoned(witness, somewhere)
  await finish(witness, somewhere)
  await auditTasks([...witness.tasks.keys()], cluster.urls, narrowLimit)
  await auditDatabase(cluster.database, witness.tasks.size)
  const runs = readRuns(cluster.journal)
  const { happened } = cluster
  checkAlone(runs, happened)
  return {
    ...troubles,
    seed,
    calls: sum(clients.map(({ calls }) => calls)),
    away: sum(clients.map(({ away }) => away)),
    doubts: sum(clients.map(({ doubts }) => doubts)),
    tasks: witness.tasks.size,
    checks: witness.checks,
    runs: runs.length,
    resumed: checkResumes(runs),
    poisoned,
    mostAtOnce: checkLimit(runs, 'narrow', narrowLimit, happened),
    slowestStop: Math.round(slowestStop(runs, happened)),
    stoppedInOutages: checkOutages(runs, happened),
    calmAfter: Math.round(calmAfter),
  }
}

/** Looks again and again at tasks that have ended: they never change. */
async function review(
  witness: Witness,
  chance: Chance,
  somewhere: Somewhere,
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    const ended = witness.ended()
    const some = Array.from({ length: Math.min(sample, ended.length) }, () => chance.of(ended)!)
    await checkAll(witness, some, somewhere, false)
    await sleep(500)
  }
}

async function watchQueue(
  somewhere: Somewhere,
  over: AbortSignal,
  learn: (queued: number) => void,
): Promise<void> {
  while (!over.aborted) {
    const url = somewhere()
    const answer = url === undefined ? undefined : await call(url, 'GET', '/api/stats')
    if (answer?.kind === 'answered') {
      learn((answer.body as { counts: { queued?: number } }).counts.queued ?? 0)
    }
    await sleep(500)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
