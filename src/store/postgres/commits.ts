import { StoreUnavailable, TaskError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task.ts'
import type { SubmitCall } from '../commands.ts'
import type { ClaimRequest } from '../store.ts'
import type { Connection } from './connection.ts'
import { failureOf, heldElsewhere, unavailable } from './failures.ts'
import { Transaction, type Patience, type Source } from './transaction.ts'
import type { Work } from './work.ts'

/**
 * What one call wants done. Calls that arrive together share transactions: submits first, then those that name tasks, then
 * one claim; this is also the lock order. `alone` uses a separate transaction.
 */
export type Job =
  | Readonly<{ stage: 'submit'; call: SubmitCall }>
  | ActJob
  | Readonly<{ stage: 'claim'; request: ClaimRequest }>
  | Readonly<{ stage: 'alone'; run: (tx: Transaction) => Promise<unknown> }>

export type ActJob = Readonly<{
  stage: 'act'
  ids: readonly TaskId[]
  /** Maximum number of its moves to the queue. */
  places: number
  /** It reads or ends what fenced-off code holds. */
  fencedOff: boolean
  /** It concerns tasks that run on this node. */
  ours: boolean
  /** It reads what waits for these of its tasks. */
  successorsOf?: readonly TaskId[]
  /** It reads which of its tasks are kept for their parents. */
  links?: boolean
  act: (work: Work) => unknown
}>

/** The result for a call whose tasks are locked by others: nothing of it was carried out. */
export const held = Symbol('held')

/**
 * Carries out the jobs of one transaction in order, and returns their results in the same order. `waits`: for tasks locked
 * by others, instead of returning `held`.
 */
export type CarryOut = (tx: Transaction, jobs: readonly Job[], waits: boolean) => Promise<readonly unknown[]>

type PendingCall = {
  readonly job: Job
  /** When it was first found to need what others hold, by `performance.now()`. */
  heldSince: number | undefined
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/**
 * A group with an open outcome. Other calls that name its tasks wait, so that nothing newer is overwritten when it is
 * repeated.
 */
type Hold = Readonly<{ ids: Set<TaskId>; waiting: PendingCall[] }>

/** Maximum tasks per transaction; others wait for the next one. */
const tasksAtOnce = 2_000
/**
 * Time limit of a group: beyond it, one call needs something that is locked, and the group continues without the calls that
 * may be waiting.
 */
const groupPatience: Patience = { lock: 250, statement: 10_000 }
/** Milliseconds for which a call that was set aside is retried. */
const heldFor = 2_000
/** Milliseconds of one attempt, so that those behind it get their turn. */
const oneTry = 100
/** How often a group is repeated after a race, or after a connection was lost before the commit. */
const triesAgain = 5
/** Milliseconds for which the outcome of a commit is sought: at least the length of a lease, so that no claim is forgotten. */
const doubtFor = 15_000
const askAgainAfter = 200
/** Milliseconds that a check waits for a transaction still in progress; others wait for the check. */
const lookFor = 100
/** Maximum marks deleted with one commit. */
const spentAtOnce = 100

/**
 * Group commit on one connection: all calls that arrive in one turn of the event loop, or during a commit, go into the next
 * transaction, and each returns after it. If one of them aborts the transaction, each gets a transaction of its own, so a
 * bad call fails only its own caller. Calls that need what others have locked wait `aside`, where they delay nobody: each
 * has a transaction of its own there, repeated until its time is up.
 */
export class Commits {
  readonly #connection: Connection
  readonly #source: Source
  readonly #carryOut: CarryOut
  /** Undefined for calls that wait aside themselves. */
  readonly #aside: Commits | undefined
  #waiting: PendingCall[] = []
  #turning: Promise<void> | undefined
  #closed = false
  /** Calls whose result comes from elsewhere: their outcome is in doubt, or they were set aside. */
  readonly #open = new Set<Promise<void>>()
  readonly #holds = new Map<TaskId, Hold>()
  /** Calls of a group that was delayed once already. */
  readonly #separated = new WeakSet<PendingCall>()
  /** Marks of confirmed commits. */
  #spent: string[] = []

  constructor(connection: Connection, source: Source, carryOut: CarryOut, aside?: Commits) {
    this.#aside = aside
    this.#connection = connection
    this.#source = source
    this.#carryOut = carryOut
  }

  /** `heldSince`: when it was set aside. */
  write<T>(job: Job, heldSince?: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) {
        reject(new StoreUnavailable('The store is closed.', { unknown: false }))
        return
      }
      this.#enqueue({ job, heldSince, resolve, reject })
    })
  }

  /** Commits what is waiting; nothing is accepted afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#turning
    await Promise.all(this.#open)
    await this.#turning
  }

  #enqueue(one: PendingCall): void {
    const ids = idsOf(one.job)
    const hold = this.#holds.size === 0 ? undefined : ids.map((id) => this.#holds.get(id)).find(Boolean)
    if (hold === undefined) {
      this.#waiting.push(one)
      this.#turning ??= this.#turn()
      return
    }
    hold.waiting.push(one)
    // Calls that name any of its tasks come after it.
    for (const id of ids) if (!this.#holds.has(id)) this.#hold(id, hold)
  }

  /** The tasks these name are reserved until `#release`. Calls that are waiting and name them too come after them. */
  #holdAll(group: readonly PendingCall[]): Hold {
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
      // Callers that were just answered may call again in this turn of the loop.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const group = this.#aside === undefined ? this.#waiting.slice(0, 1) : groupOf(this.#waiting)
      this.#waiting = this.#waiting.slice(group.length)
      await this.#commit(group)
    }
    this.#turning = undefined
    // Calls do not wait aside for hours.
    if (this.#aside === undefined) this.#connection.drop()
  }

  async #commit(group: readonly PendingCall[]): Promise<'slow' | undefined> {
    try {
      this.#answer(group, await this.#transact(group))
    } catch (error) {
      if (error instanceof InDoubt) {
        const hold = this.#holdAll(group)
        const resolving = this.#resolve(group, error).finally(() => this.#release(hold))
        this.#keepOpen(resolving)
      } else if (failureOf(error) === 'locked') {
        await this.#separate(group, error)
      } else if (failureOf(error) === 'slow') {
        if (group.length > 1) await this.#oneByOne(group, error)
        else group[0]!.reject(unavailable(error, false))
        return 'slow'
      } else if (group.length > 1 && ['bug', 'race'].includes(failureOf(error))) {
        for (const one of group) await this.#commit([one])
      } else {
        for (const { reject } of group) reject(asError(error))
      }
    }
    return undefined
  }

  #keepOpen(promise: Promise<void>): void {
    this.#open.add(promise)
    void promise.finally(() => this.#open.delete(promise))
  }

  #answer(group: readonly PendingCall[], answers: readonly unknown[]): void {
    for (const [index, one] of group.entries()) {
      if (answers[index] === held) this.#setAside(one, heldElsewhere())
      else one.resolve(answers[index] as never)
    }
  }

  /**
   * Calls that may have waited for others are set aside, and the rest is repeated. Its cached rows are dropped, so that it
   * locks those that are free. If even that has to wait, the cause is not a single locked row.
   */
  async #separate(group: readonly PendingCall[], error: unknown): Promise<void> {
    const rest = group.filter(({ job }) => !mayWait(job))
    const again =
      this.#aside !== undefined &&
      rest.length > 0 &&
      (rest.length < group.length || !this.#separated.has(rest[0]!))
    for (const one of group) if (!again || mayWait(one.job)) this.#setAside(one, error)
    if (!again) return
    for (const one of rest) this.#separated.add(one)
    await this.#commit(rest)
  }

  /** One of them may have delayed the others. If two took too long on their own, the server is slow. */
  async #oneByOne(group: readonly PendingCall[], error: unknown): Promise<void> {
    let slow = 0
    for (const one of group) {
      if (slow === 2) one.reject(unavailable(error, false))
      else if ((await this.#commit([one])) === 'slow') slow += 1
    }
  }

  /** Resolved, or rejected with `error` once its time is up. Calls that name the same tasks come after it. */
  #setAside(one: PendingCall, error: unknown): void {
    const { job, resolve, reject } = one
    const since = (one.heldSince ??= performance.now())
    const ids = idsOf(job)
    if (ids.some((id) => this.#holds.has(id))) return this.#enqueue(one)
    if (performance.now() - since > heldFor) return reject(unavailable(error, false))
    if (this.#aside === undefined) {
      this.#waiting.push(one)
      return
    }
    const hold = this.#holdAll([one])
    const answering = this.#aside.write<never>(job, since).then(resolve, reject)
    this.#keepOpen(answering.finally(() => this.#release(hold)))
  }

  /**
   * The connection was lost during the commit. The server knows the outcome of the transaction once it can be asked. Other
   * calls do not wait for this unless they name the same tasks.
   */
  async #resolve(group: readonly PendingCall[], { mark, answers, cause }: InDoubt): Promise<void> {
    const end = performance.now() + doubtFor
    while (!this.#closed && performance.now() < end) {
      const outcome = await this.#outcomeOf(mark)
      if (outcome === 'committed') return this.#answer(group, answers)
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

  /** What leaves no mark can simply be repeated. */
  async #outcomeOf(mark: string | undefined): Promise<Outcome> {
    if (mark === undefined) return 'aborted'
    const run = (tx: Transaction) => lookBack(tx, mark)
    const outcome = await this.write<Outcome>({ stage: 'alone', run }).catch(() => 'under way' as const)
    if (outcome === 'committed') this.#spent.push(mark)
    return outcome
  }

  async #transact(group: readonly PendingCall[]): Promise<readonly unknown[]> {
    const jobs = group.map(({ job }) => job)
    const waits = this.#aside === undefined
    for (let tries = 1; ; tries++) {
      const patience = waits ? patienceWith(group[0]!) : groupPatience
      const tx = new Transaction(await this.#connection.session(), this.#source, patience)
      let answers: readonly unknown[] = []
      const spent = this.#spent.slice(0, spentAtOnce)
      try {
        answers = await this.#carryOut(tx, jobs, waits)
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
        if (failure === 'bug' || failure === 'locked' || failure === 'slow') throw error
        // The lost connection may have been lost long ago: a new one shows whether the server is available.
        if (tries === triesAgain)
          throw failure === 'race' && group.length > 1 ? error : unavailable(error, false)
      }
    }
  }
}

type Outcome = 'committed' | 'aborted' | 'under way'

/** A commit was sent and not confirmed. */
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
 * A mark belongs to exactly one transaction, whatever that did, and whoever has done the same or undone it since:
 * transaction numbers are reused after a crash, and rows are changed by others. Seeking the mark decides: if it is not
 * there, it can no longer appear. Throws while the transaction is still in progress.
 */
async function lookBack(tx: Transaction, mark: string): Promise<Outcome> {
  tx.write(`set local lock_timeout = '${lookFor}ms'`)
  const [row] = await tx.ask(tx.source.sql.seekMark, [mark])
  return row?.[0] === true ? 'aborted' : 'committed'
}

/** Calls that may wait for others without holding a task: for a key in an open transaction, for types, nodes and holds. */
function mayWait(job: Job): boolean {
  if (job.stage === 'submit') {
    return job.call.submissions.some(
      ({ idempotencyKey: key, unique }) => key !== null || unique !== undefined,
    )
  }
  return job.stage !== 'act'
}

/** A transaction that waits in a lock queue for a type keeps its place in it. */
function patienceWith({ job, heldSince }: PendingCall): Patience {
  const since = heldSince ?? performance.now()
  const left = Math.max(oneTry, Math.ceil(since + heldFor - performance.now()))
  const isBrief = job.stage === 'submit' || job.stage === 'act'
  return { lock: isBrief ? oneTry : left, statement: job.stage === 'alone' ? 10_000 : heldFor }
}

/**
 * The first calls that can share a transaction, in result order: its claim is last. Its submits and its other calls do not
 * name the same task, so a submit may also be taken before a call that is already waiting.
 */
function groupOf(waiting: readonly PendingCall[]): readonly PendingCall[] {
  const [submitted, acted] = [new Set<TaskId>(), new Set<TaskId>()]
  let claim: PendingCall | undefined
  let tasks = 0
  let size = 0
  for (const one of waiting) {
    const { job } = one
    if (size > 0 && job.stage === 'alone') break
    if (job.stage === 'claim' && claim !== undefined) break
    const ids = idsOf(job)
    if (ids.some((id) => (job.stage === 'act' ? submitted : acted).has(id))) break
    tasks += ids.length
    if (size > 0 && tasks > tasksAtOnce) break
    for (const id of ids) (job.stage === 'act' ? acted : submitted).add(id)
    if (job.stage === 'claim') claim = one
    size += 1
    if (job.stage === 'alone') break
  }
  const group = waiting.slice(0, size)
  return claim === undefined ? group : [...group.filter((one) => one !== claim), claim]
}

/** The tasks it names. */
function idsOf(job: Job): readonly TaskId[] {
  if (job.stage === 'submit') return job.call.submissions.map(({ id }) => id)
  return job.stage === 'act' ? job.ids : []
}

function asError(error: unknown): Error {
  if (error instanceof TaskError) return error
  return error instanceof Error ? error : new Error(String(error))
}
