import type { Clock } from '../core/clock.ts'
import type { Task, TimelineEntry } from '../core/task.ts'
import type { Store } from '../store/store.ts'
import { Loop } from '../core/loop.ts'
import type { Logger } from '../core/logger.ts'

export type MaintenanceOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  /** Milliseconds that a terminal task is kept. */
  retention: number
  committed: (task: Task, entry: TimelineEntry) => void
  /** Tasks have come into the queue. */
  queued: () => void
  /** Takes the tasks of dead nodes. */
  reap: () => Promise<void>
}>

/** Tasks in one step, so that callers beside it are not kept waiting. */
const promoteAtOnce = 500
const pruneAtOnce = 200
const longestWait = 1_000
/** Milliseconds after which a task is tried again that is due and could not be moved: someone else has it locked. */
const lockedWait = 100
const longestPruneWait = 60_000

/** What happens with time: due tasks enter the queue, and old ones are deleted. */
export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #promoter: Loop
  readonly #pruner: Loop
  /** Of a store that nodes share: they look after each other. */
  readonly #reaper: Loop | undefined

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.#promoter = new Loop('promote', options.clock, options.logger, () => this.#promote())
    this.#pruner = new Loop('prune', options.clock, options.logger, () => this.#prune())
    const { lease } = options.store.capabilities
    this.#reaper =
      lease === null
        ? undefined
        : new Loop('reap', options.clock, options.logger, async () => {
            await options.reap()
            return lease / 6
          })
  }

  start(): void {
    this.#promoter.kick()
    this.#pruner.kick()
    this.#reaper?.kick()
  }

  /** A task will be due then. */
  dueAt(time: number | null): void {
    if (time !== null) this.#promoter.within(Math.max(0, time - this.#options.store.now()))
  }

  async stop(): Promise<void> {
    await Promise.all([this.#promoter.stop(), this.#pruner.stop(), this.#reaper?.stop()])
  }

  async #promote(): Promise<number> {
    const { store, committed, queued } = this.#options
    const { moved, dueIn } = await store.promote(promoteAtOnce)
    for (const { task, entry } of moved) committed(task, entry)
    if (moved.length > 0) queued()
    if (dueIn === 0) return moved.length > 0 ? 0 : lockedWait
    return Math.min(longestWait, dueIn ?? longestWait)
  }

  async #prune(): Promise<number> {
    const { store, retention } = this.#options
    const pruned = await store.prune(retention, pruneAtOnce)
    return pruned === pruneAtOnce ? 0 : Math.min(longestPruneWait, Math.max(100, retention / 10))
  }
}
