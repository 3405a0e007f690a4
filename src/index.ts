import { hostname } from 'node:os'
import { parseDuration } from './core/duration.ts'
import type { Tracer } from '@opentelemetry/api'
import { noEncryption, parseEncryptionKeys } from './core/encryption-keys.ts'
import { DefinitionInvalid } from './core/errors.ts'
import type { Tracing } from './core/tracing.ts'
import { mustNotNeedKeys, openStore, type Patience } from './database.ts'
import { idSource } from './engine/ids.ts'
import type { Logger } from './core/logger.ts'
import { parseRateLimit, rateBounds, type RateLimit } from './core/rate-limit.ts'
import { TaskManager } from './engine/task-manager.ts'
import type { LeaseLoss } from './cluster/node-lease.ts'
import type { Duration } from './registry/context.ts'
import type { AnyTaskType } from './registry/type.ts'
import { Registry } from './registry/registry.ts'
import type { DefinedSchedule } from './registry/schedule.ts'
import { mustBeUsable } from './engine/schedules.ts'
import { insideThread } from './execution/executors/thread/inside.ts'
import { Lease } from './execution/executors/lease.ts'
import { endLeftovers } from './execution/executors/leftovers.ts'
import { LoopWatch } from './execution/executors/loop-watch.ts'
import { executorOf } from './execution/executors/runtimes.ts'
import { systemClock } from './execution/executors/system-clock.ts'
import { version } from './version.ts'

export { defineTask } from './registry/define.ts'
export { defineCommand } from './registry/command.ts'
export { defineSchedule } from './registry/schedule.ts'
export type { DefinedSchedule, ScheduleDraft } from './registry/schedule.ts'
export type { CommandDefinition } from './registry/command.ts'
export type {
  Child,
  ChildResult,
  CompletedChild,
  SettledChild,
  Duration,
  SpawnOptions,
  StepContext,
  StepOptions,
  StepResult,
  TaskContext,
  ThreadContext,
  TimedOut,
  WaitOptions,
} from './registry/context.ts'
export type { TaskDefinition } from './registry/define.ts'
export type { BackoffOptions } from './registry/options.ts'
export type { Runtime as Place, TaskType } from './registry/type.ts'
export type { Patience } from './database.ts'
export type { TaskManager } from './engine/task-manager.ts'
export type { TaskHandle } from './engine/handle.ts'
export type {
  BulkOptions,
  ControlOptions,
  Draft,
  OwnSubmitOptions,
  ReasonOptions,
  StepsOptions,
  SubmitOptions,
} from './engine/api.ts'
export type { ParentEnd } from './core/task.ts'
export type { Family, FamilyOptions } from './engine/family.ts'
export type { FairnessOptions, LimitOptions } from './registry/admission.ts'
export type { LimitDraft, LimitsApi } from './engine/limits.ts'
export type { BucketOptions, BucketUse, LimitUse } from './store/limit-store.ts'
export type { Limit, LimitScope } from './core/limits.ts'
export type {
  DeliveryOptions,
  IssuedWebhook,
  Redelivery,
  WebhookDraft,
  WebhooksApi,
} from './engine/webhooks.ts'
export type {
  WaitFilter,
  WaitInfo,
  WaitList,
  WaitListOptions,
  WaitOutcome,
  WaitsApi,
} from './engine/waits.ts'
export type { WebhookUse } from './store/webhook-store.ts'
export type { Delivery, Webhook, WebhookEvent } from './core/webhook.ts'
export type { Backfill, ScheduleInfo, SchedulePage, SchedulesApi } from './engine/schedules-api.ts'
export type { Change } from './engine/all-events.ts'
export type { AuditListPage as AuditPage, AuditOptions } from './engine/audit.ts'
export type { Explanation } from './engine/explain.ts'
export type { FailureGroup, FailureGroups, FailureOptions } from './engine/failures.ts'
export type { Run, RunChange, Runs, RunsOptions } from './engine/runs.ts'
export type { ListOptions, TaskPage } from './engine/lists.ts'
export type { History, Span } from './engine/rates.ts'
export type { NodeState, NodeTotals, Stats } from './engine/reports.ts'
export type { LeaseLoss } from './cluster/node-lease.ts'
export type { CallersTransaction } from './store/sharing.ts'
export type { AuditAction, AuditEntry, AuditFilter } from './core/audit.ts'
export type { Filter, ListOrder } from './core/filter.ts'
export type { BulkAction, Operation } from './core/operation.ts'
export type { Overlap, Schedule, Tick } from './core/schedule.ts'
export type { Reason, ReasonCode } from './core/reason.ts'
export type { Logger } from './core/logger.ts'
export type { TaskEvent } from './journal/event.ts'
export type {
  BackupFile,
  Counts,
  LiveNode,
  NumberedLine,
  NumberedStep,
  StepPage,
  TaskRecord,
} from './store/store.ts'
export type { Control, ErrorRecord, Progress, Status, Task, TimelineEntry } from './core/task.ts'
export {
  BackupUnsupported,
  ControlRefused,
  DatabaseInvalid,
  DefinitionInvalid,
  DocumentUnreadable,
  IdempotencyKeyReused,
  NonRetryableError,
  OperationUnknown,
  OptionsInvalid,
  ParametersInvalid,
  QueueFull,
  TooManyQueued,
  ScheduleExists,
  ScheduleUnknown,
  ShuttingDown,
  StoreDamaged,
  StoreLost,
  StoreUnavailable,
  TaskCancelled,
  TaskError,
  TaskFailed,
  TaskTimeout,
  TaskIdAmbiguous,
  TaskUnknown,
  TaskUnwound,
  TooLarge,
  TooManyOperations,
  TypeUnknown,
  UniqueConflict,
} from './core/errors.ts'

