import type { Origin } from './caller.ts'
import type { Filter } from './filter.ts'
import type { Key } from './keys.ts'
import type { Operation } from './operation.ts'
import type { TaskId } from './task.ts'

/** What callers can change. */
export const auditActions = [
  'task.submit',
  'task.pause',
  'task.resume',
  'task.cancel',
  'task.retry',
  'task.purge',
  'task.answer',
  'bulk.pause',
  'bulk.resume',
  'bulk.cancel',
  'bulk.retry',
  'bulk.purge',
  'operation.cancel',
  'type.hold',
  'type.release',
  'key.create',
  'key.rotate',
  'key.revoke',
  'schedule.create',
  'schedule.update',
  'schedule.delete',
  'schedule.pause',
  'schedule.resume',
  'schedule.run',
  'schedule.backfill',
  'worker.register',
  'limit.set',
  'limit.delete',
  'webhook.create',
  'webhook.update',
  'webhook.delete',
  'webhook.rotate',
  'webhook.test',
  'webhook.redeliver',
] as const
export type AuditAction = (typeof auditActions)[number]

/** One change that a caller has made. */
export type AuditEntry = Readonly<{
  /** A number, unique in the database. */
  id: string
  at: number
  /** `id`: of its key; null without one. */
  caller: Readonly<{ id: string | null; name: string }>
  action: AuditAction
  /** Null if it is about several tasks, or none. */
  taskId: TaskId | null
  /** What else was changed: the type of a submit or hold, a key, or an operation, which has no name. */
  target: Readonly<{ id: string | null; name: string | null }> | null
  /** Of a bulk operation. */
  filter: Filter | null
  /** Tasks that were changed; null if it is not about tasks. That of a running operation still rises. */
  count: number | null
  reason: string | null
  requestId: string | null
}>

/** The store adds id and time. */
export type NewEntry = Omit<AuditEntry, 'id' | 'at'>

type Subject = Partial<Pick<NewEntry, 'taskId' | 'target' | 'filter' | 'count'>>

/** The entry of a change. */
export function entryOf(
  { caller, reason, requestId }: Origin,
  action: AuditAction,
  { taskId = null, target = null, filter = null, count = null }: Subject,
): NewEntry {
  const { id, name } = caller
  return {
    caller: { id, name },
    action,
    taskId,
    target,
    filter,
    count,
    reason: reason ?? null,
    requestId: requestId ?? null,
  }
}

/** The entry of an answer, of which the log tells the name of the wait. */
export function answerEntry(origin: Origin, taskId: TaskId, wait: string): NewEntry {
  return entryOf(origin, 'task.answer', { taskId, target: { id: null, name: wait }, count: 1 })
}

/** The entry of a change of a key, of which the log tells id and name. */
export function keyEntry(
  origin: Origin,
  action: 'key.create' | 'key.rotate' | 'key.revoke',
  { id, name }: Pick<Key, 'id' | 'name'>,
): NewEntry {
  return entryOf(origin, action, { target: { id, name } })
}

/** The entry of a change of a schedule. */
export function scheduleEntry(
  origin: Origin,
  action: Extract<AuditAction, `schedule.${string}`>,
  id: string,
  taskId: TaskId | null = null,
): NewEntry {
  return entryOf(origin, action, { taskId, target: { id, name: null }, count: taskId === null ? null : 1 })
}

/** The entry of a change of a limit. */
export function limitEntry(
  origin: Origin,
  action: Extract<AuditAction, `limit.${string}`>,
  name: string,
): NewEntry {
  return entryOf(origin, action, { target: { id: null, name } })
}

/** The entry of a change of a webhook. */
export function webhookEntry(
  origin: Origin,
  action: Extract<AuditAction, `webhook.${string}`>,
  id: string,
): NewEntry {
  return entryOf(origin, action, { target: { id, name: null } })
}

/** The entry of a hold or its end. */
export function holdEntry(origin: Origin, type: string, held: boolean): NewEntry {
  return entryOf(origin, held ? 'type.hold' : 'type.release', { target: { id: null, name: type } })
}

/** The entry of the start of an operation, which has changed nothing yet; undefined if it changes nothing. */
export function operationEntry(
  origin: Origin,
  { id, action, filter, dryRun }: Operation,
): NewEntry | undefined {
  if (dryRun || action === 'backfill') return undefined
  return entryOf(origin, `bulk.${action}`, { target: { id, name: null }, filter, count: 0 })
}

/** The entry of the request to end an operation. */
export function cancelEntry(origin: Origin, id: string): NewEntry {
  return entryOf(origin, 'operation.cancel', { target: { id, name: null } })
}

/** How a change of tasks is recorded: in entries of its own, or in the count of the entry of its operation. */
export type Audit = Origin | Readonly<{ operation: Pick<Operation, 'id' | 'createdAt'> }>

/** Times in Unix milliseconds. */
export type AuditFilter = Readonly<{
  /** The name of a caller. */
  caller?: string
  action?: AuditAction
  taskId?: TaskId
  /** At or after this time. */
  after?: number
  /** Before this time. */
  before?: number
}>
