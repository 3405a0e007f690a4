import type { Filter, Order, Searched } from '../core/filter.ts'
import { Histogram } from '../core/histogram.ts'
import type { CallersTransaction, RenewLease, Signals } from './sharing.ts'
import type { Crowded } from '../core/admission.ts'
import type { PreemptionRule } from '../core/preemption.ts'
import type { Audit } from '../core/audit.ts'
import type { Origin } from '../core/caller.ts'
import type { AuditLog } from './audit-log.ts'
import type { KeyStore } from './key-store.ts'
import type { LimitStore } from './limit-store.ts'
import type { ScheduleStore } from './schedule-store.ts'
import type { WebhookStore } from './webhook-store.ts'
import type { FigureStore } from './figure-store.ts'
import type { JoinStore } from './join-store.ts'
import type { WaitStore } from './wait-store.ts'
import type { WorkerStore } from './worker-store.ts'
import type { IdPart } from '../core/short-id.ts'
import type { Operation } from '../core/operation.ts'
import type { Settlement, SettleVerdict } from '../core/outcome.ts'
import type { StepRecord } from '../core/step.ts'
import type { Move } from '../core/transition.ts'
import type {
  NodeId,
  Control,
  Fence,
  Json,
  LogLine,
  Progress,
  Status,
  Submission,
  Task,
  TaskId,
  TimelineEntry,
} from '../core/task.ts'

/**
 * Where tasks live. Verbs are intents and take arrays; a lost race is a value in the answer, never an exception.
 *
 * Invariants that every store keeps, and `test/conformance` proves:
 * - an answer is given after its commit; one bad row fails its own caller only;
 * - a write names the fence it was given and matches nothing once that fence is no longer the newest;
 * - each transition raises `version` by one and appends one line to the timeline in the same commit;
 * - `counts` is exact at every commit and costs the same at any size;
 * - every time that it stores is its own: callers hand over durations, or times that somebody set;
 * - durations go by a clock that never jumps where one process owns the store, also when its wall clock is set.
 */
export interface Store extends AsyncDisposable {
  readonly capabilities: Capabilities

  /** What this process has committed since it opened the store. */
  readonly commits: CommitMetrics

  /**
   * The current time by the clock of the store, in Unix milliseconds, with which its times are compared. For a database that
   * nodes share, as far as this node knows it: late by no more than the network delay.
   */
  now(): number

  /** Only for a store that nodes share. */
  readonly shared: Shared | null

  /**
   * Writes a copy of everything that was committed before the call, while others write; it is complete and checked when this
   * returns, and deleted when it is disposed. Null for a store with backups of its own, or with nothing to lose. Throws
   * `StoreUnavailable`, and `TooManyOperations` during another one.
   */
  readonly backup: (() => Promise<BackupFile>) | null
  readonly keys: KeyStore
  /** Verbs that take an `audit` add to it in their commit, if they change something. */
  readonly audit: AuditLog
  readonly schedules: ScheduleStore
  readonly workers: WorkerStore
  readonly limits: LimitStore
  readonly webhooks: WebhookStore
  readonly waits: WaitStore
  readonly figures: FigureStore
  readonly joins: JoinStore

  /** All or nothing. A replayed idempotency key returns the existing task in its place. */
  submit(submissions: readonly Submission[], options: SubmitOptions): Promise<Submitted>

  /**
   * Takes up to `limit` queued tasks, by priority and queue position, of the types that may run. A node never has more than
   * one active suspect: while it has one, and beyond the first that a claim takes, suspects are skipped. Claims nothing for
   * a node that is not alive. A task starts only while each bucket of its limits has room, and tasks with fairness keys take
   * turns with each other, and with all tasks that have none.
   *
   * In a store that commits in groups, calls made in one turn of the event loop share a commit, up to the size of a group. A
   * claim among them is carried out, and returned, after submits and controls, whichever was called first: it takes what they
   * queue. Other stores carry out calls in the order in which they are made. A caller that makes its write first, and the claim
   * in the same turn, can rely on this order in every store.
   */
  claim(request: ClaimRequest): Promise<readonly Claimed[]>

  /** Records how runs ended. The results are in the order of the settlements. */
  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly Settled[]>

  /** Commits checkpoints, steps, progress and log lines of live runs. False where the fence is no longer the newest. */
  save(node: NodeId, saves: readonly Save[]): Promise<readonly boolean[]>

