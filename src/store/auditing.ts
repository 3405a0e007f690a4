import { entryOf, type Audit, type AuditAction, type AuditEntry, type NewEntry } from '../core/audit.ts'
import type { Filter } from '../core/filter.ts'
import type { BulkAction, Operation } from '../core/operation.ts'
import type { Task, TaskId } from '../core/task.ts'
import type { AuditCursor, AuditPage, AuditQuery } from './audit-log.ts'
import type { Value } from './columns.ts'
import type { Submitted, SubmitOptions } from './store.ts'

/** What changes add to the audit log, and how its rows are read, for all SQL stores. */

export type Audited = Readonly<{
  entries: readonly NewEntry[]
  /** Adds to the count in the entry of this operation. */
  counted: Readonly<{ operation: Pick<Operation, 'id' | 'createdAt'>; tasks: number }> | null
}>

/** Of tasks that were changed. */
export function auditedTasks(
  audit: Audit | undefined,
  changed: readonly Readonly<{ id: TaskId; action: BulkAction }>[],
): Audited | undefined {
  if (audit === undefined || changed.length === 0) return undefined
  if ('operation' in audit) {
    return { entries: [], counted: { operation: audit.operation, tasks: changed.length } }
  }
  const entries = changed.map(({ id, action }) => entryOf(audit, `task.${action}`, { taskId: id, count: 1 }))
  return { entries, counted: null }
}

/** Of tasks that a submit has replaced. */
export function auditedReplaced({ audit }: SubmitOptions, answer: Submitted): Audited | undefined {
  if (answer.kind !== 'accepted' || answer.moved === undefined) return undefined
  const cancelled = answer.moved.filter(({ entry }) => entry.event === 'cancelled')
  return auditedTasks(
    audit,
    cancelled.map(({ task: { id } }) => ({ id, action: 'cancel' })),
  )
}

/** One entry for all tasks that a call creates or gives newer parameters; undefined if there are none, or if it is not audited. */
export function auditedSubmit({ audit }: SubmitOptions, answer: Submitted): NewEntry | undefined {
  if (audit === undefined || answer.kind !== 'accepted') return undefined
  let first: Task | undefined
  let count = 0
  let isOneType = true
  const debounced = new Set(
    answer.moved?.map(({ task: { id }, entry }) => (entry.event === 'debounced' ? id : null)),
  )
  for (const { replayed, task } of answer.tasks) {
    if (replayed && !debounced.has(task.id)) continue
    first ??= task
    count += 1
    isOneType &&= task.type === first.type
  }
  if (first === undefined) return undefined
  const target = isOneType ? { id: null, name: first.type } : null
  return entryOf(audit, 'task.submit', { taskId: count === 1 ? first.id : null, target, count })
}

/** The columns of an entry after its time and number. */
export const auditColumns = [
  { name: 'caller_id', type: 'text' },
  { name: 'caller', type: 'text' },
  { name: 'action', type: 'text' },
  { name: 'task_id', type: 'text' },
  { name: 'target_id', type: 'text' },
  { name: 'target', type: 'text' },
  { name: 'filter', type: 'text' },
  { name: 'tasks', type: 'bigint' },
  { name: 'reason', type: 'text' },
  { name: 'request_id', type: 'text' },
] as const

/** `encode`: how the store keeps a text. */
export function auditValues(
  { caller, action, taskId, target, filter, count, reason, requestId }: NewEntry,
  encode: (text: string) => string = same,
): Value[] {
  const text = (value: string | null | undefined) => (value == null ? null : encode(value))
  return [
    text(caller.id),
    encode(caller.name),
    action,
    text(taskId),
    text(target?.id),
    text(target?.name),
    text(filter === null ? null : JSON.stringify(filter)),
    count,
    text(reason),
    text(requestId),
  ]
}

/** Of the time, the number and `auditColumns`. */
export function entryOfRow(row: readonly unknown[], decode: (text: string) => string = same): AuditEntry {
  const [at, number, callerId, name, action, taskId, targetId, target, filter, count, reason, requestId] =
    row as readonly (string | number | null)[]
  const text = (value: string | number | null | undefined) => (value == null ? null : decode(String(value)))
  const [targetIdText, targetText, filterText] = [text(targetId), text(target), text(filter)]
  return {
    id: String(number),
    at: Number(at),
    caller: { id: text(callerId), name: text(name) ?? '' },
    action: action as AuditAction,
    taskId: text(taskId),
    target: targetIdText === null && targetText === null ? null : { id: targetIdText, name: targetText },
    filter: filterText === null ? null : (JSON.parse(filterText) as Filter),
    count: count === null ? null : Number(count),
    reason: text(reason),
    requestId: text(requestId),
  }
}

/** From where the candidates of a query are read. */
export function auditWay({ filter }: AuditQuery): 'task' | 'action' | 'caller' | 'all' {
  if (filter.taskId !== undefined) return 'task'
  if (filter.action !== undefined && filter.action !== 'task.submit') return 'action'
  return filter.caller === undefined ? 'all' : 'caller'
}

/** The page of the candidates that were read. */
export function auditPage(
  { filter: { taskId, action, caller }, scan }: AuditQuery,
  candidates: readonly AuditEntry[],
): AuditPage {
  const entries = candidates.filter(
    (entry) =>
      (taskId === undefined || entry.taskId === taskId) &&
      (action === undefined || entry.action === action) &&
      (caller === undefined || entry.caller.name === caller),
  )
  return { entries, next: candidates.length < scan ? null : placeOf(candidates.at(-1)) }
}

function placeOf(entry: AuditEntry | undefined): AuditCursor | null {
  return entry === undefined ? null : { at: entry.at, number: Number(entry.id) }
}

function same(text: string): string {
  return text
}
