import type { Clock } from '../core/clock.ts'
import type { NodeId, Task, TimelineEntry } from '../core/task.ts'
import type { Throttle } from '../core/throttle.ts'
import type { Bus } from '../journal/bus.ts'
import type { Executor } from './executors/executor.ts'
import type { Store } from '../store/store.ts'
import type { Logger } from '../core/logger.ts'
import type { CheckpointFlusher } from './checkpoint-flusher.ts'

/** What the parts of one node share. */
export type AttemptServices = Readonly<{
  /** The one under which it writes now. */
  readonly node: NodeId
  store: Store
  clock: Clock
  bus: Bus
  executor: Executor
  saver: CheckpointFlusher
  logger: Logger
  /** Of the log lines about failures: one broken type must not fill a disk. */
  failures: Throttle
  random: () => number
  /** Milliseconds between the abort signal and fencing off. */
  cancelGrace: number
  /** Whether code may start under the lease of the node now. */
  mayStart(): boolean
  /** A claimed task could not be started: it must be given back, if it still belongs to this node. */
  notStarted(): void
  /** The node has shut down: nothing more can be written. */
  closed(): boolean
  /** A transition was committed: tells listeners, and the copy of the task on this node. */
  committed(task: Task, entry: TimelineEntry): void
}>
