import type { Access } from '../access/access.ts'
import type { AuditFilter } from '../core/audit.ts'
import type { Caller } from '../core/caller.ts'
import type { Filter } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import type { FailurePolicy, Control, Task, TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Duration } from '../registry/context.ts'
import type { BackoffOptions } from '../registry/options.ts'
import type { Registry } from '../registry/registry.ts'
import type { UniqueSubmit } from '../registry/unique.ts'
import type { CallersTransaction } from '../store/sharing.ts'
import type { BackupFile, Counts, LiveNode, NumberedLine, StepPage, TaskRecord } from '../store/store.ts'
import type { Change } from './all-events.ts'
import type { AuditListPage, AuditOptions } from './audit.ts'
import type { Explanation } from './explain.ts'
import type { Family, FamilyOptions } from './family.ts'
import type { FailureGroups, FailureOptions } from './failures.ts'
import type { ListOptions, TaskPage } from './lists.ts'
import type { History, Span } from './rates.ts'
import type { NodeState, Stats } from './reports.ts'
import type { Runs, RunsOptions } from './runs.ts'
import type { LimitsApi } from './limits.ts'
import type { SchedulesApi } from './schedules-api.ts'
import type { WaitsApi } from './waits.ts'
import type { WebhooksApi } from './webhooks.ts'
import type { WorkersApi } from './workers-api.ts'
import type { NodeMetrics } from './task-metrics.ts'

export type { UniqueSubmit }

/** Options of a submit. Durations are seconds or strings with units. */
export type SubmitOptions = Readonly<{
  /** -1000 to 1000, higher first. Default 0. */
  priority?: number
  /** Start after this delay. Excludes `runAt`. */
  delay?: Duration
  /** Start at or after this time: a date, or Unix seconds. */
  runAt?: Date | number
  /** It is cancelled if it has not started within this time of the submit; a pause stops the clock. Default: that of its type. */
  expiresIn?: Duration
  timeout?: Duration
  maxAttempts?: number
  backoff?: Duration | BackoffOptions
  tags?: readonly string[]
  idempotencyKey?: string
  /** At most one task of the type has this key at a time; instead of what the type defines. */
  unique?: UniqueSubmit
  /** Ids of tasks: it starts once all of them have completed. At most 10,000. */
  after?: readonly TaskId[]
  /**
   * What happens if one of these fails or is cancelled: it is cancelled with the reason, it fails with the code `PREDECESSOR_FAILED`, or it
   * runs all the same. Default `cancel`.
   */
  onFailure?: FailurePolicy
  /**
   * Submits with the same key lead to one task until it starts: each gives it its parameters and starts the delay again, at most until
   * `max` after the first one. Excludes `unique`, `delay` and `runAt`.
   */
  debounce?: Readonly<{ key: string; delay: Duration; max?: Duration }>
  /** Keys under limits, by the name of the limit; in place of those that the type computes. */
  limits?: Readonly<Record<string, string>>
  /** Tasks with different keys take turns; in place of the key that the type computes. */
  fairnessKey?: string
  /** Told of its end, as a webhook is: `https://` or `http://`, without a password. */
  callbackUrl?: string
  /** The W3C trace context of the submit; ignored if it is invalid. Default: none, or that of your current span if you pass `tracer`. */
  traceparent?: string
  /** Goes with `traceparent`. */
  tracestate?: string
}>

/** Options of a submit from within a program. */
export type OwnSubmitOptions = SubmitOptions &
  Readonly<{
    /**
     * A client of the `pg` driver with an open transaction of yours, in the database of this manager: the task exists once
     * you commit, and never if you roll back. Ask for its result after the commit. PostgreSQL only.
     */
    tx?: CallersTransaction
  }>

/** One task of a batch. */
export type Draft = Readonly<{ parameters: unknown; options?: SubmitOptions }>

/** `existing`: the task was there already, and has the unique key of this submit. */
export type Accepted = Readonly<{ task: Task; replayed: boolean; existing?: true }>

/** For log lines: those with a number above `after`, at most `limit`. */
export type LogOptions = Readonly<{ after?: number; limit?: number }>

/** For steps: those numbered above `after`, at most `limit`, or fewer if their results are large. */
export type StepsOptions = Readonly<{ after?: number; limit?: number }>

/** For events of a task: those after version `after`, until the signal. */
export type EventOptions = Readonly<{ after?: number; signal?: AbortSignal }>

export type ControlOptions = Readonly<{
  /** Milliseconds to wait for the control to take effect. Default 0. */
  wait?: number
  /** Retry only: discard the checkpoint. */
  fromStart?: boolean
  /** Why, for the timeline. At most 500 characters. */
  reason?: string
  signal?: AbortSignal
}>

/** Why, for the audit log. At most 500 characters. */
export type ReasonOptions = Readonly<{ reason?: string }>

export type BulkOptions = Readonly<{
  /** Only count matching tasks. */
  dryRun?: boolean
  /** Milliseconds to wait for its end. Default 0. */
  wait?: number
  /** Why, for the timelines of the tasks. At most 500 characters. */
  reason?: string
}>

/**
 * The engine for its callers: the library, and the server as a thin layer over it. All methods throw only errors of
 * `core/errors.ts`.
 */
export interface TaskManagerApi {
  readonly registry: Registry
  readonly state: NodeState
  /** Who may call, and the keys. */
  readonly access: Access
  /** What submits tasks at times. */
  readonly schedules: SchedulesApi
  /** Programs that run tasks over HTTP. */
  readonly workers: WorkersApi
  /** What bounds how many tasks run, and how often they start. */
  readonly limits: LimitsApi
  /** What tasks wait for an answer, and answers. */
  readonly waits: WaitsApi
  /** Other systems that are told what happens to tasks. */
  readonly webhooks: WebhooksApi

