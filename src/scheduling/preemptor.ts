import type { Clock } from '../core/clock.ts'
import type { Tenant } from '../core/lease.ts'
import type { Logger } from '../core/logger.ts'
import { Loop } from '../core/loop.ts'
import { urgentPriority, type PreemptionRule } from '../core/preemption.ts'
import type { Task } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Signals } from '../store/sharing.ts'
import type { Store, TypeLimit } from '../store/store.ts'

export type PreemptorOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  journal: Journal
  tenant: Tenant
  /** What may be started. */
  types: () => readonly TypeLimit[]
  /** By preemptible type of this node. */
  rules: ReadonlyMap<string, PreemptionRule>
  /** Tells the node that runs a task; undefined if there is only this one. */
  signals: Signals | undefined
}>

/** Milliseconds in which a claim takes the task if a slot is free. */
const claimedWithin = 30
/** Milliseconds between looks for urgent tasks that other nodes have queued, or whose room somebody else has taken. */
const lookEvery = 1_000

/** Lets running tasks make room for urgent ones. Without preemptible types it does nothing. */
export class Preemptor implements Subscriber {
  readonly #options: PreemptorOptions
  readonly #loop: Loop

  constructor(options: PreemptorOptions) {
    this.#options = options
    this.#loop = new Loop('preempt', options.clock, options.logger, () => this.#look())
  }

  start(): void {
    if (this.#options.rules.size > 0) this.#loop.kick()
  }

  moved({ task: { status, priority } }: Move): void {
    if (status === 'queued' && priority >= urgentPriority && this.#options.rules.size > 0)
      this.#loop.within(claimedWithin)
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #look(): Promise<number> {
    const { store, types, rules, tenant } = this.#options
    if (!tenant.mayStart) return lookEvery
    const asked = await store.preempt({ types: types(), rules })
    for (const task of asked) this.#tell(task)
    return lookEvery
  }

  #tell(task: Task): void {
    const { journal, tenant, signals } = this.#options
    if (task.ownerNode === tenant.node) journal.see(task)
    else signals?.send({ kind: 'moved', ids: [task.id] })
  }
}
