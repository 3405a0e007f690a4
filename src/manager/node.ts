import type { Clock } from '../core/clock.ts'
import type { BootId, Task, TimelineEntry } from '../core/task.ts'
import type { Throttle } from '../core/throttle.ts'
import type { Bus } from '../events/bus.ts'
import type { Executor } from '../runtime/executor.ts'
import type { Store } from '../store/store.ts'
import type { Logger } from './logger.ts'
import type { Saver } from './saver.ts'

/** What the parts of one node share. */
export type Node = Readonly<{
  /** The one under which it writes now. */
  readonly boot: BootId
  store: Store
  clock: Clock
  bus: Bus
  executor: Executor
  saver: Saver
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
