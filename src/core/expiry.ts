import { isUnstarted, type Task } from './task.ts'

/**
 * A task with `expiresIn` ends if it does not start in time. The time counts from the submit to the first start, without the time for
 * which the task is paused. `expiresAt` of a paused task is as it was when it was paused: what is left counts from `statusSince`.
 */

/** Its time is over: it must not start any more. */
export function isExpired({ expiresAt, status }: Pick<Task, 'expiresAt' | 'status'>, now: number): boolean {
  return expiresAt !== null && expiresAt <= now && isUnstarted(status)
}

/** When a task expires that is resumed now. */
export function expiryOnceResumed({ expiresAt, statusSince }: Task, now: number): number | null {
  return expiresAt === null ? null : now + Math.max(0, expiresAt - statusSince)
}

/** The whole time counts again: for a task that has newer parameters, and for one that is retried before it ever started. */
export function renewedExpiry(
  { expiresIn, startedAt, status, statusSince }: Task,
  now: number,
): number | null {
  if (expiresIn === null || startedAt !== null) return null
  return (status === 'paused' ? statusSince : now) + expiresIn
}
