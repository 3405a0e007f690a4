import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { LeaseListener, Tenant } from '../core/lease.ts'
import type { EventName } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Task } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Claimed, Store, TypeLimit } from '../store/store.ts'
import { releaseUnstartedClaims } from './unstarted-claims.ts'

/** Milliseconds after which a claim is tried although nothing asked for one: notifications are only hints. */
const pollEvery = 1_000
/** Between looks for what a claim in doubt has left, once there was one. */
const lookEvery = 60_000

/** The slots of this node. */
export type Slots = Readonly<{
  freeSlots: number
  /** Code of this very run is here, or about to start. */
  runs(task: Task): boolean
  start(claimed: Claimed): void
}>

export type ClaimerOptions = Readonly<{
  store: Store
  tenant: Tenant
  clock: Clock
  logger: Logger
  journal: Journal
  slots: Slots
  /** What can be started now. */
  types: () => readonly TypeLimit[]
  /** Of one claim. */
  most: number
}>

/** Slots beyond which halves are large enough to be worth a commit of their own. */
const many = 64

/** Of many slots one claim takes half of them, so that a store elsewhere commits one half while the other one runs. */
export function mostAtOnce({ shared }: Store, slots: number): number {
  return shared === null || slots < many ? slots : Math.ceil(slots / 2)
}

/**
 * Moves into the queue that are claimed at once. Callers make theirs with a claim in the same commit (`claimWith`), and a task
 * that was given back is for another node, or for the next poll: what could not start here would be claimed again for ever.
 */
const claimedAtOnce: ReadonlySet<string> = new Set<EventName>(['due', 'retry_scheduled', 'lost'])

/** Fills free slots: one claim at a time, asked for by whatever may have made one possible. */
export class Claimer implements Subscriber, LeaseListener {
  readonly #options: ClaimerOptions
  #wanted = false
  /** How many claims have begun. */
  #begun = 0
  #waiters: { begun: number; resolve: () => void }[] = []
  #turning: Promise<void> | undefined
  #stopped = false
  #inDoubt = false
  #stopTimer: (() => void) | undefined
  #stopLooking: (() => void) | undefined

  constructor(options: ClaimerOptions) {
    this.#options = options
  }

  moved({ task, entry }: Move): void {
    if (task.status === 'queued' && claimedAtOnce.has(entry.event)) this.kick()
  }

  slotsChanged(): void {
    this.kick()
  }

  usable(): void {
    this.kick()
  }

  /** There may be claimed tasks that did not start: they are given back before the next claim. */
  unstarted(): void {
    this.#inDoubt = true
    this.kick()
  }

  /** Something may be claimable. Costs nothing while a claim is under way or no slot is free. */
  kick(): void {
    if (this.#stopped) return
    this.#wanted = true
    this.#turning ??= this.#turn()
  }

  /**
   * Makes a write that may queue tasks, and a claim in the same commit if a slot is free: a store carries out the claims of one
   * turn of the loop after its writes. `claimed` resolves once that claim is answered, or no slot was free.
   */
  claimWith<T>(write: () => Promise<T>): Readonly<{ answer: Promise<T>; claimed: Promise<void> }> {
    const answer = write()
    this.kick()
    if (this.#turning === undefined) return { answer, claimed: Promise.resolve() }
    const { promise: claimed, resolve } = Promise.withResolvers<void>()
    this.#waiters.push({ begun: this.#begun, resolve })
    return { answer, claimed }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopTimer?.()
    this.#stopLooking?.()
    await this.#turning
  }

  async #turn(): Promise<void> {
    // Whoever frees slots in this turn of the loop shares the claim.
    await Promise.resolve()
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false
      if (!this.#options.tenant.mayStart) break
      // Awaits nothing without a doubt: the claim belongs to the turn in which it was asked for.
      if (this.#inDoubt && !(await this.#resolveDoubt())) break
      const limit = Math.min(this.#options.slots.freeSlots, this.#options.most)
      if (limit <= 0) break
      if (!(await this.#claim(limit))) break
    }
    this.#turning = undefined
    this.#answer(Number.POSITIVE_INFINITY)
    this.#poll()
  }

  async #claim(limit: number): Promise<boolean> {
    const { store, tenant, types, logger } = this.#options
    const number = ++this.#begun
    try {
      const startable = types()
      if (startable.length === 0) return false
      const claimed = await store.claim({ node: tenant.node, limit, types: startable })
      for (const one of claimed) this.#take(one)
      this.#answer(number)
      if (claimed.length === limit) this.#wanted = true
      return true
    } catch (error) {
      // Unless the store says that nothing was recorded, something may have been that did not start.
      this.#inDoubt ||= !(error instanceof StoreUnavailable) || error.unknown
      if (this.#inDoubt) this.#lookLater()
      logger.warn({ err: error }, 'claim failed; retrying')
      return false
    }
  }

  /** A commit in doubt may wait at the server for its standby, and be seen long after the first look. */
  #lookLater(): void {
    this.#stopLooking ??= this.#options.clock.after(lookEvery, () => {
      this.#stopLooking = undefined
      this.#lookLater()
      this.unstarted()
    })
  }

  /** False when it could not be done: until then nothing more is claimed. */
  async #resolveDoubt(): Promise<boolean> {
    const { logger, store, tenant, slots, journal } = this.#options
    try {
      this.#inDoubt = false
      await releaseUnstartedClaims(store, tenant.node, slots, journal)
      return true
    } catch (error) {
      this.#inDoubt = true
      logger.warn({ err: error }, 'could not release claimed tasks that did not start; retrying')
      return false
    }
  }

  /** One that cannot be taken is given back before the next claim; those beside it start. */
  #take(claimed: Claimed): void {
    const { tenant, journal, slots, logger } = this.#options
    // Claimed in the last moment of a lease: the reaper takes it, or it is given back if the lease holds after all.
    if (claimed.task.ownerNode !== tenant.node || !tenant.mayStart) {
      this.#inDoubt = true
      return
    }
    journal.publish([claimed])
    try {
      slots.start(claimed)
    } catch (error) {
      this.#inDoubt = true
      logger.error({ err: error, task: claimed.task.id }, 'could not start a claimed task')
    }
  }

  /** Tells those who asked before the claim of this number began. */
  #answer(number: number): void {
    if (this.#waiters.length === 0) return
    for (const { begun, resolve } of this.#waiters) if (begun < number) resolve()
    this.#waiters = this.#waiters.filter(({ begun }) => begun >= number)
  }

  #poll(): void {
    this.#stopTimer?.()
    if (!this.#stopped) this.#stopTimer = this.#options.clock.after(pollEvery, () => this.kick())
  }
}
