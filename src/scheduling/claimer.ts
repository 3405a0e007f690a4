import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { NodeId } from '../core/task.ts'
import type { Claimed, Store, TypeLimit } from '../store/store.ts'
import type { Logger } from '../core/logger.ts'

/** Milliseconds after which a claim is tried although nothing asked for one: notifications are only hints. */
const pollEvery = 1_000
/** Between looks for what a claim in doubt has left, once there was one. */
const lookEvery = 60_000

export type ClaimerOptions = Readonly<{
  store: Store
  node: () => NodeId
  clock: Clock
  logger: Logger
  /** What can be started now. */
  types: () => readonly TypeLimit[]
  /** Nothing is claimed, nor given back, while the lease is in danger. */
  mayStart: () => boolean
  freeSlots: () => number
  /** Of one claim. */
  most: number
  take: (claimed: Claimed) => void
  /** There may be claimed tasks that did not start, after a claim in doubt for one: they must not be lost. */
  inDoubt: () => Promise<void>
}>

/** Slots beyond which halves are large enough to be worth a commit of their own. */
const many = 64

/** Of many slots one claim takes half of them, so that a store elsewhere commits one half while the other one runs. */
export function mostAtOnce({ shared }: Store, slots: number): number {
  return shared === null || slots < many ? slots : Math.ceil(slots / 2)
}

/** Fills free slots: one claim at a time, asked for by whatever may have made one possible. */
export class Claimer {
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

  /** Something may be claimable. Costs nothing while a claim is under way or no slot is free. */
  kick(): void {
    if (this.#stopped) return
    this.#wanted = true
    this.#turning ??= this.#turn()
  }

  /** Kicks; resolves when a claim that began after this call has been answered, or no slot is free for one. */
  kicked(): Promise<void> {
    this.kick()
    if (this.#turning === undefined) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ begun: this.#begun, resolve }))
  }

  /** There may be claimed tasks that did not start: they are given back before the next claim. */
  doubt(): void {
    this.#inDoubt = true
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopTimer?.()
    this.#stopLooking?.()
    await this.#turning
  }

  async #turn(): Promise<void> {
    // Whoever frees slots in this turn of the loop shares the claim, and its transaction.
    await Promise.resolve()
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false
      if (!this.#options.mayStart()) break
      // Awaits nothing without a doubt: the claim shares the commit of whatever asked for it.
      if (this.#inDoubt && !(await this.#resolveDoubt())) break
      const limit = Math.min(this.#options.freeSlots(), this.#options.most)
      if (limit <= 0) break
      if (!(await this.#claim(limit))) break
    }
    this.#turning = undefined
    this.#answer(Number.POSITIVE_INFINITY)
    this.#poll()
  }

  async #claim(limit: number): Promise<boolean> {
    const { store, node, types, logger } = this.#options
    const number = ++this.#begun
    try {
      const startable = types()
      if (startable.length === 0) return false
      const claimed = await store.claim({ node: node(), limit, types: startable })
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
      this.doubt()
      this.kick()
    })
  }

  /** False when it could not be done: until then nothing more is claimed. */
  async #resolveDoubt(): Promise<boolean> {
    try {
      this.#inDoubt = false
      await this.#options.inDoubt()
      return true
    } catch (error) {
      this.#inDoubt = true
      this.#options.logger.warn(
        { err: error },
        'could not release claimed tasks that did not start; retrying',
      )
      return false
    }
  }

  /** One that cannot be taken is given back before the next claim; those beside it start. */
  #take(claimed: Claimed): void {
    const { take, logger } = this.#options
    try {
      take(claimed)
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