  control(commands: readonly Command[], audit?: Audit): Promise<readonly Controlled[]>

  /** The suspended copies are gone; returns the tasks that it changed. */
  unpark(node: NodeId, copies: readonly Copy[]): Promise<readonly Move[]>

  /** Fenced-off code has returned: its place under the concurrency limit is free. */
  releaseSlots(node: NodeId, copies: readonly Copy[]): Promise<void>

  /** Moves due tasks to the queue, at most `limit`. */
  promote(limit: number): Promise<Promoted>

  /** Ends tasks that did not start in time, at most `limit`: no claim takes them, whether they have been ended or not. */
  expire(limit: number): Promise<Expired>

  /**
   * Asks running tasks to make room for urgent ones that only lack a slot of a node, as `core/preemption.ts` chooses them: over all nodes
   * at once, so that one task makes room for one. Returns those it has asked.
   */
  preempt(request: PreemptRequest): Promise<readonly Task[]>

  /**
   * Counts the ends of tasks for those that wait for them, at most about `limit` of them: what misses nothing any more is queued, and what
   * must not run after a failure ends. Until it is done, tasks that have ended are kept for those that wait for them.
   */
  release(limit: number): Promise<Released>

  /** The tasks for which this one waits and whose end has not been counted yet, by id, at most `limit`. */
  predecessors(id: TaskId, limit: number): Promise<readonly Task[]>

  /** The tasks that wait for this one, and for which its end has not been counted yet, by id, at most `limit`. */
  successors(id: TaskId, limit: number): Promise<readonly Task[]>

  /** How many children the task has, by status. */
  children(id: TaskId): Promise<ChildCounts>

  /** Registers the start of a node. Without leases, it ends every earlier node. */
  startNode(node: NodeInfo): Promise<void>

  /** Takes the tasks of every dead node; `types` sets poison limits that differ from the default. */
  reap(options: ReapOptions): Promise<readonly Move[]>

  endNode(node: NodeId): Promise<void>

  /** The live nodes, in start order. */
  nodes(): Promise<readonly LiveNode[]>

  /**
   * Deletes tasks that ended more than `retention` milliseconds ago, at most `limit`; returns how many. Children are kept until the end
   * of their parent has been counted: it may ask for them again.
   */
  prune(retention: number, limit: number): Promise<number>

  get(id: TaskId): Promise<Task | null>

  /**
   * Ids that match a partial id, in order, at most `limit`. Endings are resolved for ids that encode their time in them, as
   * `core/short-id.ts` writes them.
   */
  resolve(part: IdPart, limit: number): Promise<readonly TaskId[]>

  /** The task with its documents and timeline; `brief` omits everything but the parameters (null, or empty). */
  read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<TaskRecord | null>

  /** Log lines with a number above `after`, oldest first, at most `limit`; null for an unknown task. */
  log(id: TaskId, after: number, limit: number): Promise<readonly NumberedLine[] | null>

  /** Steps of the task numbered above `after`, in the order in which they were first stored; null for an unknown task. */
  steps(id: TaskId, query: StepQuery): Promise<StepPage | null>

  counts(): Promise<Counts>

  /** Commits like a submit, and leaves nothing behind: throws what a submit would throw now. */
  probe(): Promise<void>

  /** Deletes finished tasks with all their data; only those in these statuses, if any are given. */
  purge(ids: readonly TaskId[], statuses?: readonly Status[], audit?: Audit): Promise<readonly Purged[]>

  /**
   * Holds or releases a type: once it has returned, no claim of any node takes a task of a held type. Returns false if
   * nothing changed. `by`: a name; its reason is that of `audit`.
   */
  hold(type: string, held: boolean, by: string, audit?: Origin): Promise<boolean>

  /** A page of tasks, each with its parameters and without other documents. */
  list(query: Query): Promise<Page<ListedTask>>

  /** The same, ids only. */
  find(query: Query): Promise<Page<TaskId>>

  /** Failed tasks by the time of their failure, the latest first: those of the first `scan` that match the filter. */
  failed(query: FailedQuery): Promise<FailedPage>

  /** Finished tasks by the time of their end: those of the first `scan` in this order that match the filter. */
  ended(query: EndedQuery): Promise<EndedPage>

  /** The timelines of those of these tasks that exist. */
  timelines(ids: readonly TaskId[]): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>>

