import { say } from '../language/say.ts'
import type { Status } from './shapes.ts'

/** All statuses, in lifecycle order. */
const order: Readonly<Record<Status, number>> = {
  waiting: 0,
  scheduled: 1,
  queued: 2,
  running: 3,
  pausing: 4,
  paused: 5,
  cancelling: 6,
  completed: 7,
  failed: 8,
  cancelled: 9,
}

export const statuses = (Object.keys(order) as Status[]).toSorted((a, b) => order[a] - order[b])

/** Statuses of a newer server keep their own names. */
export function statusName(status: string): string {
  return isStatus(status) ? say.statuses[status] : status
}

export function isStatus(text: string): text is Status {
  return Object.hasOwn(order, text)
}