  /**
   * The same engine on behalf of a caller, who is recorded with every change. `requestId`: the request that it makes.
   */
  as(caller: Caller, requestId?: string): TaskManagerApi

  /** The current time for times of tasks, in Unix milliseconds; on nodes that share a database, it is the database's. */
  now(): number

  /**
   * Learns types of remote workers that other nodes know: this one if it is unknown here, or all. Afterwards the registry has
   * them.
   */
  learn(type?: string): Promise<void>

  /** By name, with unchecked parameters: validates everything. */
  enqueue(type: string, parameters: unknown, options?: SubmitOptions): Promise<Accepted>

  /**
   * All or nothing, in this order. A replayed key returns the original task. A conflict or any invalid task refuses the
   * whole batch; the paths of the issues start with the index.
   */
  enqueueAll(type: string, drafts: readonly Draft[]): Promise<readonly Accepted[]>

  /**
   * Resolves a text to an id: a full id is returned unchanged, whether the task exists or not; otherwise the only id that
   * begins or ends with it, with at least six hexadecimal digits. Throws `TaskUnknown` and `TaskIdAmbiguous`.
   */
  resolve(text: string): Promise<TaskId>

  /** Waits for the end of a task. Throws `TaskUnknown`, `ShuttingDown` if the node closes first, or the signal's reason. */
  ended(id: TaskId, options?: Readonly<{ signal?: AbortSignal }>): Promise<Task>

  /** The task and its parameters, without other documents. Throws `TaskUnknown` and `DocumentUnreadable`. */
  brief(id: TaskId): Promise<TaskRecord>

  /** The task with all documents and its timeline. Throws `TaskUnknown` and `DocumentUnreadable`. */
  details(id: TaskId): Promise<TaskRecord>

  /** Returns the task as it is after `wait`. Throws `ControlRefused`. */
  control(id: TaskId, control: Control, options?: ControlOptions): Promise<Task>

  /**
   * Transitions with a version above `after` (0: from the first one), then live events, without a gap; ends after the final
   * transition. Throws `TaskUnknown` at the first step.
   */
  events(id: TaskId, options?: Readonly<{ after?: number; signal?: AbortSignal }>): AsyncIterable<TaskEvent>

  /** Log lines with a number above `after`, oldest first. Throws `TaskUnknown`. */
  log(id: TaskId, options?: LogOptions): Promise<readonly NumberedLine[]>

  /** A page of the steps that the task has stored, in the order in which they were first stored. Throws `TaskUnknown`. */
  steps(id: TaskId, options?: StepsOptions): Promise<StepPage>

  /** Its parent, a page of its children, and the tasks that wait for each other with it. Throws `TaskUnknown`. */
  family(id: TaskId, options?: FamilyOptions): Promise<Family>

  /** Streams events of all matching tasks from now on. `resync` says that a slow reader has missed some. */
  changes(filter?: Filter, options?: Readonly<{ signal?: AbortSignal }>): AsyncIterable<Change>

  /** A page of matching tasks. Throws `OptionsInvalid` for a cursor of another list. */
  list(filter?: Filter, options?: ListOptions): Promise<TaskPage>

  /** Failed tasks by what their failures have in common, the latest first. The filter must not have a text. */
  failures(filter?: Omit<Filter, 'text'>, options?: FailureOptions): Promise<FailureGroups>

  /** What tasks did in a time, for a picture of it. The filter must not have a text. */
  runs(filter?: Omit<Filter, 'text'>, options?: RunsOptions): Promise<Runs>

  /** Why the task is not running now, its queue position, and when it will start. Throws `TaskUnknown`. */
  explain(id: TaskId): Promise<Explanation>

  /** Deletes a finished task. Throws `TaskUnknown` and `ControlRefused`. */
  purge(id: TaskId, options?: ReasonOptions): Promise<void>

  /** Holds or releases a type. Tasks of a held type do not start on any node, even after a restart. Throws `TypeUnknown`. */
  hold(type: string, held?: boolean, options?: ReasonOptions): Promise<void>

  /**
   * An action on all matching tasks that accept it, as an operation that works in batches. `purge` deletes finished tasks.
   * Throws `TooManyOperations`.
   */
  bulk(action: BulkAction, filter: Filter, options?: BulkOptions): Promise<Operation>

  /** Throws `OperationUnknown`. */
  operation(id: string): Promise<Operation>

  /** Requests its end, and waits for it for at most `wait` ms; changes so far remain. Throws `OperationUnknown`. */
  cancelOperation(id: string, wait?: number, options?: ReasonOptions): Promise<Operation>

  /**
   * A page of the audit log, newest first: what callers have changed. It can be short and still have a next one. Throws
   * `OptionsInvalid` for a cursor of another list.
   */
  audit(filter?: AuditFilter, options?: AuditOptions): Promise<AuditListPage>

  stats(): Promise<Stats>

  /**
   * A copy of an embedded database, complete and checked, while tasks are submitted and run; deleted when it is disposed.
   * Throws `BackupUnsupported`, `TooManyOperations` and `StoreUnavailable`.
   */
  backup(): Promise<BackupFile>

  /** Measurements for monitoring; what this node counts starts at zero with it. */
  metrics(): Promise<NodeMetrics>

  /**
   * The last hour as seen by this node, in steps of ten seconds, or the last day of all nodes, in steps of five minutes. Of one type, both are of
   * all nodes, and have how long its tasks took. Throws `StoreUnavailable`.
   */
  history(span: Span, type?: string): Promise<History>

  /** The live nodes that share the store, including this one, in start order. */
  nodes(): Promise<readonly LiveNode[]>

  counts(): Promise<Counts>
  /** Why no work is accepted, as a sentence; null if it is. */
  trouble(): Promise<string | null>
}
