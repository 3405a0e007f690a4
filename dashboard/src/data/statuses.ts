import type { Status } from './shapes.ts'

/** All statuses, in lifecycle order. */
const order: Readonly<Record<Status, number>> = {
  scheduled: 0,
  queued: 1,
  running: 2,
  pausing: 3,
  paused: 4,
  cancelling: 5,
  completed: 6,
  failed: 7,
  cancelled: 8,
}

export const statuses = (Object.keys(order) as Status[]).toSorted((a, b) => order[a] - order[b])

export function isStatus(text: string): text is Status {
  return Object.hasOwn(order, text)
}
