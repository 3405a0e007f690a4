import type { AuditAction, AuditQuery } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'

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
  'task.submit': say.common.submitted,
  'task.pause': say.common.paused,
  'task.resume': say.audit.resumed,
  'task.cancel': say.common.cancelled,
  'task.retry': say.audit.retried,
  'task.purge': say.audit.deleted,
  'task.answer': say.audit.answered,
  'bulk.pause': say.audit.bulkPause,
  'bulk.resume': say.audit.bulkResume,
  'bulk.cancel': say.audit.bulkCancel,
  'bulk.retry': say.audit.bulkRetry,
  'bulk.purge': say.audit.bulkDelete,
  'operation.cancel': say.audit.stoppedABulkAction,
  'type.hold': say.audit.heldAType,
  'type.release': say.audit.releasedAType,
  'key.create': say.audit.createdAKey,
  'key.rotate': say.audit.rotatedAKey,
  'key.revoke': say.audit.revokedAKey,
  'schedule.create': say.audit.createdASchedule,
  'schedule.update': say.audit.replacedASchedule,
  'schedule.delete': say.audit.deletedASchedule,
  'schedule.pause': say.audit.pausedASchedule,
  'schedule.resume': say.audit.resumedASchedule,
  'schedule.run': say.audit.ranASchedule,
  'schedule.backfill': say.audit.backfilledASchedule,
  'worker.register': say.audit.registeredAWorker,
  'limit.set': say.audit.setALimit,
  'limit.delete': say.audit.deletedALimit,
  'webhook.create': say.audit.createdAWebhook,
  'webhook.update': say.audit.changedAWebhook,
  'webhook.delete': say.audit.deletedAWebhook,
  'webhook.rotate': say.audit.rotatedAWebhook,
  'webhook.test': say.audit.testedAWebhook,
  'webhook.redeliver': say.audit.sentMessagesAgain,
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
