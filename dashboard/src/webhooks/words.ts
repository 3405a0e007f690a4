import type { DeliveryDetails, WebhookDetails, WebhookDraft } from '../../../src/client/index.ts'
import { statusName } from '../data/statuses.ts'
import { say } from '../language/say.ts'

export type Event = WebhookDraft['events'][number]

/** The events that can be chosen, as people call them. */
export const eventNames: Readonly<Record<Event, string>> = {
  'task.completed': say.common.completed,
  'task.failed': say.common.failed,
  'task.cancelled': say.common.cancelled,
  'task.paused': say.common.paused,
  'task.running': say.common.running,
  'task.queued': say.common.queued,
  'task.scheduled': say.common.scheduled,
  'task.waiting': say.common.waiting,
  'task.pausing': say.webhooks.pausing,
  'task.cancelling': say.webhooks.cancelling,
  'task.*': say.webhooks.allOfThem,
}

/** When it sends messages: "When the status becomes completed or failed". */
export function eventsWords(events: readonly Event[]): string {
  return events.includes('task.*')
    ? say.webhooks.allEvents
    : say.webhooks.when(events.map((event) => statusName(event.slice('task.'.length))))
}

/** Which tasks it covers, by type and tag; empty for all tasks. */
export function filterWords({ types, tags }: Pick<WebhookDetails, 'types' | 'tags'>): string {
  const parts = [
    ...(types === null ? [] : [say.webhooks.ofTypes(types.join(', '))]),
    ...(tags === null ? [] : [say.webhooks.ofTags(tags.join(', '))]),
  ]
  return parts.length === 0 ? '' : say.webhooks.onlyFor(parts)
}

export function stateWords({ paused, paused_reason: why }: WebhookDetails): string {
  return paused ? say.webhooks.pausedBy(why ?? '') : say.webhooks.active
}

/** Comma-separated; null if there is nothing. */
export function listOf(text: string): string[] | null {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  return items.length === 0 ? null : items
}

export const deliveryStates: Readonly<Record<DeliveryDetails['status'], string>> = {
  pending: say.webhooks.pending,
  delivered: say.webhooks.delivered,
  dead: say.webhooks.dead,
}

export function webhookPath(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`
}
