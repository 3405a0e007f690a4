import type { Spawned, SpawnRequest } from '../core/child.ts'
import type { Clock } from '../core/clock.ts'
import type { Tenant } from '../core/lease.ts'
import type { Logger } from '../core/logger.ts'
import type { Fence, Task } from '../core/task.ts'
import type { Throttle } from '../core/throttle.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Journal } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'
import type { CheckpointFlusher } from './checkpoint-flusher.ts'
import type { Executor } from './executors/executor.ts'

/** Starts tasks for those that run. */
export type Children = Readonly<{
  /**
   * Commits children of this run, all or none; those that earlier runs have started are found again. Null if the run is not the newest
   * of its task, or not active. Throws `StoreUnavailable`.
   */
  spawn(parent: Task, fence: Fence, request: SpawnRequest): Promise<Spawned | null>
}>

/** What every attempt of a node works with. */
export type AttemptServices = Readonly<{
  tenant: Tenant
  store: Store
  clock: Clock
  journal: Journal
  executor: Executor
  children: Children
  flusher: CheckpointFlusher
  logger: Logger
  /** Limits log lines about failures: one broken type must not fill a disk. */
  failures: Throttle
  random: () => number
  tracing: Tracing | undefined
  /** Milliseconds between the abort signal and fencing off. */
  cancelGrace: number
  /** Aborts when the node has shut down: nothing more can be written. */
  closed: AbortSignal
}>