  /** How many queued tasks of these types are ahead of this queue position; counts up to `limit`. */
  ahead(place: QueuePosition, types: readonly string[], limit: number): Promise<number>

  /**
   * For how many milliseconds the oldest queued task of each of these types has been queued; without types that have none.
   * Costs a read of an index for each type and each priority in use.
   */
  oldestQueued(types: readonly string[]): Promise<Readonly<Record<string, number>>>

  /**
   * Stores a new operation and returns it, started at the current time of the store. Its entry in the audit log counts the tasks
   * that it changes.
   */
  beginOperation(operation: Operation, audit?: Origin): Promise<Operation>

  /** Stores the current state of an operation. Returns false once its cancel was requested. */
  saveOperation(operation: Operation): Promise<boolean>

  /** The operation; `interrupted` if its node died during it. `cancel` requests its end if it is running. */
  operation(id: string, options?: OperationOptions): Promise<Operation | null>
}

export type ChildCounts = Readonly<Partial<Record<Status, number>>>

export type FailedQuery = Readonly<{
  /** Without a text, which would need parameters. */
  filter: Omit<Filter, 'text'>
  /** Failed at or after this time. */
  since: number
  /** Where the page before ended. */
  after: FailedCursor | null
  scan: number
}>

export type FailedCursor = Readonly<{ failedAt: number; rowId: number }>

/** Its message may be encrypted: read the task to show it. */
export type FailedTask = Readonly<{
  id: TaskId
  type: string
  failedAt: number
  code: string
  /** Null: it failed before fingerprints were recorded. */
  fingerprint: string | null
}>

/** `next`: where the next page begins; null at the end. */
export type FailedPage = Readonly<{ tasks: readonly FailedTask[]; next: FailedCursor | null }>

export type EndedQuery = Readonly<{
  /** Without a text, which would need parameters. */
  filter: Omit<Filter, 'text'>
  /** By the time of the end. */
  order: 'newest' | 'oldest'
  /** Ended at or after this time. */
  from: number
  /** Ended before this time. */
  until: number
  /** Where the page before ended. */
  after: EndedCursor | null
  scan: number
}>

export type EndedCursor = Readonly<{ endedAt: number; rowId: number }>

/** `next`: where the next page begins; null at the end. */
export type EndedPage = Readonly<{ tasks: readonly Task[]; next: EndedCursor | null }>

export type OperationOptions = Readonly<{ cancel: boolean; audit?: Origin }>

/** A database file that nobody has open. */
export type BackupFile = Readonly<{ path: string; size: number }> & AsyncDisposable

/** Schema numbers before and after; 0: there was none. */
export type Migrated = Readonly<{ from: number; to: number }>

/** For monitoring. A store without commits leaves it empty. */
export class CommitMetrics {
  /** From the start of the transaction to its confirmed commit, in seconds. */
  readonly seconds = new Histogram([
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
  ])
  /** Tasks that a commit inserted, changed or deleted. */
  readonly rows = new Histogram([0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000])

  note(milliseconds: number, rows: number): void {
    this.seconds.observe(milliseconds / 1_000)
    this.rows.observe(rows)
  }
}

/** Differences between stores are declared, never sniffed. */
export type Capabilities = Readonly<{
  /**
   * Milliseconds for which a node lives without a renewal, by the clock of the store: several nodes may share it. Null: one
   * process owns the store, and its node lives until it ends or another one starts.
   */
  lease: number | null
}>

export type Shared = Readonly<{
  signals: Signals
  renewLease: RenewLease
  /**
   * Descriptor of a file in which the lease renewer writes a `LeaseRecord`, for the processes that run code of this node:
   * they stop on their own when the lease is about to end. Null if no other process needs to know the lease.
   */
  leaseFile: number | null
  /**
   * Like `submit`, within a transaction of the caller: nothing exists before its commit, and nothing after its rollback. A
   * failure aborts that transaction. Throws `StoreUnavailable`.
   */
  submitWithin(
    transaction: CallersTransaction,
    submissions: readonly Submission[],
    options: SubmitOptions,
  ): Promise<Submitted>
}>

export type SubmitOptions = Readonly<{
  /** The name of the caller. */
  by: string
  /** Maximum waiting, scheduled and queued tasks in the store. */
  maxQueued: number
  /** Records the new tasks of a call in one entry of the audit log. */
  audit?: Origin
  /** The caller may only see tasks that have one of these tags: a key of any other task is taken. Absent: all tasks. */
  tags?: readonly string[]
}>

