import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Witness } from '../crash/witness.ts'
import { narrowLimit } from '../fixtures/chaos.ts'
import { Chance } from '../support/chance.ts'
import { call } from './calls.ts'
import { auditDatabase, auditTasks } from './audit.ts'
import { checkAll, finish, retryPoisoned, settled, type Somewhere } from './checks.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { checkAlone, checkLimit, checkOutages, checkResumes, readRuns, slowestStop } from './journal.ts'
import { Client } from './load.ts'
import { storm, usual, type Trouble } from './storm.ts'

export type Figures = Readonly<{
  /** How often each thing was done. */
  troubles: Readonly<Record<string, number>>
  seed: number
  calls: number
  /** `away`: calls that were refused. `doubts`: controls without a response. */
  away: number
  doubts: number
  tasks: number
  checks: number
  runs: number
  /** Runs that continued from a checkpoint of an earlier one. */
  resumed: number
  poisoned: number
  /** Maximum concurrent runs of the limited type, according to its handlers. */
  mostAtOnce: number
  /** Milliseconds from when a node woke with an expired lease until its last handler ended. */
  slowestStop: number
  /** Handlers that ended during an outage longer than a lease. */
  stoppedInOutages: number
  /** Milliseconds from the end of the last fault until all nodes accept work. */
  recoveredAfter: number
}>

/** Seconds. On a busy machine, a node would lose a shorter one. */
const lease = 4
export const nodes = 3
const slots = 12
const clientCount = 16
/** Queued tasks beyond which clients stop submitting, since all must end after the storm. */
const enough = 1_000
/** How many ended tasks to check again at a time. */
const sample = 40

/** What else can happen than usual, and where. */
type Surroundings = Pick<ClusterOptions, 'database' | 'place'> & Readonly<{ troubles?: readonly Trouble[] }>

/** Injects faults into three nodes on one PostgreSQL under load, and checks every promise. `lasts`: seconds. */
export async function chaos(
  lasts: number,
  seed: number,
  report: (line: string) => void = () => {},
  { troubles: kinds = usual, ...own }: Surroundings = {},
): Promise<Figures> {
  const chance = new Chance(seed)
  const witness = new Witness()
  await using cluster = await Cluster.start({ nodes, slots, lease, ...own })
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
  const options = {
    cluster,
    chance,
    nodes,
    lease: lease * 1_000,
    lasts: lasts * 1_000,
    report,
    troubles: kinds,
  }
  const troubles = await Promise.race([storm(options), failed.then(() => assert.fail('the clients ended'))])
  const stormEnded = performance.now()
  await cluster.whole()
  over.abort()
  await failed
  await Promise.all(clients.map((client) => client.settle()))
  const recoveredAfter = performance.now() - stormEnded
  report(`the storm is over: ${witness.tasks.size} tasks were acknowledged`)

  await settled(witness, somewhere)
  const poisoned = await retryPoisoned(witness, somewhere)
  await finish(witness, somewhere)
  await auditTasks([...witness.tasks.keys()], cluster.urls, narrowLimit)
  await auditDatabase(cluster.database, witness.tasks.size)
  const runs = readRuns(cluster.journal)
  const { happened } = cluster
  checkAlone(runs, happened)
  return {
    troubles,
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
    recoveredAfter: Math.round(recoveredAfter),
  }
}

/** Keeps checking that ended tasks never change. */
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
