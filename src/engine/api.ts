import type { Filter } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import type { Control, Task, TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { Duration } from '../registry/context.ts'
import type { BackoffOptions } from '../registry/options.ts'
import type { Registry } from '../registry/registry.ts'
import type { CallersTransaction } from '../store/sharing.ts'
import type { Counts, LiveNode, NumberedLine, TaskRecord } from '../store/store.ts'
import type { Change } from './all-events.ts'
import type { Explanation } from './explain.ts'
import type { ListOptions, TaskPage } from './lists.ts'
import type { History, Span } from './rates.ts'
import type { Stats } from './reports.ts'
import type { NodeState } from './state.ts'

/** Options of a submit. Durations in seconds or as text with a unit. */
export type SubmitOptions = Readonly<{
  /** -1000 to 1000, higher first. Default 0. */
  priority?: number
  /** Not before so long from now. Excludes `runAt`. */
  delay?: Duration
  /** Not before this time: a date, or Unix seconds. */
  runAt?: Date | number
  timeout?: Duration
  maxAttempts?: number
  backoff?: Duration | BackoffOptions
  tags?: readonly string[]
  idempotencyKey?: string
}>

/** Of a submit from within a program. */
export type OwnSubmitOptions = SubmitOptions &
  Readonly<{
    /**
     * A client of the driver `pg` on which a transaction of yours is under way, in the database of this manager: the task is
     * there once you commit, and never if you roll back. Ask for its result after the commit. PostgreSQL only.
     */
    tx?: CallersTransaction
  }>

/** One task of a batch. */
export type Draft = Readonly<{ parameters: unknown; options?: SubmitOptions }>

export type Accepted = Readonly<{ task: Task; replayed: boolean }>

/** Of the lines of a log: those with a number above `after`, at most `limit`. */
export type LogOptions = Readonly<{ after?: number; limit?: number }>

/** Of the events of a task: those after the version `after`, until the signal. */
export type EventOptions = Readonly<{ after?: number; signal?: AbortSignal }>

export type ControlOptions = Readonly<{
  /** Milliseconds to wait for the engine to have acted. Default 0. */
  wait?: number
  /** Retry only: forget the checkpoint. */
  fromStart?: boolean
  signal?: AbortSignal
}>

export type BulkOptions = Readonly<{
  /** Only counts. */
  dryRun?: boolean
  /** Milliseconds to wait for its end. Default 0. */
  wait?: number
}>

/**
 * The engine as its callers see it: the library, and the server as a thin layer over it. Every method throws errors of
 * `core/errors.ts` only.
 */
export interface TaskManagerApi {
  readonly registry: Registry
  readonly state: NodeState

  /** The time by which the times of tasks are told, in Unix milliseconds: on nodes that share a database it is the database's. */
  now(): number

  /** By name, with parameters from outside: checks everything. */
  enqueue(type: string, parameters: unknown, options?: SubmitOptions): Promise<Accepted>

  /**
   * All or none of them, in this order. A replayed key answers with the task of then; a conflict refuses the whole batch, and
   * so does whatever one of them lacks: the paths of the issues begin with its index.
   */
  enqueueAll(type: string, drafts: readonly Draft[]): Promise<readonly Accepted[]>

  /**
   * The id that this text means: a whole id as it is, whether there is such a task or not; else the only id that begins or ends
   * with it, by at least six hexadecimal digits. Throws `TaskUnknown` and `TaskIdAmbiguous`.
   */
  resolve(text: string): Promise<TaskId>

  /** Waits for the end of a task. Throws `TaskUnknown`, `ShuttingDown` when the node closes before, or the signal's reason. */
  ended(id: TaskId, options?: Readonly<{ signal?: AbortSignal }>): Promise<Task>

  /** The task and its parameters, without other documents. Throws `TaskUnknown`. */
  brief(id: TaskId): Promise<TaskRecord>

  /** The task with all documents and its timeline. Throws `TaskUnknown`. */
  details(id: TaskId): Promise<TaskRecord>

  /** Answers the task as it stands after `wait`. Throws `ControlRefused`. */
  control(id: TaskId, control: Control, options?: ControlOptions): Promise<Task>

  /**
   * Transitions with a version above `after` (0: from the first one), then what happens, without a gap; ends after the
   * terminal transition. Throws `TaskUnknown` at the first step.
   */
  events(id: TaskId, options?: Readonly<{ after?: number; signal?: AbortSignal }>): AsyncIterable<TaskEvent>

  /** Kept lines with a number above `after`, the oldest first. Throws `TaskUnknown`. */
  log(id: TaskId, options?: LogOptions): Promise<readonly NumberedLine[]>

  /** What happens to all tasks that fit, from now on. What a slow reader loses, `resync` tells. */
  changes(filter?: Filter, options?: Readonly<{ signal?: AbortSignal }>): AsyncIterable<Change>

  /** A page of the tasks that fit. Throws `OptionsInvalid` for a cursor that is not of this list. */
  list(filter?: Filter, options?: ListOptions): Promise<TaskPage>

  /** Why the task does not run now, its place in the queue, and when it will start. Throws `TaskUnknown`. */
  explain(id: TaskId): Promise<Explanation>

  /** Deletes a task that has ended. Throws `TaskUnknown` and `ControlRefused`. */
  purge(id: TaskId): Promise<void>

  /** Holds a type, or lifts its hold: nothing of a held type starts, on any node, also after a restart. Throws `TypeUnknown`. */
  hold(type: string, held?: boolean): Promise<void>

  /**
   * An action on all tasks that fit and can take it, as an operation that works in batches. `purge` deletes those that have
   * ended. Throws `TooManyOperations`.
   */
  bulk(action: BulkAction, filter: Filter, options?: BulkOptions): Promise<Operation>

  /** As it stands. Throws `OperationUnknown`. */
  operation(id: string): Promise<Operation>

  /** Asks for its end, and waits for it at most `wait` ms; what was done stands. Throws `OperationUnknown`. */
  cancelOperation(id: string, wait?: number): Promise<Operation>

  stats(): Promise<Stats>

  /** What the last hour or day was like, as far as this node has seen it; kept in memory. */
  history(span: Span): History

  /** The living nodes that share the store, this one too, in the order in which they started. */
  nodes(): Promise<readonly LiveNode[]>

  counts(): Promise<Counts>
  /** Why no work is taken in, as a sentence; null when it is. */
  trouble(): Promise<string | null>
}
