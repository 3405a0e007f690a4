import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Witness, type Witnessed } from '../crash/witness.ts'
import { narrowLimit } from '../fixtures/chaos.ts'
import { Chance } from '../support/chance.ts'
import { auditDatabase, auditTasks } from './audit.ts'
import { call, look } from './calls.ts'
import { Cluster } from './cluster.ts'
import { checkAlone, checkOutages, checkResumes, mostAtOnce, readRuns, slowestStop } from './journal.ts'
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

/** Seconds. */
const lease = 3
const nodes = 3
const slots = 12
const clientCount = 16
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
  const clients = Array.from(
    { length: clientCount },
    (_, index) =>
      new Client({ name: `${seed}-${index}`, witness, chance: new Chance(seed * 31 + index), somewhere }),
  )
  const over = new AbortController()
  const failed = Promise.all([
    ...clients.map((client) => client.work(over.signal)),
    review(witness, dice, somewhere, over.signal),
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
  const atOnce = mostAtOnce(runs, 'narrow', happened)
  assert(atOnce <= narrowLimit, `${atOnce} of a type with the limit ${narrowLimit} worked at once`)
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
    mostAtOnce: atOnce,
    slowestStop: Math.round(slowestStop(runs, happened)),
    stoppedInOutages: checkOutages(runs, happened),
    calmAfter: Math.round(calmAfter),
  }
}

type Somewhere = () => string | undefined

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

/** Looks at each once; those that no node can show now are passed over, unless they must be `seen`. */
async function checkAll(
  witness: Witness,
  tasks: readonly Witnessed[],
  somewhere: Somewhere,
  seen: boolean,
): Promise<void> {
  for (let at = 0; at < tasks.length; at += 16) {
    await Promise.all(
      tasks.slice(at, at + 16).map(async (task) => {
        const shown = await look(somewhere() ?? '', task.id)
        if (shown !== 'away') witness.check(task, shown, seen)
        else if (seen) assert.fail(`nobody shows the task ${task.id}`)
      }),
    )
  }
}

/** Waits until no control is under way any more; then each task is as its client was told last. */
async function settled(witness: Witness, somewhere: Somewhere): Promise<void> {
  const moving = new Set(['pausing', 'cancelling'])
  await until('no control is under way', async () => {
    await checkAll(witness, witness.open(), somewhere, false)
    return witness.open().every(({ last }) => !moving.has(last?.status ?? ''))
  })
  await checkAll(witness, [...witness.tasks.values()], somewhere, true)
}

/** They were lost too often in a row without a checkpoint, and go on when they are asked to. */
async function retryPoisoned(witness: Witness, somewhere: Somewhere): Promise<number> {
  const poisoned = witness.poisoned()
  for (const task of poisoned) {
    const retried = await call(somewhere()!, 'POST', `/api/task/${task.id}/retry?wait=0`)
    assert(retried.kind === 'answered' && retried.status === 200, `a failed task can be retried: ${task.id}`)
    task.last = undefined
    task.wish = 'none'
  }
  return poisoned.length
}

/** Resumes what is paused, through any node; then all must end, each with its right result. */
async function finish(witness: Witness, somewhere: Somewhere): Promise<void> {
  for (const task of witness.open()) {
    task.inDoubt = false
    if (task.last?.status === 'paused') {
      const resumed = await call(somewhere()!, 'POST', `/api/task/${task.id}/resume?wait=0`)
      assert(resumed.kind === 'answered' && resumed.status === 200, `a paused task resumes: ${task.id}`)
    }
    task.wish = 'none'
  }
  await until('all tasks have ended', async () => {
    await checkAll(witness, witness.open(), somewhere, false)
    return witness.open().length === 0
  })
}

/** Milliseconds without any progress after which something is stuck. */
async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000
  while (!(await reached())) {
    assert(performance.now() < end, `waited in vain until ${what}`)
    await sleep(200)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
