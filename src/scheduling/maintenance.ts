import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { isAsleep, isUnstarted } from '../core/task.ts'
import { poisonLimit, type Move } from '../core/transition.ts'
import type { Bus } from '../journal/bus.ts'
import { publishMovesOf } from '../journal/newest.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'

export type MaintenanceOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  journal: Journal
  bus: Pick<Bus, 'watched'>
  /** Aborts when the node has shut down. */
  closed: AbortSignal
  /** Milliseconds for which a finished task is kept. */
  retention: number
  /** The same for an entry of the audit log. */
  auditRetention: number
  /** Types with a poison limit of their own. */
  poisonLimits: ReadonlyMap<string, number>
  /** Called after tasks of dead nodes were taken. */
  reaped: () => Promise<void>
}>

/** Tasks per step, so that other callers are not delayed. */
const promoteAtOnce = 500
const expireAtOnce = 500
const pruneAtOnce = 200
const pruneEntriesAtOnce = 500
const longestWait = 1_000
/** Milliseconds after which a due task is retried that could not be moved because it is locked. */
const lockedWait = 100
const longestPruneWait = 60_000

/** What happens with time: due tasks enter the queue, those that did not start in time end, old ones are deleted, and those of dead nodes are taken over. */
export class Maintenance implements Subscriber {
  readonly #options: MaintenanceOptions
  readonly #promoter: Loop
  readonly #expirer: Loop
  readonly #pruner: Loop
  /** Only for a store that nodes share: they take over from each other. */
  readonly #reaper: Loop | undefined

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#promoter = new Loop('promote', options.clock, options.logger, () => this.#promote())
    this.#expirer = new Loop('expire', options.clock, options.logger, () => this.#expire())
    this.#pruner = new Loop('prune', options.clock, options.logger, () => this.#prune())
    const { lease } = options.store.capabilities
    this.#reaper =
      lease === null
        ? undefined
        : new Loop('reap', options.clock, options.logger, async () => {
            await this.reap()
            return lease / 6
          })
  }

  start(): void {
    this.#promoter.kick()
    this.#expirer.kick()
    this.#pruner.kick()
    this.#reaper?.kick()
  }

  moved({ task }: Move): void {
    const { status, runAt, expiresAt } = task
    const until = (time: number) => Math.max(0, time - this.#options.store.now())
    if ((status === 'scheduled' || isAsleep(task)) && runAt !== null) this.#promoter.within(until(runAt))
    if (expiresAt !== null && isUnstarted(status)) this.#expirer.within(until(expiresAt))
  }

  /** Takes the tasks of dead nodes: earlier starts of this one, or others. */
  async reap(): Promise<void> {
    const { store, journal, logger, poisonLimits } = this.#options
    const moves = await store.reap({ poisonLimit, poisonLimits })
    if (moves.length > 0) logger.info({ tasks: moves.length }, 'took over tasks of dead nodes')
    journal.publish(moves)
    await this.#options.reaped()
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.#promoter.stop(),
      this.#expirer.stop(),
      this.#pruner.stop(),
      this.#reaper?.stop(),
    ])
  }

  async #promote(): Promise<number> {
    const { store, journal } = this.#options
    const { moved, dueIn } = await store.promote(promoteAtOnce)
    journal.publish(moved)
    if (dueIn === 0) return moved.length > 0 ? 0 : lockedWait
    return Math.min(longestWait, dueIn ?? longestWait)
  }

  async #expire(): Promise<number> {
    const { store, journal, bus } = this.#options
    const { moved, dueIn } = await store.expire(expireAtOnce).catch((error: unknown) => {
      if (error instanceof StoreUnavailable && error.unknown)
        publishMovesOf('expirer', this.#options, bus.watched())
      throw error
    })
    journal.publish(moved)
    if (dueIn === 0) return moved.length > 0 ? 0 : lockedWait
    return Math.min(longestWait, dueIn ?? longestWait)
  }

  async #prune(): Promise<number> {
    const { store, retention, auditRetention } = this.#options
    const pruned = await store.prune(retention, pruneAtOnce)
    const entries = await store.audit.prune(auditRetention, pruneEntriesAtOnce)
    if (pruned === pruneAtOnce || entries === pruneEntriesAtOnce) return 0
    const shortest = Math.min(retention, auditRetention)
    return Math.min(longestPruneWait, Math.max(100, shortest / 10))
  }
}
