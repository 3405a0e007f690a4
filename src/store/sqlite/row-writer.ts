import type { Task } from '../../core/task.ts'
import { keepsKey } from '../../core/unique.ts'
import { compactLines } from '../codec.ts'
import { isTold } from '../../core/webhook.ts'
import { toldOf, type NewRow, type TaskRow } from '../task-row.ts'
import type { Counters } from './counters.ts'
import { isPlain, laneIdOf } from '../columns.ts'
import { queueEntered } from '../slot-changes.ts'
import { writeSlots } from './lanes.ts'
import { appendLog } from './log.ts'
import { fill, type Parameter } from './rows.ts'
import type { Outbox } from './outbox.ts'
import type { Statements } from './statements.ts'
import { putSteps } from './steps.ts'
import { putWait } from './waits.ts'

/**
 * Writes the changes of rows at once, so that later commands of the transaction read them. The values of hot statements are
 * collected in arrays that are reused.
 */
export class RowWriter {
  /** Rows written so far, including what was rolled back. */
  written = 0
  readonly #sql: Statements
  readonly #counters: Counters
  /** Null: what is written is no news. */
  readonly #outbox: Outbox | null
  readonly #inserted: Parameter[] = []
  readonly #insertedPlain: Parameter[] = []
  readonly #moved: Parameter[] = []
  readonly #saved: Parameter[] = []

  constructor(sql: Statements, counters: Counters, outbox: Outbox | null) {
    this.#sql = sql
    this.#outbox = outbox
    this.#counters = counters
  }

  /** A new task, as a submit makes it. */
  insert(row: NewRow): void {
    if (isPlain(row.task)) this.#insertPlain(row)
    else this.#insertWhole(row)
    this.#insertRest(row)
  }

  /** A task of another database, in any state. */
  copy(row: NewRow): void {
    this.#insertWhole(row)
    this.#insertRest(row)
  }

  #insertRest({ rowId, task, parameters }: NewRow): void {
    this.written += 1
    this.#sql.insertParameters.run(rowId, parameters)
    for (const tag of task.tags) this.#sql.insertTag.run(tag, task.createdAt, rowId)
    if (keepsKey(task)) this.#takeKey(task, task.createdAt)
    this.#counters.add(task.type, task.status, 1)
    if (task.admission !== null) {
      const lane = laneIdOf(task)
      if (lane !== null) this.#sql.noteLane.run(lane)
      for (const { bucket, taskId } of queueEntered([task])) this.#sql.enterQueue.run(bucket, taskId)
    }
    if (this.#outbox !== null && isTold(task, this.#outbox.webhooks))
      this.#outbox.tell({ before: null, task, at: task.createdAt })
  }

  #insertWhole({ rowId, task, lines }: NewRow): void {
    const values = this.#inserted
    values[0] = rowId
    values[fill.moving(values, fill.fixed(values, 1, task), task)] = lines
    this.#sql.insertTask.run(...values)
  }

  /** A value that is bound costs more than one in the text of the statement. */
  #insertPlain({ rowId, task, lines }: NewRow): void {
    const values = this.#insertedPlain
    values[0] = rowId
    values[fill.plain(values, 1, task)] = lines
    this.#sql.insertPlainTask.run(...values)
  }

  write(row: TaskRow): void {
    if (row.isDeleted || row.isChanged) this.written += 1
    if (row.isDeleted) {
      this.#delete(row)
    } else if (row.isChanged) {
      if (row.before.missing !== row.task.missing && row.lines === '') this.#countPredecessors(row)
      else if (row.before.preemption !== row.task.preemption && row.lines === '') this.#preempt(row)
      else if (row.lines === '') this.#save(row)
      else this.#move(row)
      this.#writeDocuments(row)
    }
    if (row.wait !== undefined && !row.isDeleted) putWait(this.#sql, row.rowId, row.wait)
    if (row.before.unique !== null) this.#writeKey(row)
    if (row.before.admission !== null) writeSlots(this.#sql, row)
    row.count(this.#count)
    if (row.moves !== undefined && this.#outbox !== null && isTold(row.task, this.#outbox.webhooks))
      for (const move of row.moves) this.#outbox.tell(toldOf(move))
  }

  #move(row: TaskRow): void {
    const { rowId, before, task, lines } = row
    const values = this.#moved
    const at = fill.moving(values, 0, task)
    values[at] = lines
    values[at + 1] = rowId
    values[at + 2] = before.status
    values[at + 3] = before.version
    mustMatch(this.#sql.move.run(...values), row)
    if (row.mustShortenTimeline) {
      const [timeline] = this.#sql.timeline.get(rowId) as unknown as [string]
      this.#sql.setTimeline.run(compactLines(timeline), rowId)
    }
  }

  #save(row: TaskRow): void {
    const { rowId, before, task } = row
    const values = this.#saved
    const at = fill.saved(values, 0, task)
    values[at] = rowId
    values[at + 1] = before.version
    mustMatch(this.#sql.save.run(...values), row)
  }

  #preempt(row: TaskRow): void {
    const { rowId, before, task } = row
    mustMatch(this.#sql.setPreemption.run(JSON.stringify(task.preemption), rowId, before.version), row)
  }

  #countPredecessors(row: TaskRow): void {
    const { rowId, before, task } = row
    mustMatch(this.#sql.setMissing.run(task.missing, rowId, before.version), row)
  }

  #writeDocuments(row: TaskRow): void {
    const { rowId, parameters, checkpoint, result, log, steps, dropsSteps, forgetsChildren, fencedOff } = row
    const sql = this.#sql
    if (parameters !== undefined) sql.setParameters.run(parameters, rowId)
    if (checkpoint === null) sql.dropCheckpoint.run(rowId)
    else if (checkpoint !== undefined) sql.putCheckpoint.run(rowId, checkpoint)
    if (result === null) sql.dropResult.run(rowId)
    else if (result !== undefined) sql.putResult.run(rowId, result)
    if (forgetsChildren) sql.forgetChildren.run(row.task.id)
    if (dropsSteps) {
      sql.dropSteps.run(rowId)
      sql.dropWaits.run(rowId)
    }
    if (steps !== undefined) putSteps(sql, rowId, steps)
    if (log !== undefined) appendLog(sql, rowId, log)
    if (fencedOff === undefined) return
    for (const { id, fence, node, type } of fencedOff) {
      sql.fenceOff.run(id, fence, node, type)
      this.#counters.addFencedOff(type, 1)
    }
  }

  #writeKey(row: TaskRow): void {
    const { before, task } = row
    if (row.freesKey) this.#sql.freeKey.run(before.type, before.unique!.key, before.id)
    if (row.retakesKey) this.#takeKey(task, task.statusSince)
  }

  #takeKey({ type, unique, id }: Task, at: number): void {
    this.#sql.takeKey.run(type, unique!.key, id, at, unique!.for)
  }

  #delete({ rowId, before }: TaskRow): void {
    const { deleteTask, deleteParameters, dropCheckpoint, dropResult, dropSteps, dropWaits, dropLog } =
      this.#sql
    const drops = [deleteTask, deleteParameters, dropCheckpoint, dropResult, dropSteps, dropWaits, dropLog]
    for (const drop of drops) drop.run(rowId)
    for (const tag of before.tags) this.#sql.deleteTag.run(tag, before.createdAt, rowId)
  }

  readonly #count: Counters['add'] = (type, status, tasks) => this.#counters.add(type, status, tasks)
}

function mustMatch({ changes }: Readonly<{ changes: number | bigint }>, { task }: TaskRow): void {
  if (changes !== 1) throw new Error(`the row of task ${task.id} moved inside a transaction`)
}
