import { answerEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { NodeId, TaskId } from '../../core/task.ts'
import { waitLimits, type WaitKey } from '../../core/wait.ts'
import * as commands from '../commands.ts'
import type { StoredRow } from '../columns.ts'
import { waitColumns, waitOf } from '../wait-rows.ts'
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
import { addEntries } from './audit.ts'
import type { Session } from './connection.ts'
import { taskOf } from './rows.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { Work } from './work.ts'

/** What the waits use of the store. */
export type WaitSource = Readonly<{
  sql: Statements
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** Each change is a transaction of its own, which locks the task first. */
export class PostgresWaits implements WaitStore {
  readonly #store: WaitSource

  constructor(store: WaitSource) {
    this.#store = store
  }

  reach(node: NodeId, request: ReachRequest): Promise<Reached | 'full' | null> {
    return this.#store.alone((tx) =>
      locked(tx, request.id, { ...request.reached, places: 0 }, (work, stored) =>
        commands.reachWait(work.row(request.id), stored, node, request, work.context),
      ),
    )
  }

  answer(request: AnswerRequest, audit: Origin): Promise<AnswerResult> {
    const { id, answer } = request
    return this.#store.alone((tx) =>
      locked(tx, id, { ...answer, places: 1 }, (work, stored) => {
        const result = commands.answerWait(work.row(id), stored, request, work.context)
        if (result.kind === 'answered')
          addEntries(tx, [answerEntry(audit, id, answer.name)], work.context.now)
        return result
      }),
    )
  }

  async find(tokenHash: string): Promise<TaskWait | null> {
    const [row] = await this.#store.read((session) => session.query(this.#store.sql.waitByToken, [tokenHash]))
    return row === undefined ? null : taskWaitOf(row)
  }

  async list(query: WaitQuery): Promise<WaitPage> {
    const { id, state, order, after, scan } = query
    const { sql } = this.#store
    const from = after ?? (order === 'newest' ? Number.MAX_SAFE_INTEGER : -1)
    const isNewest = order === 'newest'
    const rows = await this.#store.read((session) =>
      id !== undefined
        ? session.query(isNewest ? sql.waitsOfNewest : sql.waitsOfOldest, [encodeText(id), from, scan])
        : state === 'open'
          ? session.query(isNewest ? sql.openNewest : sql.openOldest, [from, scan])
          : session.query(isNewest ? sql.waitsNewest : sql.waitsOldest, [from, scan]),
    )
    return waitPageOf(rows.map(taskWaitOf), query)
  }
}

async function locked<T>(
  tx: Transaction,
  id: TaskId,
  { name, occurrence, places }: WaitKey & Readonly<{ places: number }>,
  command: (work: Work, stored: commands.StoredWait) => T,
): Promise<T> {
  const { sql } = tx.source
  const rows = tx.ask(sql.lockTasks, [[encodeText(id)]])
  const moment = tx.moment(places)
  const found = await tx.ask(sql.wait, [encodeText(id), encodeText(name), occurrence])
  const work = new Work(await moment)
  work.hold(await rows)
  const [count, ...wait] = found[0] ?? [0]
  const stored = {
    wait: wait[0] == null ? undefined : waitOf(wait, decodeText),
    isFull: Number(count) >= waitLimits.waits,
  }
  const answer = command(work, stored)
  await work.write(tx)
  return answer
}

/** From the number, the columns of the wait, and those of the task. */
function taskWaitOf(row: readonly unknown[]): TaskWait {
  return {
    number: Number(row[0]),
    wait: waitOf(row.slice(1), decodeText),
    task: taskOf(row.slice(1 + waitColumns.length) as StoredRow),
  }
}
