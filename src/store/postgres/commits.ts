import { StoreUnavailable, TaskError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task.ts'
import type { ClaimRequest } from '../store.ts'
import type { Connection } from './connection.ts'
import { failureOf, unavailable } from './failures.ts'
import type { SubmitCall } from './submitting.ts'
import { Transaction, type Evidence, type Source } from './transaction.ts'
import type { Work } from './work.ts'

/**
 * What one call wants done. Calls that arrive together share transactions: submits first, then what names its tasks, then
 * one claim; that is also the order of the locks. `alone` has a transaction of its own.
 */
export type Job =
  | Readonly<{ stage: 'submit'; call: SubmitCall }>
  | ActJob
  | Readonly<{ stage: 'claim'; request: ClaimRequest }>
  | Readonly<{ stage: 'alone'; run: (tx: Transaction) => Promise<unknown> }>

export type ActJob = Readonly<{
  stage: 'act'
  ids: readonly TaskId[]
  /** At most so many of its moves go to the queue. */
  places: number
  /** It asks for, or ends, what fenced-off code holds. */
  fencedOff: boolean
  /** It speaks of tasks that run on this node. */
  ours: boolean
  act: (work: Work) => unknown
}>

/** Carries out jobs of one transaction, in their order; the answers stand in that order too. */
export type CarryOut = (tx: Transaction, jobs: readonly Job[]) => Promise<readonly unknown[]>

type Waiting = Readonly<{ job: Job; resolve: (value: never) => void; reject: (error: unknown) => void }>

/** Tasks in one transaction: what comes beyond them waits for the next one. */
const tasksAtOnce = 2_000
/** Times that a group is carried out anew after a race, or after a connection that was lost before the commit. */
const triesAgain = 5
/** Milliseconds for which the outcome of a commit is asked for: as long as a lease lives at least, so that no claim is forgotten. */
const doubtFor = 15_000
const askAgainAfter = 200

/**
 * Group commit on one connection: all calls that arrive in one turn of the loop, or while a commit is under way, go into the
 * next transaction, and each is answered after it. When one of them breaks the transaction off, each gets one of its own, so
 * that a bad call fails its own caller only.
 */
export class Commits {
  readonly #connection: Connection
  readonly #source: Source
  readonly #carryOut: CarryOut
  #waiting: Waiting[] = []
  #turning: Promise<void> | undefined
  #closed = false
  readonly #doubts = new Set<Promise<void>>()

  constructor(connection: Connection, source: Source, carryOut: CarryOut) {
    this.#connection = connection
    this.#source = source
    this.#carryOut = carryOut
  }

  write<T>(job: Job): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreUnavailable('The store is closed.', { unknown: false }))
        return
      }
      this.#waiting.push({ job, resolve, reject })
      this.#turning ??= this.#turn()
    })
  }

  /** Commits what waits; nothing is taken afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#turning
    await Promise.all(this.#doubts)
    await this.#turning
  }

  async #turn(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Callers that have just been answered may ask for more in this turn of the loop.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const group = groupOf(this.#waiting)
      this.#waiting = this.#waiting.slice(group.length)
      await this.#commit(group)
    }
    this.#turning = undefined
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    try {
      answer(group, await this.#transact(group.map(({ job }) => job)))
    } catch (error) {
      if (error instanceof InDoubt) {
        const resolving = this.#resolve(group, error)
        this.#doubts.add(resolving)
        void resolving.finally(() => this.#doubts.delete(resolving))
      } else if (group.length > 1 && failureOf(error) === 'bug') {
        for (const one of group) await this.#commit([one])
      } else {
        for (const { reject } of group) reject(asError(error))
      }
    }
  }

  /**
   * The connection was lost while it committed. The server knows what became of the transaction, as soon as it can be asked.
   * Others do not wait for that.
   */
  async #resolve(group: readonly Waiting[], { doubt, answers, cause }: InDoubt): Promise<void> {
    const end = performance.now() + doubtFor
    while (!this.#closed && performance.now() < end) {
      const outcome = await this.write<Outcome>({ stage: 'alone', run: (tx) => lookBack(tx, doubt) }).catch(
        () => 'under way' as const,
      )
      if (outcome === 'committed') return answer(group, answers)
      if (outcome === 'aborted') {
        this.#waiting.unshift(...group)
        this.#turning ??= this.#turn()
        return
      }
      await new Promise((resolve) => {
        setTimeout(resolve, askAgainAfter)
      })
    }
    for (const { reject } of group) reject(unavailable(cause, true))
  }

  async #transact(jobs: readonly Job[]): Promise<readonly unknown[]> {
    for (let tries = 1; ; tries++) {
      const tx = new Transaction(await this.#connection.session(), this.#source)
      let answers: readonly unknown[] = []
      try {
        answers = await this.#carryOut(tx, jobs)
        await tx.commit()
        return answers
      } catch (thrown) {
        const error = tx.causeOf(thrown)
        const failure = failureOf(error)
        if (failure === 'lost') this.#connection.drop()
        else await tx.rollback().catch(() => this.#connection.drop())
        if (failure === 'lost' && tx.mayBeCommitted) {
          throw new InDoubt({ number: await tx.number, evidence: tx.evidence }, answers, error)
        }
        if (failure === 'away') throw unavailable(error, false)
        if (failure === 'bug') throw error
        // A connection that was lost may have been lost long ago: a new one tells whether the server is there.
        if (tries === triesAgain) throw unavailable(error, false)
      }
    }
  }
}

