import type { Submission, Task } from '../../core/task.ts'
import * as rules from '../../core/transition.ts'
import { lineOf } from '../codec.ts'
import { checkKeys } from '../keys.ts'
import type { Accepted, SubmitOptions, Submitted } from '../store.ts'
import { Tally, queueEstimateOf, type QueueEstimate } from './counters.ts'
import { packed } from './column-batching.ts'
import { columnsOf, fixedColumns, newColumns, tagColumns, tagsOf, taskOf } from './rows.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

export type SubmitCall = Readonly<{ submissions: readonly Submission[]; options: SubmitOptions }>

type Fresh = Readonly<{ rowId: number; task: Task; lines: string; parameters: string }>

/** Carries out all submits of one transaction; each is whole or nothing. */
export async function submitAll(
  tx: Transaction,
  calls: readonly SubmitCall[],
  waiting: QueueEstimate,
): Promise<Submitted[]> {
  const wanted = calls.reduce((sum, { submissions }) => sum + submissions.length, 0)
  const least = Math.min(...calls.map(({ options }) => options.maxQueued))
  const counting = waiting.mayBeFull(wanted, least) ? tx.ask(tx.source.sql.counts) : undefined
  const keys = keysOf(calls)
  const looking = keys.size === 0 ? [] : tx.ask(tx.source.sql.tasksByKey, [[...keys].map(encodeText)])
  const moment = await tx.moment(wanted)
  const tasks = (await looking).map(taskOf)
  const batch = new Batch(moment, new Map(tasks.map((task) => [task.idempotencyKey ?? '', task])))
  const counted = counting === undefined ? undefined : queueEstimateOf(await counting)
  batch.waiting = counted
  const answers = calls.map((call) => batch.submit(call))
  batch.write(tx)
  // Too many at worst, if nothing of it is committed. What a caller's transaction counts may be of long ago: nothing is learnt there.
  waiting.add(batch.size)
  if (counted !== undefined) tx.afterCommit(() => waiting.learn(counted + batch.size))
  return answers
}

function keysOf(calls: readonly SubmitCall[]): Set<string> {
  const keys = new Set<string>()
  for (const { submissions } of calls) {
    for (const { idempotencyKey: key } of submissions) if (key !== null) keys.add(key)
  }
  return keys
}

class Batch {
  /** Scheduled and queued tasks, when the limit is near. */
  waiting: number | undefined
  readonly #moment: rules.TransitionContext
  readonly #byKey: Map<string, Task>
  readonly #fresh: Fresh[] = []
  #replays = 0

  constructor(moment: rules.TransitionContext, byKey: Map<string, Task>) {
    this.#moment = moment
    this.#byKey = byKey
  }

  get size(): number {
    return this.#fresh.length
  }

  submit({ submissions, options: { by, maxQueued } }: SubmitCall): Submitted {
    const keys = checkKeys(submissions, (key) => this.#byKey.get(key))
    if (keys.kind === 'conflict') return keys
    const { wanted } = keys
    if (wanted > 0 && this.waiting !== undefined) {
      if (this.waiting + this.#fresh.length + wanted > maxQueued) return { kind: 'full' }
    }
    const tasks = submissions.map((submission): Accepted => {
      const key = submission.idempotencyKey
      const earlier = key === null ? undefined : this.#byKey.get(key)
      if (earlier !== undefined) {
        this.#replays += 1
        return { task: earlier, replayed: true }
      }
      const move = this.#insert(submission, by)
      if (key !== null) this.#byKey.set(key, move.task)
      return { replayed: false, ...move }
    })
    return { kind: 'accepted', tasks }
  }

  /**
   * In the order of their keys: two nodes that insert the same keys wait for each other in one order, and never for ever. The
   * one that comes second breaks off at the unique index, and looks again.
   */
  write(tx: Transaction): void {
    const { sql } = tx.source
    if (this.#fresh.length === 0) {
      // What an earlier commit has left is acknowledged only once it is as safe as one of our own.
      if (this.#replays > 0) tx.write(sql.barrier)
      return
    }
    const sorted = this.#fresh.toSorted((a, b) => order(a.task.idempotencyKey, b.task.idempotencyKey))
    tx.leaveMark()
    const tally = new Tally()
    for (const { task } of sorted) tally.add(task.type, task.status, 1)
    tx.inPortions(sorted, (portion) => insert(tx, portion))
    tally.write(tx)
  }

  #insert(submission: Submission, by: string): rules.Move {
    // One number is the key of its documents, and its place if it is queued.
    const rowId = this.#moment.nextQueuePosition()
    const move = rules.submitted(submission, {
      now: this.#moment.now,
      nextQueuePosition: () => rowId,
      by,
    })
    this.#fresh.push({ rowId, task: move.task, lines: lineOf(move.entry), parameters: submission.parameters })
    return move
  }
}

function insert(tx: Transaction, rows: readonly Fresh[]): void {
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
