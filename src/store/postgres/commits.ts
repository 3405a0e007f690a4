import { StoreUnavailable, TaskError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task.ts'
import type { ClaimRequest } from '../store.ts'
import type { Connection } from './connection.ts'
import { failureOf, unavailable } from './failures.ts'
import type { SubmitCall } from './submitting.ts'
import { Transaction, type Source } from './transaction.ts'
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

/** A group whose outcome is open. What else names its tasks waits: nothing newer is overwritten when it is carried out again. */
type Hold = Readonly<{ ids: Set<TaskId>; waiting: Waiting[] }>

/** Tasks in one transaction: what comes beyond them waits for the next one. */
const tasksAtOnce = 2_000
/** Times that a group is carried out anew after a race, or after a connection that was lost before the commit. */
const triesAgain = 5
/** Milliseconds for which the outcome of a commit is asked for: as long as a lease lives at least, so that no claim is forgotten. */
const doubtFor = 15_000
const askAgainAfter = 200
/** Milliseconds that a look waits for a transaction that is still under way; others wait for the look. */
const lookFor = 100
/** Marks that go with one commit. */
const spentAtOnce = 100

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
  readonly #holds = new Map<TaskId, Hold>()
  /** Marks of commits that were answered. */
  #spent: string[] = []

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
      this.#enqueue({ job, resolve, reject })
    })
  }

  /** Commits what waits; nothing is taken afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#turning
    await Promise.all(this.#doubts)
    await this.#turning
  }

  #enqueue(one: Waiting): void {
    const ids = idsOf(one.job)
    const hold = this.#holds.size === 0 ? undefined : ids.map((id) => this.#holds.get(id)).find(Boolean)
    if (hold === undefined) {
      this.#waiting.push(one)
      this.#turning ??= this.#turn()
      return
    }
    hold.waiting.push(one)
    // What names any of its tasks comes after it.
    for (const id of ids) if (!this.#holds.has(id)) this.#hold(id, hold)
  }

  /** What these name is held until `#release`. What waits already and names it too comes after them. */
  #holdAll(group: readonly Waiting[]): Hold {
    const hold: Hold = { ids: new Set(), waiting: [] }
    for (const { job } of group) for (const id of idsOf(job)) if (!this.#holds.has(id)) this.#hold(id, hold)
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) this.#enqueue(one)
    return hold
  }

  #hold(id: TaskId, hold: Hold): void {
    this.#holds.set(id, hold)
    hold.ids.add(id)
  }

  #release({ ids, waiting }: Hold): void {
    for (const id of ids) this.#holds.delete(id)
    for (const one of waiting) {
      if (this.#closed) one.reject(new StoreUnavailable('The store is closed.', { unknown: false }))
      else this.#enqueue(one)
    }
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
        const hold = this.#holdAll(group)
        const resolving = this.#resolve(group, error).finally(() => this.#release(hold))
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
   * Others do not wait for that, unless they name the same tasks.
   */
  async #resolve(group: readonly Waiting[], { mark, answers, cause }: InDoubt): Promise<void> {
    const end = performance.now() + doubtFor
    while (!this.#closed && performance.now() < end) {
      const outcome = await this.#outcomeOf(mark)
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

  /** What leaves no mark may be carried out again. */
  async #outcomeOf(mark: string | undefined): Promise<Outcome> {
    if (mark === undefined) return 'aborted'
    const run = (tx: Transaction) => lookBack(tx, mark)
    const outcome = await this.write<Outcome>({ stage: 'alone', run }).catch(() => 'under way' as const)
    if (outcome === 'committed') this.#spent.push(mark)
    return outcome
  }

  async #transact(jobs: readonly Job[]): Promise<readonly unknown[]> {
    for (let tries = 1; ; tries++) {
      const tx = new Transaction(await this.#connection.session(), this.#source)
      let answers: readonly unknown[] = []
      const spent = this.#spent.slice(0, spentAtOnce)
      try {
        answers = await this.#carryOut(tx, jobs)
        await tx.commit(spent)
        if (tx.mark !== undefined) this.#spent = [...this.#spent.slice(spent.length), tx.mark]
        return answers
      } catch (thrown) {
        const error = tx.causeOf(thrown)
        const failure = failureOf(error)
        if (failure === 'lost') this.#connection.drop()
        else await tx.rollback().catch(() => this.#connection.drop())
        if (failure === 'lost' && tx.mayBeCommitted) {
          throw new InDoubt(tx.mark, answers, error)
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

/** A commit was sent and not answered. */
class InDoubt extends Error {
  readonly mark: string | undefined
  readonly answers: readonly unknown[]

  constructor(mark: string | undefined, answers: readonly unknown[], cause: unknown) {
    super('it is not known whether a transaction was committed', { cause })
    this.mark = mark
    this.answers = answers
  }
}

/**
 * A mark is of one transaction and of no other, whatever that one did, and whoever has done the same or undone it since: numbers
 * of transactions are given out again after a crash, and rows are changed by others. Seeking it decides the matter: where it is
 * not, it can be left no more. Throws while the transaction is still under way.
 */
async function lookBack(tx: Transaction, mark: string): Promise<Outcome> {
  tx.write(`set local lock_timeout = '${lookFor}ms'`)
  const [row] = await tx.ask(tx.source.sql.seekMark, [mark])
  return row?.[0] === true ? 'aborted' : 'committed'
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