type Outcome = 'committed' | 'aborted' | 'under way'

/** What is known of a transaction whose commit was sent and not answered. */
type Doubt = Readonly<{ number: string | null; evidence: Evidence | undefined }>

class InDoubt extends Error {
  readonly doubt: Doubt
  readonly answers: readonly unknown[]

  constructor(doubt: Doubt, answers: readonly unknown[], cause: unknown) {
    super('it is not known whether a transaction was committed', { cause })
    this.doubt = doubt
    this.answers = answers
  }
}

/**
 * The number only tells whether the server is still at it: after a crash another transaction may have got the same one. What
 * the transaction would have left behind tells the rest. What has left nothing behind can be carried out again.
 */
async function lookBack(tx: Transaction, { number, evidence }: Doubt): Promise<Outcome> {
  const { sql } = tx.source
  if (number !== null) {
    const [row] = await tx.ask(sql.isOver, [number])
    if (row?.[0] !== true) return 'under way'
  }
  if (evidence === undefined) return 'aborted'
  if ((await tx.ask(evidence.text, evidence.values)).length === 0) return 'aborted'
  tx.write(sql.barrier)
  return 'committed'
}

function answer(group: readonly Waiting[], answers: readonly unknown[]): void {
  for (const [index, { resolve }] of group.entries()) resolve(answers[index] as never)
}

const order = { submit: 0, act: 1, claim: 2, alone: 3 } as const

/**
 * The first calls that can share a transaction: its submits and its acts do not speak of the same task, so that a submit may
 * also be drawn before an act that waits already. All else keeps its order.
 */
function groupOf(waiting: readonly Waiting[]): readonly Waiting[] {
  const [submitted, acted] = [new Set<TaskId>(), new Set<TaskId>()]
  let stage = 0
  let tasks = 0
  let size = 0
  for (const { job } of waiting) {
    const at = order[job.stage]
    if (size > 0 && job.stage === 'alone') break
    if (at < stage && stage > order.act) break
    if (at === stage && stage >= order.claim) break
    const ids = idsOf(job)
    if (ids.some((id) => (job.stage === 'act' ? submitted : acted).has(id))) break
    tasks += ids.length
    if (size > 0 && tasks > tasksAtOnce) break
    for (const id of ids) (job.stage === 'act' ? acted : submitted).add(id)
    stage = Math.max(stage, at)
    size += 1
  }
  return waiting.slice(0, size)
}

/** Of the tasks that it names. */
function idsOf(job: Job): readonly TaskId[] {
  if (job.stage === 'submit') return job.call.submissions.map(({ id }) => id)
  return job.stage === 'act' ? job.ids : []
}

function asError(error: unknown): Error {
  if (error instanceof TaskError) return error
  return error instanceof Error ? error : new Error(String(error))
}
