import { childLimits } from '../../core/child.ts'
import type { Edge } from '../../core/dependency.ts'
import type { TransitionContext } from '../../core/transition.ts'
import { auditedReplaced, auditedSubmit } from '../auditing.ts'
import { fixedColumns, newColumns } from '../columns.ts'
import * as commands from '../commands.ts'
import { boundsWanted, QueueBounds } from '../queue-bounds.ts'
import type { Submitted } from '../store.ts'
import type { NewRow, TaskRow } from '../task-row.ts'
import { addEntries, record } from './audit.ts'
import { packed } from './column-batching.ts'
import type { Rows } from './connection.ts'
import { noteLanes } from './lane-rows.ts'
import { tell } from './telling.ts'
import { Tally, queueEstimateOf, type QueueEstimate } from './counters.ts'
import { columnsOf, tagColumns, tagsOf, taskOf } from './rows.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { askHolders, holdersOf, keyRowsOf, writeHolders } from './unique-keys.ts'
import { Work } from './work.ts'

/** Carries out all submits of one transaction; each completely or not at all. */
export async function submitAll(
  tx: Transaction,
  calls: readonly commands.SubmitCall[],
  waiting: QueueEstimate,
  /** In a transaction of the caller, which may last: others do not wait for it, so what it adds may exceed a maximum. */
  isCallers = false,
): Promise<Submitted[]> {
  const wanted = calls.reduce((sum, { submissions }) => sum + submissions.length, 0)
  const least = Math.min(...calls.map(({ options }) => options.maxQueued))
  const bounding = askBounds(tx, calls, !isCallers)
  const counting = waiting.mayBeFull(wanted, least) ? tx.ask(tx.source.sql.counts) : undefined
  const keys = keysOf(calls)
  const looking = keys.size === 0 ? [] : tx.ask(tx.source.sql.tasksByKey, [[...keys].map(encodeText)])
  const finding = askHolders(tx, calls)
  const locking = lockPredecessors(tx, calls)
  const related = countChildren(tx, calls)
  // Awaited later: until then, a lost connection must not count as unhandled.
  for (const answer of [bounding, finding]) answer?.catch(() => undefined)
  const context = rowsAtPlaces(await tx.moment(wanted))
  const tasks = (await looking).map(taskOf)
  const byKey = new Map(tasks.map((task) => [task.idempotencyKey ?? '', task]))
  const counted = counting === undefined ? undefined : queueEstimateOf(await counting)
  const found = finding === undefined ? [] : keyRowsOf(await finding, context.now)
  const holders = holdersOf(found)
  const predecessors = new Map((await locking).map(taskOf).map((task) => [task.id, task]))
  const children = new Map((await related).map(([id, count]) => [decodeText(id as string), count as number]))
  const rows: NewRow[] = []
  const edges: Edge[] = []
  const changed = new Set<TaskRow>()
  const bounds = await bounding
  const of = { predecessors, children, edges }
  const batch = { context, byKey, holders, waiting: counted, bounds, rows, changed, ...of }
  const answers = calls.map((call) => commands.submit(batch, call))
  if (rows.length > 0) {
    write(tx, rows)
    if (finding !== undefined) writeHolders(tx, found, holders, context.now)
    await tell(tx, rows, [])
  }
  if (changed.size > 0) await writeChanged(tx, changed, context)
  // What an earlier commit has left is acknowledged only once it is as safe as one of our own.
  else if (rows.length === 0 && answers.some(replays)) tx.write(tx.source.sql.barrier)
  if (edges.length > 0) writeEdges(tx, edges)
  const changes = calls.map(({ options }, index) => auditedReplaced(options, answers[index]!))
  record(
    tx,
    changes.filter((change) => change !== undefined),
    context.now,
  )
  const entries = calls.map(({ options }, index) => auditedSubmit(options, answers[index]!))
  addEntries(
    tx,
    entries.filter((entry) => entry !== undefined),
    context.now,
  )
  // Too high at worst, if nothing of it is committed. Counts of a caller's transaction may be old, so they are not
  // learned from.
  waiting.add(rows.length)
  if (counted !== undefined) tx.afterCommit(() => waiting.learn(counted + rows.length))
  return answers
}

