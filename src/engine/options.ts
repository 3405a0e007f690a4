import type { Clock } from '../core/clock.ts'
import type { Runtime } from '../registry/type.ts'
import type { Registry } from '../registry/registry.ts'
import type { DefinedSchedule } from '../registry/schedule.ts'
import type { Executor } from '../execution/executors/executor.ts'
import type { LoopDelay } from '../execution/executors/loop-watch.ts'
import type { Send } from '../delivery/sender.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Store } from '../store/store.ts'
import type { LeaseLoss } from '../cluster/node-lease.ts'
import type { Logger } from '../core/logger.ts'
import type { RateLimit } from '../core/rate-limit.ts'

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
  /** Host name and process id, for operators of several nodes. */
  host: string
  pid: number
  /** Slots of this node; 0 claims nothing. */
  maxConcurrent: number
  /** The types this node runs; it serves all types that it knows. */
  types: readonly string[]
  /** Defined in code. */
  schedules?: readonly DefinedSchedule[]
  /** Maximum scheduled and queued tasks in the store. */
  maxQueued: number
  /** Hold all types before anything starts. */
  startHeld?: boolean
  /** How long finished tasks are kept. */
  retention: number
  /** How long entries of the audit log are kept. */
  auditRetention: number
  /** How long deliveries of webhooks are kept. Default: 7 days. */
  webhookRetention?: number | undefined
  /** Ranges that webhooks may reach. Default: public addresses. */
  webhookAllow?: readonly string[] | undefined
  /** Sends messages to webhooks. Default: over HTTP, to addresses that they may reach. */
  send?: Send | undefined
  /** Time between the abort signal and fencing off. */
  cancelGrace: number
  /** How long a remote worker keeps a task without a beat. Default 30,000. */
  workerLease?: number | undefined
  /** How long `close` waits for running tasks. */
  drain: number
  /** Suspended handlers to keep, by where they run. */
  maxParked: Readonly<Record<Runtime, number>>
  /** A key with all scopes, in addition to those in the store. */
  adminKey?: string | undefined
  /** Refuses callers without a key even if no key exists. */
  requireKeys?: boolean | undefined
  /** For keys that have no limit of their own. */
  keyRateLimit?: RateLimit | undefined
  /** Default: no spans. */
  tracing?: Tracing | undefined
  /** Called whenever the node has lost its lease. */
  leaseLost?: (loss: LeaseLoss) => void
  /** Called once everything has stopped and the store is closed. */
  closed: () => void
}>
