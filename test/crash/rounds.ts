import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { programEnv, TestServer } from '../support/server.ts'
import { Chance } from '../support/chance.ts'
import { auditFile } from './audit.ts'
import { Client, look } from './load.ts'
import { Witness, type Witnessed } from './witness.ts'

export type Figures = Readonly<{
  rounds: number
  seed: number
  calls: number
  tasks: number
  checks: number
  /** Tasks that failed because they were lost too often in a row; they complete after a retry. */
  poisoned: number
  /** Milliseconds from the start of the process to its first response. */
  slowestStart: number
}>

/** How many ended tasks to check again in each round; at the end, all of them. */
const sample = 200
const clientCount = 8
const main = join(import.meta.dirname, '../../src/main.ts')

/** Kills a real server under load repeatedly, and checks through its API that it kept its promises. */
export async function crashRounds(
  rounds: number,
  seed: number,
  report: (line: string) => void = () => {},
): Promise<Figures> {
  const chance = new Chance(seed)
  const witness = new Witness()
  const clients = Array.from(
    { length: clientCount },
    (_, index) => new Client(`${seed}-${index}`, witness, new Chance(seed * 31 + index)),
  )
  let directory: string | undefined
  let slowestStart = 0
  const start = async (slots = 20) => {
    const began = performance.now()
    const server = await TestServer.start({
      env: { FERMATA_MAX_CONCURRENT: String(slots), LOG_LEVEL: 'info' },
      ...(directory === undefined ? {} : { directory }),
    })
    slowestStart = Math.max(slowestStart, performance.now() - began)
    directory = server.directory
    return server
  }

  for (let round = 0; round < rounds; round++) {
    // Some servers are killed before their first request, during recovery.
    if (directory !== undefined && round % 3 === 0) await stillborn(directory, chance.between(100, 450))
    const server = await start()
    const over = new AbortController()
    try {
      await checkAll(server.url, witness, [...witness.open(), ...some(witness.ended(), chance)])
      const working = clients.map((client) => client.work(server.url, over.signal))
      await pause(chance.between(250, 900))
      await server.stop('SIGKILL')
      over.abort()
      await Promise.all(working)
    } finally {
      await server.stop('SIGKILL')
    }
    report(
      `round ${round + 1} of ${rounds}: ${witness.tasks.size} tasks acknowledged, ${witness.checks} checks`,
    )
  }

  // Enough slots for all tasks that were paused, which resume at once.
  await using server = await start(1_000)
  await checkAll(server.url, witness, [...witness.tasks.values()])
  const poisoned = await retryPoisoned(server.url, witness)
  await finish(server.url, witness)
  await server.stop('SIGTERM')
  audit(join(server.directory, 'fermata.db'), witness.tasks.size)
  const calls = clients.reduce((sum, client) => sum + client.calls, 0)
  return { rounds, seed, calls, tasks: witness.tasks.size, checks: witness.checks, poisoned, slowestStart }
}

async function stillborn(directory: string, lifetime: number): Promise<void> {
  const child = spawn(process.execPath, [main, 'serve'], {
    env: { ...programEnv, PORT: '0', DATABASE_URL: `sqlite:${join(directory, 'fermata.db')}` },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => {
    child.on('close', resolve)
  })
  await pause(lifetime)
  child.kill('SIGKILL')
  await ended
}

async function checkAll(url: string, witness: Witness, tasks: readonly Witnessed[]): Promise<void> {
  for (let at = 0; at < tasks.length; at += 32) {
    await Promise.all(
      tasks.slice(at, at + 32).map(async (task) => {
        witness.check(task, await look(url, task.id), true)
        witness.resolve(task)
      }),
    )
  }
}

/** Retries the tasks that failed because they were lost more than three times. */
async function retryPoisoned(url: string, witness: Witness): Promise<number> {
  const poisoned = witness.poisoned()
  for (const task of poisoned) {
    const answer = await fetch(`${url}/api/task/${task.id}`)
    const { timeline } = (await answer.json()) as { timeline: { event: string }[] }
    assert(
      timeline.filter(({ event }) => event === 'lost').length > 3,
      `it failed after fewer losses: ${task.id}`,
    )
    const retried = await fetch(`${url}/api/task/${task.id}/retry?wait=0`, { method: 'POST' })
    assert.equal(retried.status, 200, `a failed task can be retried: ${task.id}`)
    task.last = undefined
    task.requestedControl = 'none'
  }
  return poisoned.length
}

/** Resumes paused tasks; then all must end, with correct results. */
async function finish(url: string, witness: Witness): Promise<void> {
  for (const task of witness.open()) {
    if (task.requestedControl !== 'pause') continue
    const answer = await fetch(`${url}/api/task/${task.id}/resume?wait=0`, { method: 'POST' })
    assert.equal(answer.status, 200, `a paused task resumes: ${task.id}`)
    task.requestedControl = 'none'
  }
  let before = Number.POSITIVE_INFINITY
  let idle = 0
  for (;;) {
    const open = witness.open()
    if (open.length === 0) return
    idle = open.length < before ? 0 : idle + 1
    before = open.length
    assert(idle < 60, `${open.length} tasks never end, like ${JSON.stringify(open[0])}`)
    for (const task of open) witness.check(task, await look(url, task.id), false)
    await pause(500)
  }
}

/** One row for each key, in a sound file. */
function audit(path: string, acknowledged: number): void {
  const db = new DatabaseSync(path, { readOnly: true })
  auditFile(db)
  const rows = Number(db.prepare('select count(*) as rows from tasks').get()?.['rows'])
  // Submits in doubt at the last kill are not repeated.
  assert(
    rows >= acknowledged && rows <= acknowledged + clientCount,
    `${rows} rows for ${acknowledged} submits`,
  )
  db.close()
}

function some(tasks: readonly Witnessed[], chance: Chance): Witnessed[] {
  if (tasks.length <= sample) return [...tasks]
  return Array.from({ length: sample }, () => chance.of(tasks)!)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
