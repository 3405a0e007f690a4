import type { Filter, Order } from '../core/filter.ts'
import type { CallersTransaction, RenewLease, Signals } from './sharing.ts'
import type { IdPart } from '../core/short-id.ts'
import type { Operation } from '../core/operation.ts'
import type { Settlement, SettleVerdict } from '../core/outcome.ts'
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

  /**
   * The time by the clock of the store, in Unix milliseconds: what its times are compared with. Of a database that nodes
   * share, as far as this node knows it: late by no more than the way there.
   */
  now(): number

  /** Only of a store that nodes share. */
  readonly shared: Shared | null

  /** All or nothing. A replayed idempotency key answers with the existing task in its place. */
  submit(submissions: readonly Submission[], options: SubmitOptions): Promise<Submitted>

  /**
   * Takes up to `limit` queued tasks, by priority and place in the queue, of the types that may run. A node never has more
   * than one active suspect: while it has one, and beyond the first that a claim takes, suspects are passed over. Claims
   * nothing for a node that is not alive.
   *
   * In a store that commits in groups, calls made in one turn of the event loop share a commit, up to the size of a group. A
   * claim among them is carried out, and answered, after the submits and the calls that name tasks, whichever was called first:
   * it takes what they queue, and the room that they free. Other stores carry calls out in the order in which they are made. A
   * caller that makes its write first, and the claim in the same turn, can rely on this order in every store.
   */
  claim(request: ClaimRequest): Promise<readonly Claimed[]>

  /** Records how runs ended. The answers stand in the order of the settlements. */
  settle(node: NodeId, settlements: readonly Settlement[]): Promise<readonly Settled[]>

  /** Commits checkpoints, progress and log lines of live runs. False where the fence is no longer the newest. */
  save(node: NodeId, saves: readonly Save[]): Promise<readonly boolean[]>

  control(commands: readonly Command[]): Promise<readonly Controlled[]>

  /** The suspended copies are gone; answers the tasks that it moved. */
  unpark(node: NodeId, copies: readonly Copy[]): Promise<readonly Move[]>

  /** Fenced-off code has returned at last: its place under the concurrency limit is free. */
  releaseSlots(node: NodeId, copies: readonly Copy[]): Promise<void>

  /** Moves due tasks to the queue, at most `limit`. */
  promote(limit: number): Promise<Promoted>

  /** Registers a node's start. Without leases it ends every earlier node. */
  startNode(node: NodeInfo): Promise<void>

  /** Takes the tasks of every dead node; `types` sets poison limits that differ from the default. */
  reap(options: ReapOptions): Promise<readonly Move[]>

  endNode(node: NodeId): Promise<void>

  /** Those that live, in the order in which they started. */
  nodes(): Promise<readonly LiveNode[]>

  /** Deletes tasks that ended more than `retention` milliseconds ago, at most `limit`; answers how many. */
  prune(retention: number, limit: number): Promise<number>

  get(id: TaskId): Promise<Task | null>

  /**
   * Ids that this is a part of, in their order, at most `limit`. Endings lead to ids that bear the time in their endings, as
   * `core/short-id.ts` writes them.
   */
  resolve(part: IdPart, limit: number): Promise<readonly TaskId[]>

  /** The task with its documents and timeline; `brief` leaves all but the parameters out (null, or empty). */
  read(id: TaskId, options?: Readonly<{ brief: boolean }>): Promise<TaskRecord | null>

  /** Kept lines with a number above `after`, the oldest first, at most `limit`; null for an unknown task. */
  log(id: TaskId, after: number, limit: number): Promise<readonly NumberedLine[] | null>

  counts(): Promise<Counts>

  /** Commits as a submit does, and leaves nothing behind: throws what a submit would meet now. */
  probe(): Promise<void>

  /** Deletes terminal tasks with all that is known of them; of these statuses only, if any are given. */
  purge(ids: readonly TaskId[], statuses?: readonly Status[]): Promise<readonly Purged[]>

  /**
   * Sets or lifts the hold of a type: once it is answered no claim of any node takes a task of it. Answers false when it
   * was so already.
   */
  hold(type: string, held: boolean, by: string): Promise<boolean>

  /** A page of tasks, each with its parameters and without other documents. */
  list(query: Query): Promise<Page<ListedTask>>

  /** The same, ids only. */
  find(query: Query): Promise<Page<TaskId>>

  /** How many queued tasks of these types stand before this place in the queue; counts no further than `limit`. */
  ahead(place: QueuePosition, types: readonly string[], limit: number): Promise<number>

  /** Keeps a new operation and answers it, begun at the present time of the store. */
  beginOperation(operation: Operation): Promise<Operation>

  /** Keeps an operation as it stands. Answers false once its cancel was asked for. */
  saveOperation(operation: Operation): Promise<boolean>

  /** As it stands: `interrupted` when its node has died over it. `cancel` asks for its end, if it is running. */
  operation(id: string, options?: Readonly<{ cancel: boolean }>): Promise<Operation | null>
}

