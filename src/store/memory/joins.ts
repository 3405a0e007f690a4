import type { Edge } from '../../core/dependency.ts'
import type { ChildState } from '../../core/join.ts'
import { isTerminal, type Json, type NodeId, type Task, type TaskId } from '../../core/task.ts'
import { isActiveRun } from '../commands.ts'
import {
  childState,
  firstOutcomes,
  type JoinStore,
  type StoredOutcome,
  type Watched,
  type WatchedChildren,
  type WatchRequest,
} from '../join-store.ts'

/** What the joins use of the store. */
export type JoinSource = Readonly<{
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  record(id: TaskId): Readonly<{ task: Task; result: Json | null }> | undefined
  /** The edges of joins of the task. */
  edges(parent: TaskId): readonly Edge[]
  drop(edges: readonly Edge[]): void
  add(edge: Edge): void
}>

export class MemoryJoins implements JoinStore {
  readonly #store: JoinSource

  constructor(store: JoinSource) {
    this.#store = store
  }

  async states(parent: TaskId, children: readonly TaskId[]): Promise<readonly ChildState[]> {
    this.#store.mustBeOpen()
    return this.#states(parent, children)
  }

  watch(node: NodeId, { id, fence, policy, children, anew }: WatchRequest): Promise<Watched | null> {
    return this.#store.write(() => {
      const task = this.#store.record(id)?.task
      if (task === undefined || !isActiveRun(task, node, fence)) return null
      if (anew) this.#store.drop(this.#store.edges(id))
      const states = this.#states(id, children)
      for (const { id: predecessor, status } of states)
        if (!isTerminal(status)) this.#store.add({ predecessor, successor: id, onFailure: policy })
      return { news: task.news, states }
    })
  }

  async outcomes(
    parent: TaskId,
    children: readonly TaskId[],
    bytes: number,
  ): Promise<readonly StoredOutcome[]> {
    this.#store.mustBeOpen()
    const records = this.#states(parent, children).map(({ id }) => this.#store.record(id)!)
    return firstOutcomes(
      records.map(({ task, result }) => ({ task, result })),
      bytes,
    )
  }

  async watched(parent: TaskId, limit: number): Promise<WatchedChildren> {
    this.#store.mustBeOpen()
    const ids = this.#store.edges(parent).map(({ predecessor }) => predecessor)
    const tasks = ids.toSorted().slice(0, limit)
    return { count: ids.length, tasks: tasks.map((id) => this.#store.record(id)!.task) }
  }

  #states(parent: TaskId, children: readonly TaskId[]): ChildState[] {
    return children.flatMap((id) => childState(parent, this.#store.record(id)?.task))
  }
}
