import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { NodeId, Task } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { Claimed, Store, TypeLimit } from '../store/store.ts'

export type WorkerClaimsOptions = Readonly<{ store: Store; clock: Clock; logger: Logger }>

export type WorkerClaim = Readonly<{
  /** The id of the worker. */
  worker: NodeId
  types: readonly TypeLimit[]
  /** Maximum tasks. */
  max: number
}>

type Waiter = WorkerClaim & {
  /** It has not asked the store yet. */
  isNew: boolean
  /** Its claim is on the way. */
  isClaiming: boolean
  /** The next answer of the store is the last. */
  isLast: boolean
  readonly answer: (claimed: readonly Claimed[]) => void
  readonly refuse: (error: unknown) => void
}

/** Shorter waits last exactly as long as they were asked for. */
const sharesFrom = 12_000

/**
 * Milliseconds after which a claim that may wait `ms` is answered: at most a sixth earlier, together with others. Most of what an idle worker
 * costs is waking a process that sleeps, so claims end together, and the workers call again together.
 */
export function sharedWait(ms: number, now: number): number {
  if (ms < sharesFrom) return ms
  const grain = 1_000 * 2 ** Math.floor(Math.log2(ms / 6_000))
  return Math.floor((now + ms) / grain) * grain - now
}

/** Milliseconds between looks for queued tasks, in case nobody has told of them. */
const lookEvery = 1_000

/**
 * Claims tasks for remote workers that wait for them. A new call asks the store at once, unless nothing of its types is queued
 * as far as this node knows; after that, it waits until something of its types may be claimable, so that a thousand idle
 * workers cost nothing. Workers are served in the order of their calls.
 */
export class WorkerClaims implements Subscriber {
  readonly #options: WorkerClaimsOptions
  readonly #waiting = new Map<string, Set<Waiter>>()
  readonly #all = new Set<Waiter>()
  /** What ends with a time of the monotonic clock: one timer for all that share it. */
  readonly #ends = new Map<number, Readonly<{ all: Set<() => void>; stop: () => void }>>()
  #new: Waiter[] = []
  /** Types of which something may be claimable, and how many workers ask for each at once. */
  #wanted = new Map<string, number>()
  /** Types of which nothing was queued at the last look, and nothing has been since. */
  readonly #empty = new Set<string>()
  /** Types that were kicked since the look on the way has begun: its answer is older. */
  readonly #kicked = new Set<string>()
  #turning: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #looksAgain = false
  #stopTimer: (() => void) | undefined
  #closed = false

  constructor(options: WorkerClaimsOptions) {
    this.#options = options
  }

  /** The workers that wait. */
  *waiting(): Iterable<NodeId> {
    for (const { worker } of this.#all) yield worker
  }

  moved({ before, task }: Move): void {
    if (task.status === 'queued' || (before !== null && isOver(task))) this.kick(task.type)
  }

  /** Something may be queued, nobody knows of which type. */
  look(): void {
    this.#empty.clear()
    this.#lookLater()
  }

  #lookLater(): void {
    this.#looksAgain = this.#looking !== undefined
    if (this.#all.size === 0 || this.#closed) return
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
      if (this.#looksAgain) this.#lookLater()
    })
  }

