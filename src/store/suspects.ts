import type { QueuePosition } from './store.ts'

/** A queued task that a claim may take. */
type Candidate = QueuePosition & Readonly<{ type: string }>

/** The first suspect of a type, and how many tasks of the type may be claimed. */
export type SuspectHead<Head extends Candidate> = Readonly<{ head: Head; room: number }>

/**
 * What a claim takes if its node may run one more suspect: the first suspect with room, in its position among the `heads`.
 * Those are the other tasks it may take, in queue order.
 */
export function withSuspect<Head extends Candidate>(
  heads: readonly Head[],
  suspects: readonly SuspectHead<Head>[],
  limit: number,
): Head[] {
  const chosen = suspects
    .toSorted((a, b) => inQueue(a.head, b.head))
    .find(
      ({ head, room }) =>
        heads.filter((each) => each.type === head.type && inQueue(each, head) < 0).length < room,
    )
  if (chosen === undefined) return heads.slice(0, limit)
  const { head: suspect, room } = chosen
  const ofType = heads.filter(({ type }) => type === suspect.type)
  const displaced = ofType.length < room ? undefined : ofType.at(-1)
  return [...heads.filter((each) => each !== displaced), suspect].sort(inQueue).slice(0, limit)
}

/** In queue order. */
export function inQueue(a: QueuePosition, b: QueuePosition): number {
  return b.priority - a.priority || a.queuePosition - b.queuePosition
}
