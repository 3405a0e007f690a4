import { childLimits, keptReason, mayStartChildren } from '../core/child.ts'
import { awaitedReason, isOfJoin, linkOf, mustWaitFor, type Edge, type Ended } from '../core/dependency.ts'
import { isExpired } from '../core/expiry.ts'
import type { Settlement } from '../core/outcome.ts'
import {
  isActive,
  isTerminal,
  isUnstarted,
  terminalStatuses,
  type Control,
  type Fence,
  type NodeId,
  type Preemption,
  type Status,
  type Submission,
  type Task,
  type TaskId,
} from '../core/task.ts'
import * as rules from '../core/transition.ts'
import type { Move, TransitionContext } from '../core/transition.ts'
import { isReplaceable, uniqueName } from '../core/unique.ts'
import { newsOf, waitAnswered, waitReached, type Wait } from '../core/wait.ts'
import { childState, type Watched, type WatchRequest } from './join-store.ts'
import type { Entering, QueueBounds } from './queue-bounds.ts'
import { lineOf } from './codec.ts'
import type {
  Accepted,
  Claimed,
  Command,
  Controlled,
  Copy,
  Purged,
  ReapOptions,
  Save,
  Settled,
  SubmitOptions,
  Submitted,
} from './store.ts'
import type { AnswerRequest, AnswerResult, Reached, ReachRequest } from './wait-store.ts'
import { TaskRow, type NewRow, type OccupiedSlot } from './task-row.ts'

/**
 * What the verbs of the port do to rows, for all SQL stores. A store reads rows, passes them to these functions, writes their
 * changes and answers after the commit. An undefined row is a task that does not exist.
 */

export type CommandContext = TransitionContext &
  Readonly<{
    /** The current time by the clock as it was at that time, if the clock knows how it was set in the meantime. */
    nowAsOf?: (since: number) => number
  }>

export type SubmitCall = Readonly<{ submissions: readonly Submission[]; options: SubmitOptions }>

/** The submits of one transaction. */
export type SubmitBatch = Readonly<{
  context: TransitionContext & Readonly<{ nextRowId: () => number }>
  /** Tasks by idempotency key: those stored under a key of the batch, and those that the batch adds. */
  byKey: Map<string, Task>
  /**
   * Who has the unique keys of the batch, by `uniqueName`: stored tasks, and those that the batch adds. Without those whose
   * time is over.
   */
  holders: Map<string, TaskRow>
  /** Scheduled and queued tasks before this batch; undefined if far below every limit. */
  waiting: number | undefined
  /** What waits of the types and buckets of these submits; undefined if nothing bounds them. */
  bounds: QueueBounds | undefined
  /** The rows to insert. */
  rows: NewRow[]
  /** Rows to change once those are inserted. */
  changed: Set<TaskRow>
  /** The predecessors and parents that exist, locked until the batch is committed. */
  predecessors: ReadonlyMap<TaskId, Task>
  /** How many children each of the parents has. */
  children: ReadonlyMap<TaskId, number>
  /** To insert; their predecessors are awaited from then on. */
  edges: Edge[]
}>

/** All or nothing: a submit that is not accepted adds no rows. */
export function submit(batch: SubmitBatch, { submissions, options }: SubmitCall): Submitted {
  const { byKey, holders, waiting, rows } = batch
  if (!submissions.every(({ parent }) => mayEnter(parent, batch))) return { kind: 'no_parent' }
  const checked = check(submissions, batch, options)
  if ('kind' in checked) return checked
  const { entering, unknown } = checked
  if (hasManyChildren(entering, batch)) return { kind: 'many_children' }
  const fresh = entering.length
  if (fresh > 0 && waiting !== undefined && waiting + rows.length + fresh > options.maxQueued) {
    return { kind: 'full' }
  }
  if (unknown !== undefined) return unknown
  const crowded = batch.bounds?.admit(entering)
  if (crowded !== undefined) return crowded
  const context = { ...batch.context, by: options.by }
  const moved: Move[] = []
  const tasks = submissions.map((submission): Accepted => {
    const { id, type, unique, idempotencyKey: key } = submission
    const earlier = key === null ? undefined : byKey.get(key)
    if (earlier !== undefined) {
      // The link was dropped if the parent has ended meanwhile, and was retried. It also keeps a child that has ended from the retention.
      batch.edges.push(...linkOf(submission, earlier.id))
      return { task: earlier, replayed: true }
    }
    const name = unique === undefined ? undefined : uniqueName(type, unique.key)
    const holder = name === undefined ? undefined : holders.get(name)
    if (holder !== undefined && unique?.onConflict === 'return') {
      return { task: holder.task, replayed: true, existing: true }
    }
    if (holder !== undefined) batch.changed.add(holder)
    if (holder !== undefined && unique?.onConflict === 'debounce') {
      moved.push(holder.move(rules.debounced(holder.task, submission, context)))
      holder.parameters = submission.parameters
      return { task: holder.task, replayed: true, existing: true }
    }
    if (holder !== undefined) moved.push(holder.move(rules.replaced(holder.task, id, context)))
    const rowId = context.nextRowId()
    const edges = edgesOf(submission, batch.predecessors)
    const { before, task, entry } = rules.submitted(
      submission,
      edges.length === 0 ? context : { ...context, missing: edges.length },
    )
    batch.edges.push(...edges, ...linkOf(submission, id))
    rows.push({ rowId, task, lines: lineOf(entry), parameters: submission.parameters })
    if (key !== null) byKey.set(key, task)
    if (name !== undefined) holders.set(name, new TaskRow(rowId, task))
    return { replayed: false, before, task, entry }
  })
  return { kind: 'accepted', tasks, ...(moved.length === 0 ? {} : { moved }) }
}

