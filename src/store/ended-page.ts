import { fits } from '../core/filter.ts'
import type { Task } from '../core/task.ts'
import type { EndedCursor, EndedPage, EndedQuery } from './store.ts'

/** A finished task with its row. */
export type EndedRow = Readonly<{ rowId: number; task: Task }>

/** The page of these rows: the first `scan` in order, as the query of a store returned them. */
export function endedPageOf(rows: readonly EndedRow[], { filter, scan }: EndedQuery): EndedPage {
  const last = rows.length < scan ? undefined : rows.at(-1)
  return {
    tasks: rows.filter(({ task }) => fits(task, filter)).map(({ task }) => task),
    next: last === undefined ? null : { endedAt: last.task.completedAt ?? 0, rowId: last.rowId },
  }
}

/** Before the first row of the first page. */
export function startOf({ order, from, until, after }: EndedQuery): EndedCursor {
  return after ?? { endedAt: order === 'newest' ? until : from, rowId: -1 }
}