/** Durations are seconds, or strings with units: `'10m'`. */
export type OpenOptions = Readonly<{
  /**
   * `sqlite:PATH`, `sqlite::memory:`, which stores nothing on disk, or `postgres://...`, which nodes on many machines can
   * share; `?schema=` is the schema of its tables (`fermata`), `?lease=` the seconds after which a silent node counts as
   * dead (15).
   */
  database: string
  tasks: readonly AnyTaskType[]
  /** Kept as they are defined, by id, at every start. */
  schedules?: readonly DefinedSchedule[]
  /** Maximum number of tasks running at once; 0 runs none. Default 10. */
  maxConcurrent?: number
  /** Names of the types that this node runs; it serves all of them. Default: all. */
  types?: readonly string[]
  /** Default `'7d'`. */
  retention?: Duration
  /** How long entries of the audit log are kept. Default `'90d'`. */
  auditRetention?: Duration
  /** How long deliveries of webhooks are kept. Default `'7d'`. */
  webhookRetention?: Duration
  /** Addresses and ranges that webhooks may reach, and `'public'` for all public ones. Default `['public']`. */
  webhookAllow?: readonly string[]
  /** Maximum number of scheduled and queued tasks. Default 10,000,000. */
  maxQueued?: number
  /** How long a cancelled handler may ignore its abort signal before it is fenced off. Default `'5s'`. */
  cancelGrace?: Duration
  /** How long a remote worker keeps a task without a beat. Default `'30s'`. */
  workerLease?: Duration
  /** How long `close` waits for running tasks. Default `'25s'`. */
  drain?: Duration
  /** Number of warm threads for types that run in threads. Default: one per core. More are started when needed. */
  threads?: number
  /** Suspended inline handlers to keep in memory. Default 1,000; in addition to 8 threads and 32 processes. */
  maxParked?: number
  /** Holds all types before anything starts, until they are released; on PostgreSQL, for all nodes. Default: false. */
  startHeld?: boolean
  /** Default: warnings and errors go to the console. */
  logger?: Logger
  /**
   * On PostgreSQL: called when the node has lost its lease, so that other nodes run its tasks. The node starts over on its
   * own. If an inline handler blocks the main thread at that time, it cannot be stopped, and this is called once it returns;
   * `'end-process'` kills the process (`SIGKILL`) instead, for programs that are only a node. Default: the loss is only
   * logged.
   */
  onLeaseLost?: 'end-process' | ((loss: LeaseLoss) => void)
  /**
   * Keys of AES-256 that encrypt what tasks store, as `id:base64,id:base64`: the first one encrypts, all of them decrypt. With
   * `plain` as the first entry, nothing is encrypted. Default: none.
   */
  encryptionKeys?: string | undefined
  /** For servers: a key with all scopes, in addition to those in the store. */
  adminKey?: string | undefined
  /** For servers: refuses callers without a key even if no key exists. */
  requireKeys?: boolean | undefined
  /**
   * For servers: a key without a limit of its own may make `limit` requests at once, which are given back evenly over `per`
   * (seconds, or text like `1m`; from a second to a day). Default: no limit.
   */
  keyRateLimit?: Readonly<{ limit: number; per: number | string }> | undefined
  /** Your `Tracer` of `@opentelemetry/api`: submits and attempts have spans. Default: none. */
  tracer?: Tracer | undefined
  /** For servers: spans of their own. */
  tracing?: Tracing | undefined
  /** Waits for a PostgreSQL that is not available yet. Default: throws `StoreUnavailable` immediately. */
  patience?: Patience
}>

/**
 * Opens the database, takes over what an earlier process left there, and starts running tasks. Keeps the process alive until
 * `close()` (or the end of `await using`). Throws `DatabaseInvalid` for an invalid URL, `StoreUnavailable` if the database
 * cannot be opened, and `DocumentUnreadable` if its newest task is encrypted and there are no keys.
 */
