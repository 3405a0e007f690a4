import type { AuditAction, AuditQuery } from '../../../src/client/index.ts'

/** The filters of the log, as in the URL. Times are Unix seconds. */
export type AuditFilters = Readonly<{
  caller: string
  action: AuditAction | null
  task: string
  from: number | null
  until: number | null
}>

export const noFilters: AuditFilters = { caller: '', action: null, task: '', from: null, until: null }

/** What callers can change, in words. */
export const actionNames: Readonly<Record<AuditAction, string>> = {
  'task.submit': 'Submitted',
  'task.pause': 'Paused',
  'task.resume': 'Resumed',
  'task.cancel': 'Cancelled',
  'task.retry': 'Retried',
  'task.purge': 'Deleted',
  'task.answer': 'Answered',
  'bulk.pause': 'Bulk pause',
  'bulk.resume': 'Bulk resume',
  'bulk.cancel': 'Bulk cancel',
  'bulk.retry': 'Bulk retry',
  'bulk.purge': 'Bulk delete',
  'operation.cancel': 'Stopped a bulk action',
  'type.hold': 'Held a type',
  'type.release': 'Released a type',
  'key.create': 'Created a key',
  'key.rotate': 'Rotated a key',
  'key.revoke': 'Revoked a key',
  'schedule.create': 'Created a schedule',
  'schedule.update': 'Replaced a schedule',
  'schedule.delete': 'Deleted a schedule',
  'schedule.pause': 'Paused a schedule',
  'schedule.resume': 'Resumed a schedule',
  'schedule.run': 'Ran a schedule',
  'schedule.backfill': 'Backfilled a schedule',
  'worker.register': 'Registered a worker',
  'limit.set': 'Set a limit',
  'limit.delete': 'Deleted a limit',
  'webhook.create': 'Created a webhook',
  'webhook.update': 'Changed a webhook',
  'webhook.delete': 'Deleted a webhook',
  'webhook.rotate': 'Rotated the secret of a webhook',
  'webhook.test': 'Tested a webhook',
  'webhook.redeliver': 'Sent messages again',
}

/** Reads filters from a URL; ignores what it does not understand. */
export function filtersOf(search: string): AuditFilters {
  const query = new URLSearchParams(search)
  const action = query.get('action')
  return {
    caller: query.get('caller') ?? '',
    action: action !== null && isAction(action) ? action : null,
    task: query.get('task') ?? '',
    from: time(query.get('from')),
    until: time(query.get('until')),
  }
}

/** The URL query for these filters; defaults are omitted. */
export function searchOf({ caller, action, task, from, until }: AuditFilters): string {
  const query = new URLSearchParams()
  if (caller !== '') query.set('caller', caller)
  if (action !== null) query.set('action', action)
  if (task !== '') query.set('task', task)
  if (from !== null) query.set('from', new Date(from * 1_000).toISOString())
  if (until !== null) query.set('until', new Date(until * 1_000).toISOString())
  return query.toString().replaceAll('%3A', ':')
}

export function requestOf({ caller, action, task, from, until }: AuditFilters): AuditQuery {
  return {
    caller: caller === '' ? undefined : caller,
    action: action ?? undefined,
    task_id: task === '' ? undefined : task,
    after: from ?? undefined,
    before: until ?? undefined,
  }
}

export function isAction(text: string): text is AuditAction {
  return Object.hasOwn(actionNames, text)
}

function time(text: string | null): number | null {
  const ms = Date.parse(text ?? '')
  return Number.isNaN(ms) ? null : ms / 1_000
}