export type Submitted =
  /** `moved`: the moves of tasks that had their unique keys, if there were any: cancelled, or with newer parameters. */
  | Readonly<{ kind: 'accepted'; tasks: readonly Accepted[]; moved?: readonly Move[] }>
  /** The key at `index` belongs to task `id`, which was submitted with a different request. */
  | Readonly<{ kind: 'conflict'; index: number; id: TaskId }>
  /** Task `id` has the unique key at `index`. */
  | Readonly<{ kind: 'taken'; index: number; id: TaskId }>
  | Readonly<{ kind: 'full' }>
  | Crowded
  /** The predecessor at `place` of the submit at `index` does not exist. */
  | Readonly<{ kind: 'no_predecessor'; index: number; place: number; id: TaskId }>
  /** The run that starts children is not the newest of its task, or not active. */
  | Readonly<{ kind: 'no_parent' }>
  /** The parent would have more children than it may have. */
  | Readonly<{ kind: 'many_children' }>

/**
 * `replayed`: an earlier submit created this task: the one with the same idempotency key or, if it is `existing`, the one whose
 * task has the same unique key.
 */
export type Accepted =
  | (Move & Readonly<{ replayed: false }>)
  | Readonly<{ task: Task; replayed: true; existing?: true }>

export type ClaimRequest = Readonly<{
  node: NodeId
  limit: number
  types: readonly TypeLimit[]
}>

/** `types`: whose urgent tasks may start. `rules`: by preemptible type. */
export type PreemptRequest = Readonly<{
  types: readonly TypeLimit[]
  rules: ReadonlyMap<string, PreemptionRule>
}>

/** Urgent tasks that one call looks at. */
export const urgentAtOnce = 20

/** `concurrency`: maximum number of the type at once over all nodes; null for no limit. */
export type TypeLimit = Readonly<{ type: string; concurrency: number | null }>

/** `dueIn`: milliseconds until the next task is due, 0 if one is left that is already due, null without any. */
export type Promoted = Readonly<{ moved: readonly Move[]; dueIn: number | null }>

/** `dueIn`: milliseconds until the next task expires, 0 if one is left that has, null without any. */
export type Expired = Promoted

/** `more`: there is more to count. `anyWaits`: something waits for a task, whether that has ended or not. */
export type Released = Readonly<{ moved: readonly Move[]; more: boolean; anyWaits: boolean }>

export type Claimed = Move &
  Readonly<{
    /** A parked copy with this fence is still the newest and may continue. */
    previousFence: Fence
    parameters: Json
    checkpoint: Json | null
    /** Why they cannot be decrypted, as a clause: they are null then, and the task cannot run here. */
    unreadable?: string
  }>

/** `task` is the row after the settlement, or the current row if the settlement did not match; null if it is gone. */
export type Settled =
  | (Move & Readonly<{ verdict: 'settled' }>)
  | Readonly<{ verdict: Exclude<SettleVerdict, 'settled'>; task: Task | null; entry: null }>

export type Save = Readonly<{
  id: TaskId
  fence: Fence
  checkpoint?: Json
  /** Steps that have ended: a completed one stays as it was first stored. */
  steps?: readonly StepRecord[]
  progress?: Progress
  log?: readonly LogLine[]
}>

/** A step with its number in the task. */
export type NumberedStep = StepRecord &
  Readonly<{
    number: number
    /** Why its result or error cannot be decrypted, as a clause: the result is null then. */
    unreadable?: string
  }>

/** `limit`: maximum steps; the page ends earlier once their results have this many `bytes`, but has at least one. */
export type StepQuery = Readonly<{ after: number; limit: number; bytes: number }>

/** `next`: the number after which the next page begins; null at the end. */
export type StepPage = Readonly<{ steps: readonly NumberedStep[]; next: number | null }>

/** A log line with its number in the task's log, from 1. */
export type NumberedLine = LogLine & Readonly<{ number: number }>

export type Copy = Readonly<{ id: TaskId; fence: Fence; why: string }>

export type Command = Readonly<{
  id: TaskId
  control: Control
  by: string
  /** The reason that the caller gave, for the timeline. */
  why?: string | undefined
  /** Retry only: discard the checkpoint. */
  fromStart?: boolean
}>

