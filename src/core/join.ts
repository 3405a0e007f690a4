import { childTitle, childLimits } from './child.ts'
import type { JoinPolicy } from './dependency.ts'
import { NonRetryableError, TaskError } from './errors.ts'
import { isTerminal, type ErrorRecord, type Json, type Parent, type Status, type TaskId } from './task.ts'

/**
 * A task may wait for its children. What it waits for is an edge per child, as between tasks that wait for each other; a run that waits
 * again replaces them. An end that may decide a join is news for the task and removes its edges, so a task is told once and looks again.
 */

/** `all`: until all have completed or one has not. `any`: until one has completed. `settled`: until all have ended. */
export const joinModes = ['all', 'any', 'settled'] as const
export type JoinMode = (typeof joinModes)[number]

/** Children that a store looks at with one read, or watches with one write. */
export const joinedAtOnce = 500

/** Bytes of results that are read at once. */
export const outcomeBytes = 4_194_304

/** What a run asks for when it joins children. */
export type JoinRequest = Readonly<{
  mode: JoinMode
  children: readonly TaskId[]
  /** Those for which other parts of its code wait. */
  others: readonly TaskId[]
}>

/** How a child is. `completedAt`: null unless it has ended. */
export type ChildState = Readonly<{ id: TaskId; status: Status; completedAt: number | null }>

/** How a join is when a run looks. */
export type JoinState =
  /** All have ended and, for `all`, completed. */
  | Readonly<{ kind: 'ended' }>
  /** This one decides: for `any` the first that completed, for `all` the first that did not. */
  | Readonly<{ kind: 'decided'; id: TaskId }>
  /** None of them completed. */
  | Readonly<{ kind: 'none' }>
  /** `seen`: `news` of the task at that moment; `left`: how many have not ended. */
  | Readonly<{ kind: 'open'; seen: number; left: number }>
  /** The task has no such child. */
  | Readonly<{ kind: 'unknown'; id: TaskId }>

/** How a child has ended, as its parent reads it. */
export type ChildOutcome = Readonly<{
  id: TaskId
  status: Status
  result: Json | null
  error: ErrorRecord | null
  /** Why its result cannot be decrypted, as a clause. */
  unreadable?: string
}>

/** Undefined while nothing is decided. An unknown child is null. */
export function decisionOf(
  mode: JoinMode,
  children: readonly TaskId[],
  states: ReadonlyMap<TaskId, ChildState>,
): Exclude<JoinState, { kind: 'open' }> | undefined {
  const unknown = children.find((id) => !states.has(id))
  if (unknown !== undefined) return { kind: 'unknown', id: unknown }
  const all = children.map((id) => states.get(id)!)
  const ended = all.filter(({ status }) => isTerminal(status))
  if (mode !== 'settled') {
    const deciding = ended.filter(({ status }) => (status === 'completed') === (mode === 'any'))
    const [first] = deciding.toSorted((a, b) => (a.completedAt ?? 0) - (b.completedAt ?? 0))
    if (first !== undefined) return { kind: 'decided', id: first.id }
  }
  if (ended.length < all.length) return undefined
  return mode === 'any' ? { kind: 'none' } : { kind: 'ended' }
}

/** What an end means to the task: with several joins side by side, each end may decide one of them. */
export function policyFor({ mode, others }: Pick<JoinRequest, 'mode' | 'others'>): JoinPolicy {
  return others.length > 0 ? 'join_each' : `join_${mode}`
}

/** `all` needs the result of each, and one has none. The next attempt would find the same child, so this is final. */
export class ChildFailed extends NonRetryableError {
  override readonly code = 'CHILD_FAILED'
  override get name(): string {
    return 'ChildFailed'
  }
  readonly child: Pick<Parent, 'id' | 'name' | 'occurrence'>
  /** Null if it was cancelled. */
  readonly error: ErrorRecord | null

  constructor(
    child: Pick<Parent, 'id' | 'name' | 'occurrence'>,
    { status, error }: Pick<ChildOutcome, 'status' | 'error'>,
  ) {
    const why = status === 'failed' ? `has failed: ${error?.message ?? ''}` : 'was cancelled'
    super(`The child ${childTitle(child.name, child.occurrence)}, task ${child.id}, ${why}`)
    this.child = child
    this.error = error
  }
}

/** `any` needs one result, and there is none. Final, as for `ChildFailed`. */
export class NoChildCompleted extends NonRetryableError {
  override readonly code = 'NO_CHILD_COMPLETED'
  override get name(): string {
    return 'NoChildCompleted'
  }

  constructor(count: number) {
    super(
      count === 0
        ? 'There are no children of which one could complete.'
        : `None of the ${count} children has completed.`,
    )
  }
}

/** What is joined is no child of the task, or was deleted. */
export class ChildUnknown extends TaskError {
  readonly code = 'CHILD_UNKNOWN'

  constructor(id: TaskId) {
    super(
      `The task has no child ${id}. Join what spawn has returned in this run: children of earlier runs are found again by it.`,
    )
  }
}

/** The ids of children, each once. Throws `TypeError` or `RangeError`. */
export function joinedIds(children: unknown): TaskId[] {
  if (!Array.isArray(children)) throw new TypeError('The children to join must be a list.')
  const ids = children.map((child: unknown) => {
    const id = (child as Readonly<{ id?: unknown }> | null)?.id
    if (typeof id !== 'string' || id === '')
      throw new TypeError('What is joined must be children, as spawn returns them.')
    return id
  })
  const unique = [...new Set(ids)]
  if (unique.length > childLimits.children)
    throw new RangeError(`At most ${childLimits.children} children can be joined.`)
  return unique
}