/**
 * The new tasks and, if one of them waits for a task that does not exist, the answer to that; or the conflict if a key
 * belongs to another request or task. Replays ask for nothing: their predecessors may have been deleted since.
 */
function check(
  submissions: readonly Submission[],
  batch: SubmitBatch,
  { tags }: SubmitOptions,
): Readonly<{ entering: readonly Entering[]; unknown: Submitted | undefined }> | Submitted {
  const { byKey, holders } = batch
  let unknown: Submitted | undefined
  let fresh: Map<string, Submission> | undefined
  let added: Map<string, Submission> | undefined
  const entering: Entering[] = []
  for (const [index, submission] of submissions.entries()) {
    const { type, unique, idempotencyKey: key } = submission
    const earlier = key === null ? undefined : (byKey.get(key) ?? fresh?.get(key))
    if (earlier !== undefined) {
      if (earlier.requestHash !== submission.requestHash) return { kind: 'conflict', index, id: earlier.id }
      continue
    }
    let replaces: Entering['replaces']
    if (unique !== undefined) {
      const name = uniqueName(type, unique.key)
      const row = added?.has(name) === true ? undefined : holders.get(name)
      const holder = row?.task ?? added?.get(name)
      if (holder !== undefined) {
        const { onConflict } = unique
        const isDebounced = (row === undefined ? added?.get(name)?.unique : row.task.unique)?.debounced
        if (
          onConflict === 'reject' ||
          !sharesTag(holder, tags) ||
          (onConflict === 'replace' && row !== undefined && !isReplaceable(row.task)) ||
          (onConflict === 'debounce' && isDebounced !== true)
        ) {
          return { kind: 'taken', index, id: holder.id }
        }
        if (onConflict !== 'replace') continue
        if (row === undefined || isUnstarted(row.task.status)) replaces = holder
      }
      ;(added ??= new Map()).set(name, submission)
    }
    if (key !== null) (fresh ??= new Map()).set(key, submission)
    entering.push({ index, submission, replaces })
    unknown ??= unknownPredecessor(submission, index, batch)
  }
  return { entering, unknown }
}

/** Whether a caller who is limited to these tags may see the task. */
function sharesTag(task: Pick<Task, 'tags'>, tags: readonly string[] | undefined): boolean {
  return tags === undefined || tags.some((tag) => task.tags.includes(tag))
}

/** The unique keys that submits ask for, each once, by name. */
export function wantedKeys(calls: readonly SubmitCall[]): ReadonlyMap<string, WantedKey> {
  let wanted: Map<string, WantedKey> | undefined
  for (const { submissions } of calls) {
    for (const { type, unique } of submissions) {
      if (unique === undefined) continue
      const { key, onConflict } = unique
      const name = uniqueName(type, key)
      const changes = onConflict !== 'return' && onConflict !== 'reject'
      const mayChange = changes || wanted?.get(name)?.mayChange === true
      ;(wanted ??= new Map()).set(name, { type, key, mayChange })
    }
  }
  return wanted ?? noKeys
}

/** `mayChange`: the task that has it may be cancelled, or get other parameters. */
export type WantedKey = Readonly<{ type: string; key: string; mayChange: boolean }>

const noKeys: ReadonlyMap<string, WantedKey> = new Map()

