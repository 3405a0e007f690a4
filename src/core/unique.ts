import { isTerminal, type Task, type TaskId } from './task.ts'

/** The identity of a key: keys of different types never conflict. */
export function uniqueName(type: string, key: string): string {
  return `${type}\n${key}`
}

/** Whether the task has its key in its status. It may have lost the key to another task once its `for` was over. */
export function keepsKey({ unique, status, startedAt }: Task): boolean {
  if (unique === null || isTerminal(status)) return false
  return unique.while === 'unfinished' || startedAt === null
}

/** Whether a retry of this finished task takes its key again. */
export function retakesKey({ unique, startedAt }: Task): boolean {
  return unique !== null && (unique.while === 'unfinished' || startedAt === null)
}

/**
 * Whether a submit may cancel the task in the same commit, to take its place: none of its code is alive. Anything else would
 * leave two unfinished tasks with one key.
 */
export function isReplaceable({ status, ownerNode }: Task): boolean {
  return (
    ownerNode === null &&
    (status === 'waiting' || status === 'scheduled' || status === 'queued' || status === 'paused')
  )
}

/** The reason of a task that was replaced, for its timeline. */
export function replacedBy(id: TaskId): string {
  return `replaced by task ${id}, which has the same unique key`
}
