import { traceField } from '../core/trace-context.ts'
import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { LeaseListener, Tenant } from '../core/lease.ts'
import type { EventName } from '../core/lifecycle.ts'
import type { Logger } from '../core/logger.ts'
import type { Task } from '../core/task.ts'
import { Throttle } from '../core/throttle.ts'
import type { Move } from '../core/transition.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Claimed, Store, TypeLimit } from '../store/store.ts'
import { releaseUnstartedClaims } from './unstarted-claims.ts'

/** Milliseconds after which a claim is attempted even if nothing asked for one: notifications are only hints. */
const pollEvery = 1_000
/** Between reads of the outcome of a claim in doubt, once there was one. */
const lookEvery = 60_000

/** The slots of this node. */
export type Slots = Readonly<{
  freeSlots: number
  /** Whether code of this run is here, or about to start. */
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
  /** Maximum tasks per claim. */
  most: number
  /** Aborts when the node has shut down. */
  closed: AbortSignal
}>

/** Slots beyond which halves are large enough to be worth a separate commit. */
const many = 64

/** With many slots, one claim takes half of them, so that a remote store commits one half while the other runs. */
export function mostAtOnce({ shared }: Store, slots: number): number {
  return shared === null || slots < many ? slots : Math.ceil(slots / 2)
}

/**
 * Moves into the queue that are claimed immediately. Callers combine theirs with a claim in the same commit (`claimWith`),
 * and a released task is left to another node or to the next poll: otherwise, what could not start here would be claimed
 * again forever.
 */
const claimedAtOnce: ReadonlySet<string> = new Set<EventName>([
  'due',
  'ready',
  'woken',
  'answered',
  'retry_scheduled',
  'lost',
])

/** Fills free slots: one claim at a time, requested by whatever may have made one possible. */
export class Claimer implements Subscriber, LeaseListener {
  readonly #options: ClaimerOptions
  /** Log lines per type, and the milliseconds of an interval: a missing key concerns many tasks. */
  readonly #unreadable = new Throttle(20, 10_000)
  #wanted = false
  /** Number of claims started. */
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

  /** There may be claimed tasks that did not start: they are released before the next claim. */
  unstarted(): void {
    this.#inDoubt = true
    this.kick()
  }

  /** Something may be claimable. Costs nothing while a claim is in progress or no slot is free. */
  kick(): void {
    if (this.#stopped) return
    this.#wanted = true
    this.#turning ??= this.#turn()
  }

  /**
   * Makes a write that may queue tasks, and a claim in the same commit if a slot is free: a store carries out the claims of
   * one turn of the event loop after its writes. `claimed` resolves once that claim has returned, or if no slot was free.
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
    // What frees slots in this turn of the event loop shares the claim.
    await Promise.resolve()
    while (this.#wanted && !this.#stopped) {
      this.#wanted = false
      if (!this.#options.tenant.mayStart) break
      // Awaits nothing unless there is a doubt: the claim belongs to the turn in which it was requested.
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
      // Unless the store says that nothing was recorded, there may be claimed tasks that did not start.
      this.#inDoubt ||= !(error instanceof StoreUnavailable) || error.unknown
      if (this.#inDoubt) this.#lookLater()
      logger.warn({ err: error }, 'claim failed; retrying')
      return false
    }
  }

  /** A commit in doubt may wait for the server's standby, and become visible long after the first read. */
  #lookLater(): void {
    this.#stopLooking ??= this.#options.clock.after(lookEvery, () => {
      this.#stopLooking = undefined
      this.#lookLater()
      this.unstarted()
    })
  }

  /** False if it failed: until it succeeds, nothing more is claimed. */
  async #resolveDoubt(): Promise<boolean> {
    const { logger, tenant, slots } = this.#options
    try {
      this.#inDoubt = false
      await releaseUnstartedClaims(this.#options, tenant.node, slots)
      return true
    } catch (error) {
      this.#inDoubt = true
      logger.warn({ err: error }, 'could not release claimed tasks that did not start; retrying')
      return false
    }
  }

  /** A task that cannot be started is released before the next claim; the others start. */
  #take(claimed: Claimed): void {
    const { tenant, journal, slots, logger } = this.#options
    // Claimed in the last moment of a lease: the reaper takes it, or it is released if the lease survives.
    if (claimed.task.ownerNode !== tenant.node || !tenant.mayStart) {
      this.#inDoubt = true
      return
    }
    journal.publish([claimed])
    if (claimed.unreadable !== undefined) return void this.setAside(claimed, claimed.unreadable)
    try {
      slots.start(claimed)
    } catch (error) {
      this.#inDoubt = true
      const { id: task, attempt, trace } = claimed.task
      logger.error({ err: error, task, attempt, ...traceField(trace) }, 'could not start a claimed task')
    }
  }

  /**
   * Pauses a task whose documents this node cannot decrypt: released, it would be claimed again forever, and its outcome is not
   * to be decided by a missing key. Someone resumes it once the key is there. `node`: that claimed it.
   */
  async setAside({ task }: Claimed, why: string, node = this.#options.tenant.node): Promise<void> {
    const { store, journal, logger } = this.#options
    const { id, fence, activeMs } = task
    const leftOut = this.#unreadable.pass(task.type, this.#options.clock.monotonic())
    if (leftOut !== undefined) {
      const fields = { task: id, type: task.type, reason: why, ...(leftOut === 0 ? {} : { unsaid: leftOut }) }
      logger.warn(fields, 'a claimed task cannot be decrypted: pausing it')
    }
    try {
      const [controlled] = await store.control([{ id, control: 'pause', by: node, why }])
      if (controlled?.kind !== 'moved') throw new Error(`its pause was ${controlled?.kind}`)
      // Released with a pause requested, it is paused.
      const outcome = { kind: 'released', why: 'it never started' } as const
      const settled = await store.settle(node, [{ id, fence, outcome, activeMs }])
      journal.publish([controlled, ...settled.filter((answer) => answer.verdict === 'settled')])
    } catch (error) {
      logger.warn({ err: error, task: id }, 'could not pause a task that cannot be decrypted; releasing it')
      this.unstarted()
    }
  }

  /** Notifies those who asked before the claim of this number started. */
  #answer(number: number): void {
    if (this.#waiters.length === 0) return
    for (const { begun, resolve } of this.#waiters) if (begun < number) resolve()
    this.#waiters = this.#waiters.filter(({ begun }) => begun >= number)
  }

  #poll(): void {
    this.#stopTimer?.()
    if (this.#stopped) return
    const { clock, store } = this.#options
    // A rate may allow the next start sooner.
    const within = Math.min(pollEvery, Math.max(1, store.limits.wakesIn ?? pollEvery))
    this.#stopTimer = clock.after(within, () => this.kick())
  }
}
