import { isTerminal, type TaskId } from '../../core/task.ts'
import type { Claimed, ClaimRequest } from '../store.ts'
import { claim } from './claiming.ts'
import { held, type ActJob, type Job } from './commits.ts'
import type { QueueEstimate } from './counters.ts'
import type { Hints } from './hints.ts'
import type { KnownRows } from './row-cache.ts'
import { submitAll } from './submitting.ts'
import { successorsAtOnce } from './releasing.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { Work } from './work.ts'

/**
 * Carries out the jobs of one transaction. One round trip locks and reads the named tasks, unless they are known, and one
 * writes; a claim takes another one.
 */
export class BatchExecutor {
  readonly #waiting: QueueEstimate
  readonly #hints: Hints
  readonly #known: KnownRows
  /** When a rate may allow the next start, as far as the latest claim knows. */
  wakesAt: number | null = null
  /** Types that have a row to lock. */
  readonly #types = new Set<string>()

  constructor(waiting: QueueEstimate, hints: Hints, known: KnownRows) {
    this.#waiting = waiting
    this.#hints = hints
    this.#known = known
  }

  /** The cached rows were committed on a connection that is gone. */
  forget(): void {
    this.#types.clear()
    this.#known.forget()
    this.#waiting.forget()
    this.#hints.forget()
  }

  /** Returns `held` for a call that names a task locked by others, unless it `waits` for them. */
  async carryOut(tx: Transaction, jobs: readonly Job[], waits: boolean): Promise<unknown[]> {
    const answers = new Map<Job, unknown>()
    const submits = jobs.filter((job) => job.stage === 'submit')
    const acts = jobs.filter((job) => job.stage === 'act')
    const calls = submits.map(({ call }) => call)
    const [submitted] = await Promise.all([
      calls.length === 0 ? [] : submitAll(tx, calls, this.#waiting),
      acts.length === 0 ? undefined : this.#act(tx, acts, answers, waits),
    ])
    for (const [index, job] of submits.entries()) answers.set(job, submitted[index])
    for (const job of jobs) {
      if (job.stage === 'claim') answers.set(job, await this.#claim(tx, job.request))
      if (job.stage === 'alone') answers.set(job, await job.run(tx))
    }
    return jobs.map((job) => answers.get(job))
  }

  async #act(
    tx: Transaction,
    jobs: readonly ActJob[],
    answers: Map<Job, unknown>,
    waits: boolean,
  ): Promise<void> {
    const carryOut = (on: Work, isHeld: (id: TaskId) => boolean = nobody) => {
      for (const job of jobs) answers.set(job, job.ids.some(isHeld) ? held : job.act(on))
      return on
    }
    // In the lock order of all transactions.
    const ids = [...new Set(jobs.flatMap((job) => job.ids))].sort()
    let work = await this.#recall(tx, ids, jobs)
    // A refusal writes nothing, so nothing would verify the row on which it is based.
    if (work === undefined || !carryOut(work).provesAll) {
      const locked = await lock(tx, ids, jobs, waits)
      work = carryOut(locked.work, (id) => locked.held.has(id))
    }
    await work.write(tx)
    const { known } = work
    tx.afterCommit(() => this.#known.keep(known))
  }

  /** Undefined if they must be read. */
  async #recall(tx: Transaction, ids: readonly TaskId[], jobs: readonly ActJob[]): Promise<Work | undefined> {
    const known = this.#known.take(ids)
    if (known === undefined || jobs.some(({ ours }) => !ours)) return undefined
    const work = new Work(await tx.moment(placesOf(jobs)))
    work.holdKnown(known)
    return work
  }

  async #claim(tx: Transaction, request: ClaimRequest): Promise<readonly Claimed[]> {
    const { claimed, rows, wakesAt } = await claim(tx, request, this.#types, this.#hints)
    tx.afterCommit(() => {
      this.#known.keep(rows)
      if (wakesAt !== undefined) this.wakesAt = wakesAt
    })
    return claimed
  }
}

const nobody = () => false

/** `held`: locked by others, so not in `work`. */
async function lock(
  tx: Transaction,
  ids: readonly TaskId[],
  jobs: readonly ActJob[],
  waits: boolean,
): Promise<Readonly<{ work: Work; held: ReadonlySet<TaskId> }>> {
  const { sql } = tx.source
  const keys = ids.map(encodeText)
  const locking = tx.ask(waits ? sql.lockTasks : sql.lockFreeTasks, [keys])
  const fencedOff = jobs.some((job) => job.fencedOff) ? tx.ask(sql.fencedOff, [keys]) : undefined
  const ended = jobs.flatMap((job) => job.successorsOf ?? [])
  const waiting =
    ended.length === 0 ? undefined : tx.ask(sql.successors, [ended.map(encodeText), successorsAtOnce])
  const joining = ended.length === 0 ? undefined : tx.ask(sql.joinsMore, [keys, ended.map(encodeText)])
  const linking = jobs.some(({ links }) => links === true) ? tx.ask(sql.parentLinks, [keys]) : undefined
  const work = new Work(await tx.moment(placesOf(jobs)))
  work.hold(await locking)
  if (linking !== undefined) work.holdLinks(await linking)
  if (waiting !== undefined) work.holdEdges(await waiting)
  if (joining !== undefined) work.holdJoins(await joining)
  if (fencedOff !== undefined) {
    work.holdSlots(await fencedOff)
    await readKeys(tx, work)
  }
  const missing = waits ? [] : ids.filter((id) => work.row(id) === undefined)
  if (missing.length === 0) return { work, held: new Set() }
  const rows = await tx.ask(sql.existing, [missing.map(encodeText)])
  return { work, held: new Set(rows.map(([id]) => decodeText(id as string))) }
}

/** Who has the unique keys of the finished tasks, which a retry may need again. */
async function readKeys(tx: Transaction, work: Work): Promise<void> {
  const keyed = work.rows.filter(({ task }) => task.unique !== null && isTerminal(task.status))
  if (keyed.length === 0) return
  const keys = keyed.map(({ task }) => [encodeText(task.type), encodeText(task.unique!.key)] as const)
  work.holdKeys(
    await tx.ask(tx.source.sql.keyHolders, [keys.map(([type]) => type), keys.map(([, key]) => key)]),
  )
}

function placesOf(jobs: readonly ActJob[]): number {
  return jobs.reduce((sum, { places }) => sum + places, 0)
}