/** Counts what waits once no other node adds to it. */
async function askBounds(
  tx: Transaction,
  calls: readonly commands.SubmitCall[],
  locks: boolean,
): Promise<QueueBounds | undefined> {
  const wanted = boundsWanted(calls)
  if (wanted === undefined) return undefined
  const { sql, schema } = tx.source
  const types = [...wanted.types.keys()].map(encodeText)
  const buckets = [...wanted.buckets.keys()].map(encodeText)
  const names = [...wanted.buckets.values()].map(({ name }) => name)
  if (locks) tx.write(sql.lockBounds, [schema, types, buckets, names])
  const counting = types.length === 0 ? [] : tx.ask(sql.unstarted, [types])
  const [counts, queued] = await Promise.all([
    counting,
    buckets.length === 0 ? [] : tx.ask(sql.queuedFor, [buckets, names]),
  ])
  const byType = (rows: Rows) =>
    new Map(rows.map(([type, tasks]) => [decodeText(type as string), tasks as number]))
  const unstarted = byType(counts)
  // Those that sleep are counted only if it matters.
  const close = [...unstarted].flatMap(([type, tasks]) => (tasks > wanted.types.get(type)! ? [type] : []))
  const queuing = close.length === 0 ? [] : await tx.ask(sql.queuing, [close.map(encodeText)])
  return new QueueBounds(
    new Map([...unstarted, ...byType(queuing)]),
    new Map(
      queued.map(([bucket, max, tasks]) => [
        decodeText(bucket as string),
        { max: max as number, queued: tasks as number },
      ]),
    ),
  )
}

/** Some of them are among the rows that were just inserted. */
async function writeChanged(
  tx: Transaction,
  changed: ReadonlySet<TaskRow>,
  context: TransitionContext,
): Promise<void> {
  const work = new Work(context)
  for (const row of changed) work.adopt(row)
  await work.write(tx)
}

/**
 * Those that exist, in the lock order of all transactions: none of them ends before the commit, so its end is counted for the new tasks,
 * or it has ended already.
 */
function lockPredecessors(tx: Transaction, calls: readonly commands.SubmitCall[]): Rows | Promise<Rows> {
  const ids = commands.predecessorsOf(calls.flatMap(({ submissions }) => submissions))
  return ids.length === 0 ? [] : tx.ask(tx.source.sql.lockTasks, [ids.sort().map(encodeText)])
}

/** Once the parents are locked: nobody else adds to them. */
function countChildren(tx: Transaction, calls: readonly commands.SubmitCall[]): Rows | Promise<Rows> {
  const ids = commands.parentsOf(calls.flatMap(({ submissions }) => submissions))
  return ids.length === 0
    ? []
    : tx.ask(tx.source.sql.childrenUpTo, [ids.map(encodeText), childLimits.children])
}

/** Their predecessors are locked, and awaited from then on. */
export function writeEdges(tx: Transaction, edges: readonly Edge[]): void {
  const { sql } = tx.source
  tx.write(sql.insertEdges, [
    edges.map(({ predecessor }) => encodeText(predecessor)),
    edges.map(({ successor }) => encodeText(successor)),
    edges.map(({ onFailure }) => onFailure),
  ])
  const awaited = new Set(edges.map(({ predecessor }) => predecessor))
  tx.write(sql.awaitTasks, [[...awaited].map(encodeText)])
}

function keysOf(calls: readonly commands.SubmitCall[]): Set<string> {
  const keys = new Set<string>()
  for (const { submissions } of calls) {
    for (const { idempotencyKey: key } of submissions) if (key !== null) keys.add(key)
  }
  return keys
}

/** One number is the key of its documents, and its place if it is queued. */
function rowsAtPlaces({ now, nextQueuePosition }: TransitionContext): commands.SubmitBatch['context'] {
  let rowId = 0
  return { now, nextRowId: () => (rowId = nextQueuePosition()), nextQueuePosition: () => rowId }
}

function replays(answer: Submitted): boolean {
  return answer.kind === 'accepted' && answer.tasks.some(({ replayed }) => replayed)
}

/**
 * In key order: two nodes that insert the same keys wait for each other in one order, and never forever. The second one
 * aborts at the unique index, and looks again.
 */
function write(tx: Transaction, rows: readonly NewRow[]): void {
  const sorted = rows.toSorted((a, b) => order(a.task.idempotencyKey, b.task.idempotencyKey))
  tx.leaveMark()
  tx.rows += rows.length
  const tally = new Tally()
  for (const { task } of sorted) tally.add(task.type, task.status, 1)
  tx.inPortions(sorted, (portion) => insert(tx, portion))
  noteLanes(tx, rows)
  tally.write(tx)
}

function insert(tx: Transaction, rows: readonly NewRow[]): void {
  const { sql } = tx.source
  const tasks = rows.map(({ task }) => task)
  const numbers = rows.map(({ rowId }) => rowId)
  const { parts, values } = packed([
    { name: 'row_id', type: 'bigint', values: numbers },
    { name: 'timeline', type: 'text', values: rows.map(({ lines }) => lines) },
    ...columnsOf(tasks, fixedColumns),
    ...columnsOf(tasks, newColumns),
  ])
  tx.write(sql.insertTasks(parts), values)
  tx.write(sql.insertParameters, [numbers, rows.map(({ parameters }) => encodeText(parameters))])
  const tags = tagsOf(rows)
  if (tags.length > 0) {
    const ids = tags.map(({ task: { id } }) => encodeText(id))
    tx.write(sql.insertTags, [...tagColumns(tags), ids])
  }
}

function order(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  return a < b ? -1 : 1
}