/** Numbers of the schema before and after; 0: there was none. */
export type Migrated = Readonly<{ from: number; to: number }>

/** What differs between stores is declared, never found out. */
export type Capabilities = Readonly<{
  /**
   * Milliseconds for which a node lives without being renewed, by the clock of the store: several nodes may share it. Null:
   * one process owns the store, and its node lives until it ends or another one starts.
   */
  lease: number | null
}>

export type Shared = Readonly<{
  signals: Signals
  renewLease: RenewLease
  /**
   * Descriptor of a file in which the keeper of the lease writes a `LeaseRecord`, for the processes that run code of this node: they
   * stop it by themselves when the lease is about to end. Null of a store whose lease no other process has to know.
   */
  leaseFile: number | null
  /**
   * As `submit`, within a transaction of the caller: nothing is there before its commit, and nothing after its rollback. What
   * fails breaks that transaction off. Throws `StoreUnavailable`.
   */
  submitWithin(
    transaction: CallersTransaction,
    submissions: readonly Submission[],
    options: SubmitOptions,
  ): Promise<Submitted>
}>

export type SubmitOptions = Readonly<{
  by: string
  /** At most so many scheduled and queued tasks in the store. */
  maxQueued: number
}>

export type Submitted =
  | Readonly<{ kind: 'accepted'; tasks: readonly Accepted[] }>
  /** The key at `index` belongs to task `id`, which was submitted with something else. */
  | Readonly<{ kind: 'conflict'; index: number; id: TaskId }>
  | Readonly<{ kind: 'full' }>

/** `replayed`: an earlier submit with the same idempotency key made this task. */
export type Accepted = (Move & Readonly<{ replayed: false }>) | Readonly<{ task: Task; replayed: true }>

export type ClaimRequest = Readonly<{
  node: NodeId
  limit: number
  types: readonly TypeLimit[]
}>

/** `concurrency`: at most so many of the type at once over all nodes; null for no limit. */
export type TypeLimit = Readonly<{ type: string; concurrency: number | null }>

/** `dueIn`: milliseconds until the next task is due, 0 when one is left that is due already, null without any. */
export type Promoted = Readonly<{ moved: readonly Move[]; dueIn: number | null }>

export type Claimed = Move &
  Readonly<{
    /** A parked copy with this fence is still the newest and may go on. */
    previousFence: Fence
    parameters: Json
    checkpoint: Json | null
  }>

/** `task` is the row after the settlement, or as it stands when the settlement did not match; null when it is gone. */
export type Settled =
  | (Move & Readonly<{ verdict: 'settled' }>)
  | Readonly<{ verdict: Exclude<SettleVerdict, 'settled'>; task: Task | null; entry: null }>

export type Save = Readonly<{
  id: TaskId
  fence: Fence
  checkpoint?: Json
  progress?: Progress
  log?: readonly LogLine[]
}>

/** A kept line with its number in the task's log, from 1. */
export type NumberedLine = LogLine & Readonly<{ number: number }>

export type Copy = Readonly<{ id: TaskId; fence: Fence; why: string }>

export type Command = Readonly<{
  id: TaskId
  control: Control
  by: string
  /** Retry only: discard the checkpoint. */
  fromStart?: boolean
}>

