import type { ChildState } from '../../core/join.ts'
import type { NodeId, TaskId } from '../../core/task.ts'
import { watchChildren } from '../commands.ts'
import {
  childState,
  type JoinStore,
  type StoredOutcome,
  type Watched,
  type WatchedChildren,
  type WatchRequest,
} from '../join-store.ts'
import type { Session } from './connection.ts'
import { selectedCount, taskOf } from './rows.ts'
import type { Statements } from './statements.ts'
import { writeEdges } from './submitting.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { Work } from './work.ts'

/** What the joins use of the store. */
export type JoinSource = Readonly<{
  sql: Statements
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

export class PostgresJoins implements JoinStore {
  readonly #store: JoinSource

  constructor(store: JoinSource) {
    this.#store = store
  }

  async states(parent: TaskId, children: readonly TaskId[]): Promise<readonly ChildState[]> {
    const { sql, read } = this.#store
    const rows = await read((session) => session.query(sql.tasksById, [children.map(encodeText)]))
    const tasks = new Map(rows.map(taskOf).map((task) => [task.id, task]))
    return children.flatMap((id) => childState(parent, tasks.get(id)))
  }

  /** Both sides of each edge are locked, so a child ends either before or is watched. */
  watch(node: NodeId, request: WatchRequest): Promise<Watched | null> {
    return this.#store.alone(async (tx) => {
      const { id, children, anew } = request
      const { sql } = tx.source
      const ids = [...new Set([id, ...children])].sort()
      const rows = tx.ask(sql.lockTasks, [ids.map(encodeText)])
      const work = new Work(await tx.moment(0))
      work.hold(await rows)
      const watched = watchChildren(work.row(id), node, request, (child) => work.row(child)?.task)
      if (watched === null) return null
      const { edges, ...answer } = watched
      if (anew) tx.write(sql.dropJoins, [[encodeText(id)]])
      if (edges.length > 0) writeEdges(tx, edges)
      return answer
    })
  }

  async outcomes(
    parent: TaskId,
    children: readonly TaskId[],
    bytes: number,
  ): Promise<readonly StoredOutcome[]> {
    const { sql, read } = this.#store
    const rows = await read((session) =>
      session.query(sql.outcomes, [children.map(encodeText), encodeText(parent), bytes]),
    )
    return rows.map((row) => {
      const body = row[selectedCount] as string | null
      return { task: taskOf(row), result: body === null ? null : decodeText(body) }
    })
  }

  async watched(parent: TaskId, limit: number): Promise<WatchedChildren> {
    const { sql, read } = this.#store
    const [[count], rows] = await read((session) =>
      Promise.all([
        session.query(sql.countJoined, [encodeText(parent)]),
        session.query(sql.joined, [encodeText(parent), limit]),
      ]),
    )
    return { count: count![0] as number, tasks: rows.map(taskOf) }
  }
}