/** The first predecessor of a new task that does not exist. */
function unknownPredecessor(
  { predecessors: wanted }: Submission,
  index: number,
  { predecessors }: SubmitBatch,
): Submitted | undefined {
  if (wanted === undefined) return undefined
  const place = wanted.ids.findIndex((id) => !predecessors.has(id))
  return place < 0 ? undefined : { kind: 'no_predecessor', index, place, id: wanted.ids[place]! }
}

const noEdges: readonly Edge[] = []

function edgesOf(
  { id: successor, predecessors: wanted }: Submission,
  predecessors: ReadonlyMap<TaskId, Task>,
): readonly Edge[] {
  if (wanted === undefined) return noEdges
  const { ids, onFailure } = wanted
  return ids
    .filter((id) => mustWaitFor(predecessors.get(id)!.status, onFailure))
    .map((predecessor) => ({ predecessor, successor, onFailure }))
}

/** The predecessors and parents of these submits, each once. */
export function predecessorsOf(submissions: readonly Submission[]): TaskId[] {
  if (submissions.every(({ predecessors, parent }) => predecessors === undefined && parent === undefined))
    return []
  return [
    ...new Set(
      submissions.flatMap(({ predecessors, parent }) => [
        ...(predecessors?.ids ?? []),
        ...(parent === undefined ? [] : [parent.id]),
      ]),
    ),
  ]
}

/** The parents of these submits, each once. */
export function parentsOf(submissions: readonly Submission[]): TaskId[] {
  if (submissions.every(({ parent }) => parent === undefined)) return []
  return [...new Set(submissions.flatMap(({ parent }) => (parent === undefined ? [] : [parent.id])))]
}

/** A run that has been replaced starts nothing. */
function mayEnter(parent: Submission['parent'], { predecessors }: SubmitBatch): boolean {
  return parent === undefined || mayStartChildren(predecessors.get(parent.id), parent.fence)
}

function hasManyChildren(entering: readonly Entering[], { children }: SubmitBatch): boolean {
  const counts = new Map<TaskId, number>()
  for (const { submission } of entering) {
    const { parent } = submission
    if (parent === undefined) continue
    const count = (counts.get(parent.id) ?? children.get(parent.id) ?? 0) + 1
    if (count > childLimits.children) return true
    counts.set(parent.id, count)
  }
  return false
}

/** A predecessor that has ended, and edges to those that wait for it. `isWhole`: there are no others. */
export type EndedPredecessor = Readonly<{ row: TaskRow; edges: readonly Edge[]; isWhole: boolean }>

export type Release = Readonly<{
  moved: readonly Move[]
  /** To delete. */
  counted: readonly Edge[]
  /** Nothing waits for these any more. */
  told: readonly TaskRow[]
  /** Their handlers look at all their children again: what is left of these edges is to be deleted. */
  informed: readonly TaskId[]
}>

/**
 * Counts the ends of these predecessors for those that wait for them. A successor may be gone. `joinsMore`: whether its handler waits for
 * other children than these.
 */
export function release(
  ended: readonly EndedPredecessor[],
  rowOf: (id: TaskId) => TaskRow | undefined,
  joinsMore: (successor: TaskId) => boolean,
  context: CommandContext,
): Release {
  const bySuccessor = new Map<TaskId, Ended[]>()
  for (const { row, edges } of ended) {
    for (const { predecessor, successor, onFailure } of edges) {
      const ends = bySuccessor.get(successor)
      const end = { predecessor, status: row.task.status, onFailure }
      if (ends === undefined) bySuccessor.set(successor, [end])
      else ends.push(end)
    }
  }
  const moved: Move[] = []
  const informed: TaskId[] = []
  for (const [successor, ends] of bySuccessor) {
    const row = rowOf(successor)
    if (row === undefined) continue
    const isLast = !ends.some(isOfJoin) || !joinsMore(successor)
    const change = rules.predecessorsEnded(row.task, ends, isLast, context)
    if (change === null) continue
    if ('entry' in change) moved.push(row.move(change))
    else row.change(change)
    if ('entry' in change && ends.some(isOfJoin)) informed.push(successor)
  }
  const told = ended.filter(({ isWhole }) => isWhole).map(({ row }) => row)
  return { moved, counted: ended.flatMap(({ edges }) => edges), told, informed }
}

/** Of a run that may wait for its children: what it watches from now on, of those that were asked for. */
export function watchChildren(
  row: TaskRow | undefined,
  node: NodeId,
  { fence, policy, children }: WatchRequest,
  childOf: (id: TaskId) => Task | undefined,
): (Watched & Readonly<{ edges: readonly Edge[] }>) | null {
  if (row === undefined || !isActiveRun(row.task, node, fence)) return null
  const { id: successor, news } = row.task
  const states = children.flatMap((id) => childState(successor, childOf(id)))
  const edges = states
    .filter(({ status }) => !isTerminal(status))
    .map(({ id: predecessor }) => ({ predecessor, successor, onFailure: policy }))
  return { news, states, edges }
}

