import { StoreUnavailable, TaskError } from '../../core/errors.ts'
import type { TaskId } from '../../core/task.ts'
import type { SubmitCall } from '../commands.ts'
import type { ClaimRequest } from '../store.ts'
import type { Connection } from './connection.ts'
import { failureOf, heldElsewhere, unavailable } from './failures.ts'
import { Transaction, type Patience, type Source } from './transaction.ts'
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

/** The answer for a call that others keep from its tasks: nothing of it was carried out. */
export const held = Symbol('held')

/**
 * Carries out jobs of one transaction, in their order; the answers stand in that order too. `waits`: for tasks that others hold,
 * instead of answering `held`.
 */
export type CarryOut = (tx: Transaction, jobs: readonly Job[], waits: boolean) => Promise<readonly unknown[]>

type PendingCall = {
  readonly job: Job
  /** When it was first found to need what others hold, by the clock of `performance`. */
  heldSince: number | undefined
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** A group whose outcome is open. What else names its tasks waits: nothing newer is overwritten when it is carried out again. */
type Hold = Readonly<{ ids: Set<TaskId>; waiting: PendingCall[] }>

/** Tasks in one transaction: what comes beyond them waits for the next one. */
const tasksAtOnce = 2_000
/** Of a group: beyond it something is held that one call needs, and the group goes on without whoever may be that one. */
const groupPatience: Patience = { lock: 250, statement: 10_000 }
/** Milliseconds for which a call that was set aside is tried. */
const heldFor = 2_000
/** Milliseconds of one try of it, so that those behind it have their turn. */
const oneTry = 100
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
 * that a bad call fails its own caller only. What others hold locked is waited for `aside`, where it keeps nobody: each call has
 * a transaction of its own there, again and again until its time is up.
 */
export class Commits {
  readonly #connection: Connection
  readonly #source: Source
  readonly #carryOut: CarryOut
  /** Undefined of those that wait aside themselves. */
  readonly #aside: Commits | undefined
  #waiting: PendingCall[] = []
  #turning: Promise<void> | undefined
  #closed = false
  /** Calls whose answer comes from elsewhere: their outcome is in doubt, or they were set aside. */
  readonly #open = new Set<Promise<void>>()
  readonly #holds = new Map<TaskId, Hold>()
  /** Those of a group that was held up once already. */
  readonly #separated = new WeakSet<PendingCall>()
  /** Marks of commits that were answered. */
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

  /** Commits what waits; nothing is taken afterwards. */
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
    // What names any of its tasks comes after it.
    for (const id of ids) if (!this.#holds.has(id)) this.#hold(id, hold)
  }

  /** What these name is held until `#release`. What waits already and names it too comes after them. */
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
      // Callers that have just been answered may ask for more in this turn of the loop.
      await new Promise<void>((resolve) => setImmediate(resolve))
      const group = this.#aside === undefined ? this.#waiting.slice(0, 1) : groupOf(this.#waiting)
      this.#waiting = this.#waiting.slice(group.length)
      await this.#commit(group)
    }
    this.#turning = undefined
    // Nobody waits aside for hours.
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
   * Whoever may have waited for others is set aside, and the rest done again: what it knew of its tasks is forgotten, so that it
   * locks those that are free. When even that has to wait, it is no single row that is held.
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

  /** One of them may have kept the others. When two took too long by themselves, it is the server that is slow. */
  async #oneByOne(group: readonly PendingCall[], error: unknown): Promise<void> {
    let slow = 0
    for (const one of group) {
      if (slow === 2) one.reject(unavailable(error, false))
      else if ((await this.#commit([one])) === 'slow') slow += 1
    }
  }

  /** Answered, or refused with `error` once its time is up. What names the same tasks comes after it. */
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
   * The connection was lost while it committed. The server knows what became of the transaction, as soon as it can be asked.
   * Others do not wait for that, unless they name the same tasks.
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

  /** What leaves no mark may be carried out again. */
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
        // A connection that was lost may have been lost long ago: a new one tells whether the server is there.
        if (tries === triesAgain)
          throw failure === 'race' && group.length > 1 ? error : unavailable(error, false)
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

/** What may wait for others that hold no task: for a key in an open transaction, for types, nodes and holds. */
function mayWait(job: Job): boolean {
  if (job.stage === 'submit') return job.call.submissions.some(({ idempotencyKey: key }) => key !== null)
  return job.stage !== 'act'
}

/** Whoever waits in a queue for a type keeps its place in it. */
function patienceWith({ job, heldSince }: PendingCall): Patience {
  const since = heldSince ?? performance.now()
  const left = Math.max(oneTry, Math.ceil(since + heldFor - performance.now()))
  const isBrief = job.stage === 'submit' || job.stage === 'act'
  return { lock: isBrief ? oneTry : left, statement: job.stage === 'alone' ? 10_000 : heldFor }
}

/**
 * The first calls that can share a transaction, in the order in which they are answered: its claim is the last. Its submits
 * and its acts do not name the same task, so that a submit may also be drawn before an act that waits already.
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

/** Of the tasks that it names. */
function idsOf(job: Job): readonly TaskId[] {
  if (job.stage === 'submit') return job.call.submissions.map(({ id }) => id)
  return job.stage === 'act' ? job.ids : []
}

function asError(error: unknown): Error {
  if (error instanceof TaskError) return error
  return error instanceof Error ? error : new Error(String(error))
}
