import { fits } from '../core/filter.ts'
import type { Task } from '../core/task.ts'
import type { FailedPage, FailedQuery, FailedTask } from './store.ts'

/** A failed task with its row. */
export type FailedRow = Readonly<{ rowId: number; task: Task }>

/** The page of these rows: the first `scan` in order, as the query of a store returned them. */
export function failedPageOf(rows: readonly FailedRow[], { filter, scan }: FailedQuery): FailedPage {
  const last = rows.length < scan ? undefined : rows.at(-1)
  return {
    tasks: rows.filter(({ task }) => fits(task, filter)).map(({ task }) => failedOf(task)),
    next: last === undefined ? null : { failedAt: last.task.completedAt ?? 0, rowId: last.rowId },
  }
}

function failedOf({ id, type, completedAt, error }: Task): FailedTask {
  return {
    id,
    type,
    failedAt: completedAt ?? 0,
    code: error?.code ?? '',
    fingerprint: error?.fingerprint ?? null,
  }
}
