import type { ChildState } from '../../core/join.ts'
import type { NodeId, Task, TaskId } from '../../core/task.ts'
import { watchChildren } from '../commands.ts'
import { rowIdOf, type StoredRow } from '../columns.ts'
import {
  childState,
  firstOutcomes,
  type JoinStore,
  type StoredOutcome,
  type Watched,
  type WatchedChildren,
  type WatchRequest,
} from '../join-store.ts'
import type { TaskRow } from '../task-row.ts'
import type { Effect } from './commits.ts'
import { taskOf } from './rows.ts'
import type { Statements } from './statements.ts'

/** What the joins use of the store. */
export type JoinSource = Readonly<{
  sql(): Statements
  write<T>(run: () => T, effect?: Effect): Promise<T>
  read<T>(look: () => T): T
  rows(ids: readonly TaskId[]): ReadonlyMap<TaskId, TaskRow>
}>

export class SqliteJoins implements JoinStore {
  readonly #store: JoinSource

  constructor(store: JoinSource) {
    this.#store = store
  }

  async states(parent: TaskId, children: readonly TaskId[]): Promise<readonly ChildState[]> {
    return this.#store.read(() => children.flatMap((id) => childState(parent, this.#task(id))))
  }

  watch(node: NodeId, request: WatchRequest): Promise<Watched | null> {
    return this.#store.write(() => {
      const { id, children, anew } = request
      const rows = this.#store.rows([id, ...children])
      const watched = watchChildren(rows.get(id), node, request, (child) => rows.get(child)?.task)
      if (watched === null) return null
      const { edges, ...answer } = watched
      const sql = this.#store.sql()
      if (anew) sql.dropJoins.run(id)
      for (const { predecessor, successor, onFailure } of edges) {
        sql.insertEdge.run(predecessor, successor, onFailure)
        sql.await.run(rows.get(predecessor)!.rowId)
      }
      return answer
    }, 'adds')
  }

  async outcomes(
    parent: TaskId,
    children: readonly TaskId[],
    bytes: number,
  ): Promise<readonly StoredOutcome[]> {
    return this.#store.read(() => firstOutcomes(this.#outcomes(parent, children), bytes))
  }

  async watched(parent: TaskId, limit: number): Promise<WatchedChildren> {
    return this.#store.read(() => {
      const sql = this.#store.sql()
      const [count] = sql.countJoined.get(parent) as unknown as [number]
      return { count, tasks: (sql.joined.all(parent, limit) as unknown as StoredRow[]).map(taskOf) }
    })
  }

  *#outcomes(parent: TaskId, children: readonly TaskId[]): Iterable<StoredOutcome> {
    const { rowById, result } = this.#store.sql()
    for (const id of children) {
      const row = rowById.get(id) as unknown as StoredRow | undefined
      if (row === undefined || taskOf(row).parent?.id !== parent) continue
      const body = result.get(rowIdOf(row)) as unknown as [string] | undefined
      yield { task: taskOf(row), result: body?.[0] ?? null }
    }
  }

  #task(id: TaskId): Task | undefined {
    const row = this.#store.sql().rowById.get(id) as unknown as StoredRow | undefined
    return row === undefined ? undefined : taskOf(row)
  }
}
