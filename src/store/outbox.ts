import type { Status, TaskId } from '../core/task.ts'
import { deliveriesOf, deliveryCountOf, type TaskEvent } from '../core/webhook.ts'
import type { EventImages } from './transfer.ts'

/**
 * What a commit tells, as the SQL stores keep it until it is distributed to receivers: one row for all of its events, so that it costs the
 * commit next to nothing.
 */
export type PackedEvents = Readonly<{
  /** How many it becomes. */
  deliveries: number
  /** Of its last event. */
  at: number
  body: string
}>

/** Receivers are an index of their list. */
type Row = readonly [
  to: number,
  id: TaskId,
  type: string,
  status: Status,
  version: number,
  at: number,
  rest?: Partial<Pick<TaskEvent, 'tags' | 'error' | 'callback'>>,
]
type Body = readonly [to: readonly (readonly string[])[], events: readonly Row[]]

/** Deliveries of a row, unless a single event has more: it is distributed as a whole. */
const mostOfRow = 250

/** In the same order. */
export function packed(events: readonly TaskEvent[]): PackedEvents[] {
  const all: PackedEvents[] = []
  for (let next = 0; next < events.length;) {
    const lists: (readonly string[])[] = []
    const known = new Map<string, number>()
    const rows: Row[] = []
    let [deliveries, at] = [0, 0]
    for (; next < events.length && deliveries < mostOfRow; next++) {
      const event = events[next]!
      const name = event.to.join(' ')
      let to = known.get(name)
      if (to === undefined) {
        to = lists.push(event.to) - 1
        known.set(name, to)
      }
      rows.push(rowOf(event, to))
      deliveries += deliveryCountOf(event)
      at = event.at
    }
    const body: Body = [lists, rows]
    all.push({ deliveries, at, body: JSON.stringify(body) })
  }
  return all
}

export function unpacked(body: string): TaskEvent[] {
  const [lists, rows] = JSON.parse(body) as Body
  return rows.map(([to, id, type, status, version, at, rest = {}]) => {
    const { tags = [], error = null, callback = null } = rest
    return { to: lists[to]!, callback, id, type, status, version, at, tags, error }
  })
}

/** For a copy of the database. */
export function eventImages(number: number, body: string): EventImages {
  return { deliveries: unpacked(body).flatMap(deliveriesOf), last: number }
}

function rowOf({ id, type, status, version, at, tags, error, callback }: TaskEvent, to: number): Row {
  if (tags.length === 0 && error === null && callback === null) return [to, id, type, status, version, at]
  const rest = {
    ...(tags.length > 0 && { tags }),
    ...(error !== null && { error }),
    ...(callback !== null && { callback }),
  }
  return [to, id, type, status, version, at, rest]
}
