import { Histogram } from '../core/histogram.ts'
import { preemptedFor } from '../core/preemption.ts'
import { isTerminal, terminalStatuses, type TerminalStatus } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { DeliveryCounts } from '../delivery/deliverer.ts'
import type { LimitUse } from '../store/limit-store.ts'
import type { CommitMetrics, Counts } from '../store/store.ts'

/** What this node did with tasks of one type since its start. Histograms are in seconds. */
export type TypeMetrics = {
  submitted: number
  readonly finished: Record<TerminalStatus, number>
  /** Submits that were refused because too many tasks waited. */
  refused: number
  /** How often they have made room for urgent tasks. */
  preempted: number
  /** Cancelled because they did not start in time. */
  expired: number
  /** Active time of each attempt that ended, however it ended. */
  readonly run: Histogram
  /** Time in the queue before each start. */
  readonly queue: Histogram
}

/** Measurements of a node, for monitoring. Everything but `tasks` is about this node alone. */
export type NodeMetrics = Readonly<{
  /** Of all nodes; null while the store does not answer. */
  tasks: Readonly<{
    counts: Counts
    /** Milliseconds for which the oldest queued task of each type has been queued. */
    oldestQueued: Readonly<Record<string, number>>
    limits: readonly LimitUse[]
    /** Milliseconds for which the first schedule has been due; 0 if none is. */
    scheduleLag: number
    /** Deliveries that are pending, up to 10,000. */
    pendingDeliveries: number
  }> | null
  types: ReadonlyMap<string, TypeMetrics>
  commits: CommitMetrics
  /** Milliseconds since the lease was last renewed; null without leases. */
  leaseAge: number | null
  leasesLost: number
  /** Live remote workers, of all nodes. */
  remoteWorkers: number
  /** Attempts of deliveries on this node, by how they ended. */
  deliveries: DeliveryCounts
}>

const times = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600]

/** Counts what happens to tasks on this node. It only grows by type, so any number of tasks costs the same. */
export class TaskMetrics implements Subscriber {
  readonly #types = new Map<string, TypeMetrics>()

  get types(): ReadonlyMap<string, TypeMetrics> {
    return this.#types
  }

  moved({ before, task, entry }: Move): void {
    const metrics = this.#of(task.type)
    const { event, status } = entry
    if (event === 'submitted') metrics.submitted += 1
    if (event === 'claimed') metrics.queue.observe((task.queuedMs - (before?.queuedMs ?? 0)) / 1_000)
    // The row before is unknown if only the outcome of a commit in doubt is known.
    const hadAttempt = before?.attemptOpen ?? event !== 'submitted'
    if (hadAttempt && !task.attemptOpen) metrics.run.observe((task.activeMs - task.attemptBaseMs) / 1_000)
    if (isTerminal(status)) metrics.finished[status] += 1
    if (event === 'released' && entry.why?.startsWith(preemptedFor) === true) metrics.preempted += 1
    if (event === 'expired') metrics.expired += 1
  }

  /** A submit of this type was refused. */
  refused(type: string): void {
    this.#of(type).refused += 1
  }

  #of(type: string): TypeMetrics {
    const known = this.#types.get(type)
    if (known !== undefined) return known
    const finished = Object.fromEntries(terminalStatuses.map((status) => [status, 0]))
    const made: TypeMetrics = {
      submitted: 0,
      expired: 0,
      preempted: 0,
      refused: 0,
      finished: finished as Record<TerminalStatus, number>,
      run: new Histogram(times),
      queue: new Histogram(times),
    }
    this.#types.set(type, made)
    return made
  }
}
