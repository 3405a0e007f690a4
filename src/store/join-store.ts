import type { JoinPolicy } from '../core/dependency.ts'
import type { ChildState } from '../core/join.ts'
import type { Fence, Json, NodeId, Task, TaskId } from '../core/task.ts'

/** Children for which the handlers of their parents wait. */
export interface JoinStore {
  /** How those of these tasks are that are children of this one. At most `joinedAtOnce`. */
  states(parent: TaskId, children: readonly TaskId[]): Promise<readonly ChildState[]>

  /**
   * Ends of these children are counted for the task from now on, and the others that it has watched no longer are if it starts `anew`.
   * Null if the run is not the newest or its task is not active.
   */
  watch(node: NodeId, request: WatchRequest): Promise<Watched | null>

  /** The first of these children, in order, with their results, until these have so many bytes. At least one, if it exists. */
  outcomes(parent: TaskId, children: readonly TaskId[], bytes: number): Promise<readonly StoredOutcome[]>

  /** The children whose ends will be counted for the task: how many, and the first by id, at most `limit`. */
  watched(parent: TaskId, limit: number): Promise<WatchedChildren>
}

/** At most `joinedAtOnce` children. */
export type WatchRequest = Readonly<{
  id: TaskId
  fence: Fence
  policy: JoinPolicy
  children: readonly TaskId[]
  anew: boolean
}>

/** `news`: of the task when it was asked for. `states`: as in `states`; only those that have not ended are watched. */
export type Watched = Readonly<{ news: number; states: readonly ChildState[] }>

/** `unreadable`: why its result cannot be decrypted, as a clause. */
export type StoredOutcome = Readonly<{ task: Task; result: Json | null; unreadable?: string }>

export type WatchedChildren = Readonly<{ count: number; tasks: readonly Task[] }>

/** Nothing if it is no child of this task. */
export function childState(parent: TaskId, child: Task | undefined): ChildState[] {
  if (child?.parent?.id !== parent) return []
  const { id, status, completedAt } = child
  return [{ id, status, completedAt }]
}

/** The first outcomes until their results have so many bytes. */
export function firstOutcomes(outcomes: Iterable<StoredOutcome>, bytes: number): StoredOutcome[] {
  const first: StoredOutcome[] = []
  let size = 0
  for (const outcome of outcomes) {
    first.push(outcome)
    size += outcome.result === null ? 0 : Buffer.byteLength(outcome.result)
    if (size >= bytes) break
  }
  return first
}