export type Controlled =
  | (Move & Readonly<{ kind: 'moved' }>)
  | Readonly<{ kind: 'stands'; task: Task }>
  | Readonly<{ kind: 'refused'; task: Task; why?: string }>
  | Readonly<{ kind: 'unknown' }>

export type NodeInfo = Readonly<{
  id: NodeId
  slots: number
  /** What it runs. */
  types: readonly string[]
  /** Of its program. */
  version: string
  /** The machine, by the name that it gives itself, and the process there; null of a program that told neither. */
  host: string | null
  pid: number | null
}>

/** A node that has not ended, and whose lease is not over. */
export type LiveNode = NodeInfo &
  Readonly<{
    startedAt: number
    /** Null where one process owns the store: nothing is renewed. */
    renewedAt: number | null
    /** Its running, pausing and cancelling tasks, and what fenced-off code holds there. */
    slotsInUse: number
  }>

export type ReapOptions = Readonly<{ poisonLimit: number; poisonLimits?: ReadonlyMap<string, number> }>

export type TaskRecord = Readonly<{
  task: Task
  parameters: Json
  checkpoint: Json | null
  result: Json | null
  timeline: readonly TimelineEntry[]
}>

/** How many tasks of each type stand in each status; zeros are left out. */
export type Counts = Readonly<{
  byType: Readonly<Record<string, Readonly<Partial<Record<Status, number>>>>>
  /** Slots that fenced-off code still holds, by type. */
  fencedOff: Readonly<Record<string, number>>
  /** The types that are held. */
  held: Readonly<Record<string, Hold>>
}>

/** Nothing of the type starts. */
export type Hold = Readonly<{ since: number; by: string }>

export type Purged =
  | Readonly<{ kind: 'purged' }>
  | Readonly<{ kind: 'refused'; task: Task }>
  | Readonly<{ kind: 'unknown' }>

/**
 * The tasks that a page looks at, its *candidates*, come from an index, so that a page costs the same at any size. Of text
 * that `isIdPrefix`, all tasks whose id begins so; else of a tag, all that bear it; else all of the types and statuses;
 * each within the times. The rest of the filter is asked of each candidate.
 */
export type Query = Readonly<{
  filter: Filter
  order: Order
  /** Where the page before this one ended; null for the first. */
  after: ListCursor | null
  /** Entries of the page, at most. */
  limit: number
  /** Candidates that are looked at, at most: a page can be short, or empty, and still have a next one. */
  scan: number
  /** What may be read of the parameters. Default: everything. */
  reads?: ReadLimit
}>

/** In bytes of UTF-8. */
export type ReadLimit = Readonly<{
  /** Larger parameters of an entry are neither read nor shown; -1: none are. */
  largest: number
  /**
   * The page ends once so much was read: of the entries that are shown, or of all candidates in whose parameters a text was
   * looked for, which are read whatever their size. At least one candidate is looked at.
   */
  total: number
}>

/** `cut`: bytes of the parameters when they were left out as too large, in which case they are `null` here; else null. */
export type ListedTask = TaskRecord & Readonly<{ cut: number | null }>

export const unlimitedReads: ReadLimit = {
  largest: Number.MAX_SAFE_INTEGER,
  total: Number.POSITIVE_INFINITY,
}

/** A place in the order of submission: by `createdAt`, then by the number that the store gave. */
export type ListCursor = Readonly<{ createdAt: number; rowId: number }>

export type Page<Entry> = Readonly<{
  entries: readonly Entry[]
  /** The last candidate that was looked at; null when there is none beyond it. */
  next: ListCursor | null
  /** Candidates that were looked at. */
  looked: number
}>

/** Operations that are remembered: the newest. */
export const operationsKept = 1_000

export type QueuePosition = Pick<Task, 'priority' | 'queuePosition'>

/** Milliseconds for which ended nodes are kept. */
export const nodeMemory = 86_400_000

/** Lines of a log that are kept: the newest. */
export const logLimit = 1_000

/** Lines of a timeline that are kept: the newest, and the first one. */
export const timelineLimit = 200