export function claim(
  row: TaskRow,
  node: NodeId,
  { parameters, checkpoint }: Pick<Claimed, 'parameters' | 'checkpoint'>,
  context: CommandContext,
): Claimed {
  const previousFence = row.task.fence
  const { before, task, entry } = row.move(rules.claimed(row.task, node, context))
  return { before, task, entry, previousFence, parameters, checkpoint }
}

export function settle(
  row: TaskRow | undefined,
  node: NodeId,
  settlement: Settlement,
  context: CommandContext,
): Settled {
  if (row === undefined) return { verdict: 'superseded', task: null, entry: null }
  const settled = rules.settled(row.task, settlement, node, context)
  if (settled.verdict !== 'settled') return { verdict: settled.verdict, task: row.task, entry: null }
  const { fence, outcome, checkpoint, fencedOff, log } = settlement
  if (checkpoint !== undefined) row.checkpoint = checkpoint
  if (log !== undefined) row.addLog(log)
  if (outcome.kind === 'completed') row.result = outcome.result
  if (fencedOff === true) row.fenceOff(fence, node)
  const { before, task, entry } = row.move(settled.move)
  return { verdict: 'settled', before, task, entry }
}

const neverQueuing: ReadonlySet<Settlement['outcome']['kind']> = new Set([
  'completed',
  'paused',
  'cancelled',
  'sleeping',
])

/** Whether a settlement may queue its task and so need a queue position. */
export function mayQueue({ outcome }: Settlement): boolean {
  return !neverQueuing.has(outcome.kind) || (outcome.kind === 'sleeping' && outcome.gone === true)
}

/** Whether this run is the newest of its task, and may write. */
export function isActiveRun(task: Task, node: NodeId, fence: Fence): boolean {
  return task.fence === fence && task.ownerNode === node && isActive(task.status)
}

export function save(
  row: TaskRow | undefined,
  node: NodeId,
  { fence, checkpoint, steps, progress, log }: Save,
  { now, nowAsOf }: CommandContext,
): boolean {
  if (row === undefined || !isActiveRun(row.task, node, fence)) return false
  const { task } = row
  if (checkpoint !== undefined) row.checkpoint = checkpoint
  if (steps !== undefined) row.addSteps(steps)
  if (log !== undefined) row.addLog(log)
  row.change({
    ...task,
    savedAt: nowAsOf?.(task.statusSince) ?? now,
    crashes: checkpoint === undefined && steps === undefined ? task.crashes : 0,
    progress: progress ?? task.progress,
    sleeps: checkpoint === undefined ? task.sleeps : null,
  })
  return true
}

/** The wait that a command is about. `isFull`: the task has as many as it may have. */
export type StoredWait = Readonly<{ wait: Wait | undefined; isFull: boolean }>

/** A run has come to a wait. */
export function reachWait(
  row: TaskRow | undefined,
  { wait: stored, isFull }: StoredWait,
  node: NodeId,
  { fence, reached }: ReachRequest,
  { now }: CommandContext,
): Reached | 'full' | null {
  if (row === undefined || !isActiveRun(row.task, node, fence)) return null
  const { task } = row
  if (stored === undefined && isFull) return 'full'
  const wait = waitReached(stored, reached, now)
  if (wait !== stored) row.wait = wait
  return { wait, news: task.news, now }
}

/** The first answer of a wait queues the task if that waits for it. */
export function answerWait(
  row: TaskRow | undefined,
  { wait: stored, isFull }: StoredWait,
  { answer }: AnswerRequest,
  context: CommandContext,
): AnswerResult {
  if (row === undefined) return { kind: 'unknown' }
  const { task } = row
  const wait = waitAnswered(stored, answer, context.now)
  if (wait === 'late') return { kind: 'late', wait: stored!, task }
  if (typeof wait === 'string') return { kind: wait }
  if (isTerminal(task.status)) return { kind: 'ended', task }
  if (stored === undefined && isFull) return { kind: 'full' }
  row.wait = wait
  return { kind: 'answered', move: row.move(rules.informed(task, context, newsOf(answer))), wait }
}

/** What only a retry depends on. */
export type RetryFacts = Readonly<{
  /** Fenced-off code of the task holds a slot. */
  codeAlive: boolean
  /** The task that has its unique key. */
  keyHolder?: TaskId | undefined
}>

