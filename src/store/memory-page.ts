import { isCandidate, matches } from '../core/filter.ts'
import type { Json, Task } from '../core/task.ts'
import type { Page, Place, Query } from './store.ts'

/** A task in a list. */
export type Listed = Readonly<{
  /** The number of its submission. */
  n: number
  task: Task
  parameters: Json
}>

/** What a page of these tasks is, in the plainest words. */
export function pageOf<Kept extends Listed, Entry>(
  all: readonly Kept[],
  { filter, order, after, limit, scan }: Query,
  entryOf: (kept: Kept) => Entry,
): Page<Entry> {
  const direction = order === 'newest' ? -1 : 1
  const candidates = all
    .filter(({ task }) => isCandidate(task, filter))
    .filter((kept) => after === null || direction * difference(placeOf(kept), after) > 0)
    .sort((a, b) => direction * difference(placeOf(a), placeOf(b)))
  const entries: Entry[] = []
  let looked = 0
  for (const kept of candidates) {
    if (looked === scan || entries.length === limit) break
    looked += 1
    if (matches(kept.task, () => kept.parameters, filter)) entries.push(entryOf(kept))
  }
  const last = candidates[looked - 1]
  const next = last === undefined ? after : placeOf(last)
  return { entries, next: looked === candidates.length ? null : next, looked }
}

function placeOf({ n, task }: Listed): Place {
  return { createdAt: task.createdAt, n }
}

function difference(a: Place, b: Place): number {
  return a.createdAt - b.createdAt || a.n - b.n
}
