import { TaskError } from './errors.ts'
import {
  isActive,
  type ErrorRecord,
  type Fence,
  type Json,
  type Parent,
  type Task,
  type TaskId,
} from './task.ts'

/**
 * A task may start others while it runs: its children. A child is committed under the task, a name and the occurrence of that name in
 * a run, so a later run of the task finds it instead of starting another one.
 */

/** Characters of a name; children of a task; how deep children may have children; and how many a run starts with one write. */
export const childLimits = { name: 200, children: 10_000, depth: 20, atOnce: 500 } as const

/** How the keys of children begin: no caller can send such a key. */
export const childKeyPrefix = '\u0001child:'

/**
 * The idempotency key of a child. It has no `requestHash` in common with a submit: what a later run asks for may differ, and the first
 * request counts.
 */
export function childKey({ id, name, occurrence }: Pick<Parent, 'id' | 'name' | 'occurrence'>): string {
  return `${childKeyPrefix}${id}:${occurrence}:${name}`
}

/** Stands for the hash of a request: the same name cannot stand for tasks of two types. */
export function childHash(type: string): string {
  return `${childKeyPrefix}${type}`
}

/** Whether this run may start children. */
export function mayStartChildren(task: Task | undefined, fence: Fence): boolean {
  return task?.fence === fence && isActive(task.status)
}

/** Why a finished child is not deleted, as a clause. */
export const keptReason = 'its parent has not ended, and may ask for it again'

/** As a clause. */
export function parentEndedReason(id: TaskId, status: Task['status']): string {
  const ended =
    status === 'completed' ? 'has completed' : status === 'failed' ? 'has failed' : 'was cancelled'
  return `its parent, task ${id}, ${ended}`
}

/** Children of one type that a run starts at once. Documents and options come from the code as they are. */
export type SpawnRequest = Readonly<{
  type: string
  name: string
  options: Readonly<Record<string, unknown>>
  children: readonly Readonly<{ occurrence: number; parameters: Json }>[]
}>

/** The ids of the children, in order; or why none was started. */
export type Spawned =
  | Readonly<{ kind: 'started'; ids: readonly TaskId[] }>
  | Readonly<{ kind: 'refused'; error: ErrorRecord }>

export class TooManyChildren extends TaskError {
  readonly code = 'TOO_MANY_CHILDREN'

  constructor() {
    super(
      `A task starts at most ${childLimits.children} children. Give each more to do, or let children start the rest.`,
    )
  }
}

export class ChildrenTooDeep extends TaskError {
  readonly code = 'CHILDREN_TOO_DEEP'

  constructor() {
    super(
      `Children are started at most ${childLimits.depth} levels deep. Submit the task without a parent instead.`,
    )
  }
}

/** The name stands for a child of another type, which an earlier run has started. */
export class ChildTaken extends TaskError {
  readonly code = 'CHILD_TAKEN'

  constructor({ name, occurrence }: Pick<Parent, 'name' | 'occurrence'>, id: TaskId) {
    super(
      `The child ${childTitle(name, occurrence)} is task ${id}, which has another type. Give the new child another name.`,
    )
  }
}

/** How people read it: the occurrence only matters for a name that is used again. */
export function childTitle(name: string, occurrence: number): string {
  return occurrence === 1 ? JSON.stringify(name) : `${JSON.stringify(name)} (${occurrence})`
}

/** Throws `TypeError` or `RangeError`. */
export function mustBeChildName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError('The name of a child must be text.')
  if (name === '' || name.length > childLimits.name)
    throw new RangeError(`The name of a child must have 1 to ${childLimits.name} characters.`)
}
