import { createHash } from 'node:crypto'
import type { AuditFilter } from '../core/audit.ts'
import { OptionsInvalid } from '../core/errors.ts'
import type { Filter, Order } from '../core/filter.ts'
import type { TaskId } from '../core/task.ts'
import type { AuditCursor } from '../store/audit-log.ts'
import type { ListCursor } from '../store/store.ts'

/** The position in a list: where its last page ended, and how much of a search is done. */
export type Progress = Readonly<{
  after: ListCursor
  /** Candidates that a search has read. */
  looked: number
  /** Whether the search skips older tasks. */
  limited: boolean
}>

/** An opaque text. It is bound to its filter and order: with others, it would silently skip tasks. */
export function cursorOf({ after, looked, limited }: Progress, filter: Filter, order: Order): string {
  const fields = [after.at, after.rowId, looked, limited ? 1 : 0]
  return Buffer.from(`${fields.join('.')}.${mark(fields, filter, order)}`).toString('base64url')
}

/**
 * Throws `OptionsInvalid` for text that is not a cursor, or that belongs to another list. Anyone can forge a cursor, so
 * nothing in it is trusted: a search that has used its whole `budget` has no next page, and whatever else a cursor says, its
 * page is limited like the first one.
 */
export function progressOf(cursor: string, filter: Filter, order: Order, budget: number): Progress {
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  const [, fields = '', found] = /^(\d{1,16}\.\d{1,16}\.\d{1,16}\.[01])\.([\w-]{12})$/.exec(text) ?? []
  const [at = 0, n = 0, looked = 0, limited = 0] = fields.split('.').map(Number)
  const isSane = [at, n, looked].every(Number.isSafeInteger) && looked < budget
  if (isSane && found === mark([at, n, looked, limited], filter, order)) {
    return { after: { at, rowId: n }, looked, limited: limited === 1 }
  }
  throw foreign()
}

/** The position in an order by duration: the task with which the last page ended. */
export type TookCursor = Readonly<{
  /** The list leaves out tasks that were submitted at or after this time. */
  until: number
  /** Milliseconds. */
  took: number
  id: TaskId
}>

/** An opaque text, bound to its filter and order. */
export function tookCursorOf({ until, took, id }: TookCursor, filter: Filter, order: string): string {
  return Buffer.from(`${until}.${took}.${mark([until, took, id], filter, order)}.${id}`).toString('base64url')
}

/** Throws `OptionsInvalid` for text that is not a cursor, or that belongs to another list. */
export function tookPlaceOf(cursor: string, filter: Filter, order: string): TookCursor {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [, first, second, found, id = ''] = /^(\d{1,16})\.(\d{1,16})\.([\w-]{12})\.(.+)$/.exec(text) ?? []
  const [until, took] = [Number(first), Number(second)]
  const isSane = [until, took].every(Number.isSafeInteger)
  if (isSane && found === mark([until, took, id], filter, order)) return { until, took, id }
  throw foreign()
}

/** The same for a position in the audit log, bound to its filter. */
export function auditCursorOf({ at, number }: AuditCursor, filter: AuditFilter): string {
  return Buffer.from(`${at}.${number}.${auditMark([at, number], filter)}`).toString('base64url')
}

/** Throws `OptionsInvalid` for text that is not a cursor, or that belongs to another filter. */
export function auditPlaceOf(cursor: string, filter: AuditFilter): AuditCursor {
  const text = Buffer.from(cursor, 'base64url').toString('latin1')
  const [, fields = '', found] = /^(\d{1,16}\.\d{1,16})\.([\w-]{12})$/.exec(text) ?? []
  const [at = 0, number = 0] = fields.split('.').map(Number)
  const isSane = [at, number].every(Number.isSafeInteger)
  if (isSane && found === auditMark([at, number], filter)) return { at, number }
  throw foreign()
}

function foreign(): OptionsInvalid {
  return new OptionsInvalid([
    { path: 'cursor', message: 'must be the next_cursor of a page with the same filter and order' },
  ])
}

function auditMark(
  fields: readonly number[],
  { caller, action, taskId, after, before }: AuditFilter,
): string {
  return markOf(['audit', fields, caller, action, taskId, after, before])
}

function mark(fields: readonly (number | string)[], filter: Filter, order: string): string {
  const { statuses, types, tag, anyTag, createdBy, fingerprint, text, createdAfter, createdBefore } = filter
  const { parent, tookMin, tookMax } = filter
  const tagged = [tag, anyTag, createdBy, fingerprint, ...(parent === undefined ? [] : [parent])]
  return markOf([fields, order, statuses, types, tagged, text, createdAfter, createdBefore, tookMin, tookMax])
}

function markOf(meant: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(meant)).digest('base64url').slice(0, 12)
}
