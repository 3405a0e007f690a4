import { isByEnd, isCandidate, isNewestFirst, matches, type Order } from '../../core/filter.ts'
import type { Json, Task } from '../../core/task.ts'
import { unlimitedReads, type Page, type ListCursor, type Query } from '../store.ts'

/** A task in a list. */
export type Listed = Readonly<{
  /** Its submission number. */
  rowId: number
  task: Task
  parameters: Json
}>

/** The page of these tasks, computed in the simplest way. */
export function pageOf<Kept extends Listed, Entry>(
  all: readonly Kept[],
  { filter, order, after, limit, scan, reads = unlimitedReads, searched }: Query,
  /** Also returns how much of the parameters it shows. `cut`: their size, if they are too large to be shown. */
  entryOf: (kept: Kept, cut: number | null) => Readonly<{ entry: Entry; shown: number }>,
): Page<Entry> {
  const direction = isNewestFirst(order) ? -1 : 1
  const placeOf = placeIn(order)
  const candidates = all
    .filter(({ task }) => isCandidate(task, filter, order))
    .filter((kept) => after === null || direction * difference(placeOf(kept), after) > 0)
    .sort((a, b) => direction * difference(placeOf(a), placeOf(b)))
  const entries: Entry[] = []
  let looked = 0
  let read = 0
  for (const kept of candidates) {
    if (looked >= scan || entries.length >= limit || read >= reads.total) break
    looked += 1
    const size = Buffer.byteLength(kept.parameters)
    let bytes = 0
    const parameters = () => {
      bytes = size
      return kept.parameters
    }
    if (matches(kept.task, parameters, filter, searched)) {
      const { entry, shown } = entryOf(kept, size > reads.largest ? size : null)
      entries.push(entry)
      read += Math.max(bytes, shown)
    } else read += bytes
  }
  const last = candidates[looked - 1]
  const next = last === undefined ? after : placeOf(last)
  return { entries, next: looked === candidates.length ? null : next, looked }
}

function placeIn(order: Order): (listed: Listed) => ListCursor {
  return ({ rowId, task }) => ({ at: isByEnd(order) ? (task.completedAt ?? 0) : task.createdAt, rowId })
}

function difference(a: ListCursor, b: ListCursor): number {
  return a.at - b.at || a.rowId - b.rowId
}