  /** Something of this type may be claimable. Costs nothing if no worker waits for it. */
  kick(type: string): void {
    this.#empty.delete(type)
    if (this.#looking !== undefined) this.#kicked.add(type)
    if (!this.#waiting.has(type)) return
    if (!this.#wanted.has(type)) this.#wanted.set(type, 1)
    this.#turning ??= this.#turn()
  }

  /** Up to `max` tasks as soon as there are any; none after about `ms`, or once the signal is aborted. */
  take(claim: WorkerClaim, ms: number, signal: AbortSignal): Promise<readonly Claimed[]> {
    if (this.#closed || signal.aborted || claim.types.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      let stopTimer = () => {}
      const leave = () => {
        stopTimer()
        signal.removeEventListener('abort', end)
        this.#remove(waiter)
      }
      const asks = ms <= 0 || !claim.types.every(({ type }) => this.#empty.has(type))
      const waiter: Waiter = {
        ...claim,
        isNew: asks,
        isClaiming: false,
        isLast: ms <= 0,
        answer: (claimed) => {
          leave()
          resolve(claimed)
        },
        refuse: (error) => {
          leave()
          reject(error)
        },
      }
      /** A claim on the way decides: nobody else knows of its tasks. */
      const end = () => {
        waiter.isNew = false
        waiter.isLast = true
        if (!waiter.isClaiming) waiter.answer([])
      }
      this.#add(waiter)
      if (asks) this.#new.push(waiter)
      signal.addEventListener('abort', end, { once: true })
      if (ms > 0) stopTimer = this.#endWithin(ms, end)
      if (asks) this.#turning ??= this.#turn()
      this.#poll()
    })
  }

  /** Answers everybody. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stopTimer?.()
    for (const waiter of this.#all) if (!waiter.isClaiming) waiter.answer([])
    await this.#turning
  }

  async #turn(): Promise<void> {
    // What queues tasks in this turn of the event loop shares the claims.
    await Promise.resolve()
    while ((this.#new.length > 0 || this.#wanted.size > 0) && !this.#closed) {
      const round = new Set(this.#new.filter((waiter) => waiter.isNew))
      this.#new = []
      const wanted = this.#wanted
      this.#wanted = new Map()
      for (const [type, width] of wanted) {
        let count = 0
        for (const waiter of this.#waiting.get(type) ?? []) {
          if (count >= width) break
          if (waiter.isClaiming) continue
          round.add(waiter)
          count += 1
        }
      }
      const full = await Promise.all([...round].map((waiter) => this.#claim(waiter)))
      // If each of them got all it wanted, there may be more.
      const emptied = new Set<string>()
      for (const [index, waiter] of [...round].entries())
        if (full[index] !== true) for (const { type } of waiter.types) emptied.add(type)
      for (const [type, width] of wanted) {
        const asked = [...round].some(({ types }) => types.some((one) => one.type === type))
        if (asked && !emptied.has(type) && this.#waiting.has(type) && !this.#wanted.has(type))
          this.#wanted.set(type, width * 2)
      }
    }
    this.#turning = undefined
  }

  /** True if it got as much as it wanted. */
  async #claim(waiter: Waiter): Promise<boolean> {
    const { worker, types, max } = waiter
    waiter.isNew = false
    waiter.isClaiming = true
    try {
      const claimed = await this.#options.store.claim({ node: worker, types, limit: max })
      waiter.isClaiming = false
      if (claimed.length > 0 || waiter.isLast || this.#closed) waiter.answer(claimed)
      return claimed.length === max
    } catch (error) {
      waiter.isClaiming = false
      waiter.refuse(error)
      return false
    }
  }

  /** Calls it once the wait is over; returns what prevents that. */
  #endWithin(ms: number, end: () => void): () => void {
    const { clock } = this.#options
    const now = clock.monotonic()
    const wait = sharedWait(ms, now)
    if (wait === ms) return clock.after(ms, end)
    // Sums of the same time differ in their last bits.
    const at = Math.round(now + wait)
    const together = this.#ends.get(at) ?? { all: new Set(), stop: clock.after(wait, () => this.#endAll(at)) }
    this.#ends.set(at, together)
    together.all.add(end)
    return () => {
      together.all.delete(end)
      if (together.all.size > 0 || this.#ends.get(at) !== together) return
      together.stop()
      this.#ends.delete(at)
    }
  }

  #endAll(at: number): void {
    const together = this.#ends.get(at)
    this.#ends.delete(at)
    for (const end of together?.all ?? []) end()
  }

  #add(waiter: Waiter): void {
    this.#all.add(waiter)
    for (const { type } of waiter.types) {
      const ofType = this.#waiting.get(type)
      if (ofType === undefined) this.#waiting.set(type, new Set([waiter]))
      else ofType.add(waiter)
    }
  }

  #remove(waiter: Waiter): void {
    this.#all.delete(waiter)
    for (const { type } of waiter.types) {
      const ofType = this.#waiting.get(type)
      ofType?.delete(waiter)
      if (ofType?.size === 0) this.#waiting.delete(type)
    }
  }

  #poll(): void {
    this.#stopTimer ??= this.#options.clock.after(lookEvery, () => {
      this.#stopTimer = undefined
      this.#lookLater()
      if (this.#all.size > 0 && !this.#closed) this.#poll()
    })
  }

  async #look(): Promise<void> {
    const { store, logger } = this.#options
    this.#kicked.clear()
    try {
      const { byType, held } = await store.counts()
      for (const type of this.#waiting.keys()) {
        const isEmpty = (byType[type]?.queued ?? 0) === 0
        if (isEmpty && !this.#kicked.has(type) && !this.#looksAgain) this.#empty.add(type)
        else if (!isEmpty && !Object.hasOwn(held, type)) this.kick(type)
      }
    } catch (error) {
      logger.debug({ err: error }, 'could not look for tasks of remote workers')
    }
  }
}

/** A task that runs no more leaves its place under a limit. */
function isOver({ ownerNode }: Task): boolean {
  return ownerNode === null
}