export async function openTaskManager(options: OpenOptions): Promise<TaskManager> {
  if (insideThread.value) {
    throw new DefinitionInvalid(
      'a module of task types opened a task manager when a thread imported it: keep the types in a module of their own',
    )
  }
  const registry = new Registry(options.tasks)
  for (const { type, runs, module } of registry) {
    if ((runs === 'thread' || runs === 'process') && module === null)
      throw new DefinitionInvalid(
        `task type ${JSON.stringify(type)}: runs: "${runs}" needs module: import.meta.url, for the ${runs} to import`,
      )
  }
  const duration = (
    name: 'retention' | 'auditRetention' | 'webhookRetention' | 'cancelGrace' | 'workerLease' | 'drain',
    fallback: number,
  ) => {
    const ms = parseDuration(options[name] ?? fallback)
    if (ms === undefined) throw new RangeError(`${name} must be a duration: seconds, or text like "10m"`)
    return ms
  }
  const whole = (name: 'maxConcurrent' | 'maxQueued' | 'maxParked', fallback: number) => {
    const value = options[name] ?? fallback
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`${name} must be a whole number from 0`)
    return value
  }
  const keys = parseEncryptionKeys(options.encryptionKeys ?? '')
  if (typeof keys === 'string') throw new RangeError(`encryptionKeys is invalid: ${keys}`)
  const types = options.types ?? registry.names
  const unknown = types.find((type) => !registry.names.includes(type))
  if (unknown !== undefined)
    throw new RangeError(`types names ${JSON.stringify(unknown)}, but there is no such task type`)
  const { schedules = [] } = options
  mustBeUsable(registry, schedules)
  const settings = {
    types,
    schedules,
    startHeld: options.startHeld ?? false,
    maxConcurrent: whole('maxConcurrent', 10),
    maxQueued: whole('maxQueued', 10_000_000),
    maxParked: { inline: whole('maxParked', 1_000), thread: 8, process: 32, command: 32 },
    retention: duration('retention', 604_800),
    auditRetention: duration('auditRetention', 7_776_000),
    webhookRetention: duration('webhookRetention', 604_800),
    webhookAllow: options.webhookAllow,
    cancelGrace: duration('cancelGrace', 5),
    workerLease: duration('workerLease', 30),
    drain: duration('drain', 25),
  }
  const { tracer } = options
  const tracing =
    tracer === undefined ? options.tracing : (await import('./telemetry/spans.ts')).spansOf(tracer)
  const store = await openStore(options.database, systemClock, {
    patience: options.patience,
    endsProcess: options.onLeaseLost === 'end-process',
    keys,
  })
  try {
    if (keys === noEncryption) await mustNotNeedKeys(store)
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
  const logger = options.logger ?? consoleLogger
  // Before anything is claimed: the tasks of leftovers might be claimed next.
  const leftovers = await endLeftovers()
  if (leftovers > 0)
    logger.warn({ processes: leftovers }, 'ended processes left behind by an earlier node on this machine')
  const leaseFile = store.shared?.leaseFile ?? null
  const executor = executorOf(registry, {
    clock: systemClock,
    warmThreads: options.threads,
    lease: leaseFile === null ? undefined : new Lease(leaseFile),
  })
  const loop = new LoopWatch(
    ({ type, ms }) =>
      logger.warn(
        { type, ms },
        'an inline handler blocked the main thread; consider runs: "thread" for its type',
      ),
    () => store.now(),
  )
  const alive = setInterval(() => undefined, 1_000_000)
  const letGo = () => {
    clearInterval(alive)
    loop[Symbol.dispose]()
  }
  try {
    return await TaskManager.open({
      ...settings,
      store,
      registry,
      executor,
      clock: systemClock,
      logger,
      loopDelay: () => loop.delay,
      newId: idSource(systemClock),
      random: Math.random,
      version,
      host: hostname(),
      pid: process.pid,
      adminKey: options.adminKey,
      requireKeys: options.requireKeys,
      keyRateLimit: rateLimitOf(options.keyRateLimit),
      tracing,
      ...(typeof options.onLeaseLost === 'function' ? { leaseLost: options.onLeaseLost } : {}),
      closed: letGo,
    })
  } catch (error) {
    await executor.close()
    await store[Symbol.asyncDispose]()
    letGo()
    throw error
  }
}

function rateLimitOf(given: OpenOptions['keyRateLimit']): RateLimit | undefined {
  if (given === undefined) return undefined
  const per = typeof given.per === 'number' ? `${given.per}s` : given.per
  const limit = parseRateLimit(`${given.limit}/${per}`)
  if (limit !== undefined) return limit
  throw new RangeError(
    `keyRateLimit must have a limit from 1 to ${rateBounds.limit}, and a per from 1 second to 1 day`,
  )
}

const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (fields, message) => console.warn(`fermata: ${message}`, fields),
  error: (fields, message) => console.error(`fermata: ${message}`, fields),
}
