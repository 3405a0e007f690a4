import type { Clock } from '../core/clock.ts'
import type { Runtime } from '../registry/type.ts'
import type { Registry } from '../registry/registry.ts'
import type { Executor } from '../execution/executors/executor.ts'
import type { LoopDelay } from '../execution/executors/loop-watch.ts'
import type { Store } from '../store/store.ts'
import type { LeaseLoss } from '../cluster/node-lease.ts'
import type { Logger } from '../core/logger.ts'

/** All durations in milliseconds. */
export type ManagerOptions = Readonly<{
  store: Store
  registry: Registry
  executor: Executor
  clock: Clock
  logger: Logger
  /** A new id for a task, or for this start of the node. */
  newId: () => string
  random: () => number
  loopDelay: () => LoopDelay
  version: string
  /** Names of the machine and of the process, for those who look after several nodes. */
  host: string
  pid: number
  /** Slots of this node; 0 claims nothing. */
  maxConcurrent: number
  /** What this node runs; it serves all types that it knows. */
  types: readonly string[]
  /** Scheduled and queued tasks in the store. */
  maxQueued: number
  /** Terminal tasks are deleted so long after their end. */
  retention: number
  /** Between the abort signal and fencing off. */
  cancelGrace: number
  /** How long `close` may take for what still runs. */
  drain: number
  /** Suspended handlers that are kept, by where they run. */
  maxParked: Readonly<Record<Runtime, number>>
  /** Called whenever the lease of the node was lost. */
  leaseLost?: (loss: LeaseLoss) => void
  /** Called once, when all has stopped and the store is closed. */
  closed: () => void
}>
