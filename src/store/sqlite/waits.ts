import { answerEntry, type NewEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { NodeId, TaskId } from '../../core/task.ts'
import { waitLimits, type Wait, type WaitKey } from '../../core/wait.ts'
import * as commands from '../commands.ts'
import { insertedNames, type StoredRow } from '../columns.ts'
import type { TaskRow } from '../task-row.ts'
import { waitColumns, waitOf, waitValues } from '../wait-rows.ts'
import {
  waitPageOf,
  type AnswerRequest,
  type AnswerResult,
  type Reached,
  type ReachRequest,
  type TaskWait,
  type WaitPage,
  type WaitQuery,
  type WaitStore,
} from '../wait-store.ts'
import type { Effect } from './commits.ts'
import { taskOf } from './rows.ts'
import type { Statements } from './statements.ts'

/** What the waits use of the store. */
export type WaitSource = Readonly<{
  sql(): Statements
  write<T>(run: () => T, effect?: Effect): Promise<T>
  read<T>(look: () => T): T
  context(): commands.CommandContext
  /** Runs a command on the row of a task. */
  change<T>(id: TaskId, command: (row: TaskRow | undefined) => T): T
  audit(entry: NewEntry, at: number): void
}>

export class SqliteWaits implements WaitStore {
  readonly #store: WaitSource

  constructor(store: WaitSource) {
    this.#store = store
  }

  reach(node: NodeId, request: ReachRequest): Promise<Reached | 'full' | null> {
    return this.#store.write(() => {
      const context = this.#store.context()
      return this.#store.change(request.id, (row) => {
        const stored = this.#stored(row, request.reached)
        return commands.reachWait(row, stored, node, request, context)
      })
    }, 'adds')
  }

  answer(request: AnswerRequest, audit: Origin): Promise<AnswerResult> {
    return this.#store.write(() => {
      const context = this.#store.context()
      const { id, answer } = request
      const result = this.#store.change(id, (row) =>
        commands.answerWait(row, this.#stored(row, answer), request, context),
      )
      if (result.kind === 'answered') this.#store.audit(answerEntry(audit, id, answer.name), context.now)
      return result
    }, 'adds')
  }

  async find(tokenHash: string): Promise<TaskWait | null> {
    const row = this.#store.read(() => this.#store.sql().waitByToken.get(tokenHash))
    return row === undefined ? null : taskWaitOf(row as unknown as unknown[])
  }

  async list(query: WaitQuery): Promise<WaitPage> {
    const { id, state, order, after, scan } = query
    const rows = this.#store.read(() => {
      const sql = this.#store.sql()
      const from = after ?? (order === 'newest' ? Number.MAX_SAFE_INTEGER : -1)
      if (id !== undefined)
        return (order === 'newest' ? sql.waitsOfNewest : sql.waitsOfOldest).all(id, from, scan)
      if (state === 'open') return (order === 'newest' ? sql.openNewest : sql.openOldest).all(from, scan)
      return (order === 'newest' ? sql.waitsNewest : sql.waitsOldest).all(from, scan)
    })
    return waitPageOf((rows as unknown as unknown[][]).map(taskWaitOf), query)
  }

  #stored(row: TaskRow | undefined, { name, occurrence }: WaitKey): commands.StoredWait {
    if (row === undefined) return { wait: undefined, isFull: false }
    const { wait, countWaits } = this.#store.sql()
    const found = wait.get(row.rowId, name, occurrence) as unknown as unknown[] | undefined
    const [count] = countWaits.get(row.rowId) as unknown as [number]
    return { wait: found === undefined ? undefined : waitOf(found), isFull: count >= waitLimits.waits }
  }
}

/** One that is there is replaced, under its number. */
export function putWait(sql: Statements, rowId: number, wait: Wait): void {
  sql.putWait.run(rowId, ...waitValues(wait))
}

export function readWaits(sql: Statements, rowId: number): Wait[] {
  return (sql.waitsOfRow.all(rowId) as unknown as unknown[][]).map((row) => waitOf(row))
}

/** From the number, the columns of the wait, and those of the task. */
function taskWaitOf(row: readonly unknown[]): TaskWait {
  const task = row.slice(1 + waitColumns.length, 2 + waitColumns.length + insertedNames.length)
  return { number: Number(row[0]), wait: waitOf(row.slice(1)), task: taskOf(task as StoredRow) }
}