export type Controlled =
  | (Move & Readonly<{ kind: 'moved' }>)
  | Readonly<{ kind: 'stands'; task: Task }>
  | Readonly<{ kind: 'refused'; task: Task; why?: string }>
  /** A retry needs the unique key of the task again, which the task `by` has. */
  | Readonly<{ kind: 'taken'; task: Task; by: TaskId }>
  | Readonly<{ kind: 'unknown' }>

export type NodeInfo = Readonly<{
  id: NodeId
  slots: number
  /** The types it runs. */
  types: readonly string[]
  /** The version of its program. */
  version: string
  /** Its host name and process id there; null for a program that reported neither. */
  host: string | null
  pid: number | null
}>

/** A node that has not ended, and whose lease has not ended. */
export type LiveNode = NodeInfo &
  Readonly<{
    startedAt: number
    /** Null if one process owns the store: nothing is renewed. */
    renewedAt: number | null
    /** Its running, pausing and cancelling tasks, and slots of fenced-off code there. */
    slotsInUse: number
  }>

export type ReapOptions = Readonly<{ poisonLimit: number; poisonLimits?: ReadonlyMap<string, number> }>

export type TaskRecord = Readonly<{
  task: Task
  parameters: Json
  checkpoint: Json | null
  result: Json | null
  timeline: readonly TimelineEntry[]
  /** Why a document cannot be decrypted, as a clause: it is null then. */
  unreadable?: string
}>

/** Number of tasks by type and status; zeros are omitted. */
export type Counts = Readonly<{
  byType: Readonly<Record<string, Readonly<Partial<Record<Status, number>>>>>
  /** Slots still used by fenced-off code, by type. */
  fencedOff: Readonly<Record<string, number>>
  /** The held types. */
  held: Readonly<Record<string, Hold>>
}>

/** Tasks of the type do not start. */
export type Hold = Readonly<{ since: number; by: string; reason: string | null }>

export type Purged =
  | Readonly<{ kind: 'purged' }>
  | Readonly<{ kind: 'refused'; task: Task; why?: string }>
  | Readonly<{ kind: 'unknown' }>

/**
 * The tasks that a page reads, its *candidates*, come from an index, so a page costs the same at any size. In an order by the
 * end: all that have ended. Otherwise, for text that `isIdPrefix`: all tasks whose id begins with it; otherwise, for a tag: all
 * with that tag; otherwise all of the types and statuses; each within the times. The rest of the filter is checked for each
 * candidate.
 */
export type Query = Readonly<{
  filter: Filter
  order: Order
  /** Where the previous page ended; null for the first one. */
  after: ListCursor | null
  /** Maximum entries of the page. */
  limit: number
  /** Maximum candidates to read: a page can be short or empty, and still have a next one. */
  scan: number
  /** What may be read of the parameters. Default: everything. */
  reads?: ReadLimit
  searched?: Searched
}>

/** In bytes of UTF-8. */
export type ReadLimit = Readonly<{
  /** Larger parameters of an entry are neither read nor returned; -1: none are. */
  largest: number
  /**
   * The page ends once this much was read: of returned entries, or of all candidates whose parameters were searched, which
   * are read whatever their size. At least one candidate is read.
   */
  total: number
}>

/** `cut`: size in bytes of parameters that were omitted as too large, in which case they are `null` here; otherwise null. */
export type ListedTask = TaskRecord & Readonly<{ cut: number | null }>

export const unlimitedReads: ReadLimit = {
  largest: Number.MAX_SAFE_INTEGER,
  total: Number.POSITIVE_INFINITY,
}

/** A position in a list: by the time of the submit or, in an order by the end, that of the end, then by the number assigned by the store. */
export type ListCursor = Readonly<{ at: number; rowId: number }>

export type Page<Entry> = Readonly<{
  entries: readonly Entry[]
  /** The last candidate that was read; null if there is none beyond it. */
  next: ListCursor | null
  /** Number of candidates read. */
  looked: number
}>

/** Maximum operations to keep: the newest. */
export const operationsKept = 1_000

export type QueuePosition = Pick<Task, 'priority' | 'queuePosition'>

/** Milliseconds for which ended nodes are kept. */
export const nodeMemory = 86_400_000

/** Maximum log lines to keep: the newest. */
export const logLimit = 1_000

/** Maximum timeline entries to keep: the newest, and the first one. */
export const timelineLimit = 200