export function control(
  row: TaskRow | undefined,
  { control, by, why, fromStart }: Command,
  facts: RetryFacts,
  context: CommandContext,
): Controlled {
  if (row === undefined) return { kind: 'unknown' }
  const answer = rules.controlled(row.task, control, { ...context, ...facts, by, why, fromStart })
  if (answer.kind !== 'moved') return { ...answer, task: row.task }
  if (control === 'retry') row.result = null
  if (control === 'retry' && fromStart === true) {
    row.checkpoint = null
    row.dropSteps()
    row.forgetsChildren = true
  }
  return { kind: 'moved', ...row.move(answer.move) }
}

/** Those of the commands that were carried out. */
export function controlledTasks(
  commands: readonly Command[],
  answers: readonly Controlled[],
): Readonly<{ id: TaskId; action: Control }>[] {
  return commands
    .filter((_, index) => answers[index]?.kind === 'moved')
    .map(({ id, control: action }) => ({ id, action }))
}

export function unpark(
  row: TaskRow | undefined,
  node: NodeId,
  { fence, why }: Copy,
  context: CommandContext,
): Move[] {
  if (row?.task.fence !== fence) return []
  return moveIfAny(row, rules.unparked(row.task, node, why, context))
}

/** The slots among these that the copies held, to be deleted. */
export function releasedSlots(
  slots: readonly OccupiedSlot[],
  node: NodeId,
  copies: readonly Copy[],
): OccupiedSlot[] {
  return slots.filter(
    (slot) => slot.node === node && copies.some(({ id, fence }) => slot.id === id && slot.fence === fence),
  )
}

/** `isKept`: it is a child whose parent has not ended. */
export function purge(
  row: TaskRow | undefined,
  statuses: readonly Status[] = terminalStatuses,
  isKept = false,
): Purged {
  if (row === undefined) return { kind: 'unknown' }
  const { task } = row
  if (!isTerminal(task.status) || !statuses.includes(task.status)) return { kind: 'refused', task }
  if (row.isAwaited) return { kind: 'refused', task, why: awaitedReason }
  if (isKept) return { kind: 'refused', task, why: keptReason }
  row.delete()
  return { kind: 'purged' }
}

/** Those of the tasks that were deleted. */
export function purgedTasks(
  ids: readonly TaskId[],
  answers: readonly Purged[],
): Readonly<{ id: TaskId; action: 'purge' }>[] {
  return ids
    .filter((_, index) => answers[index]?.kind === 'purged')
    .map((id) => ({ id, action: 'purge' as const }))
}

/** Deletes rows that ended longer ago than the retention. */
export function prune(rows: readonly TaskRow[]): number {
  for (const row of rows) row.delete()
  return rows.length
}

/** Queues rows that are due: scheduled ones and those that sleep, those that have waited longest first. */
export function promote(rows: readonly TaskRow[], limit: number, context: CommandContext): Move[] {
  return rows
    .toSorted((a, b) => (a.task.runAt ?? 0) - (b.task.runAt ?? 0) || a.rowId - b.rowId)
    .slice(0, limit)
    .map((row) => row.move(rules.promoted(row.task, context)))
}

/** Asks these rows to make room, as far as they still run what they ran. Returns the tasks. */
export function preempt(
  chosen: readonly Readonly<{ task: Task; preemption: Preemption }>[],
  rowOf: (id: TaskId) => TaskRow | undefined,
): Task[] {
  return chosen.flatMap(({ task: { id, fence }, preemption }) => {
    const row = rowOf(id)
    if (row?.task.fence !== fence || row.task.status !== 'running') return []
    row.change({ ...row.task, preemption })
    return [row.task]
  })
}

/** Ends rows that did not start in time. */
export function expire(rows: readonly TaskRow[], context: CommandContext): Move[] {
  return rows
    .filter(({ task }) => isExpired(task, context.now))
    .map((row) => row.move(rules.expired(row.task, context)))
}

/** Takes rows from dead nodes. */
export function reap(
  rows: readonly TaskRow[],
  { poisonLimit, poisonLimits }: ReapOptions,
  context: CommandContext,
): Move[] {
  return rows.flatMap((row) => {
    const limit = poisonLimits?.get(row.task.type) ?? poisonLimit
    return moveIfAny(row, rules.lost(row.task, { ...context, poisonLimit: limit }))
  })
}

function moveIfAny(row: TaskRow, move: Move | null): Move[] {
  return move === null ? [] : [row.move(move)]
}
