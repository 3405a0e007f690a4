import type { DeliveryDetails, WebhookDetails, WebhookDraft } from '../../../src/client/index.ts'

export type Event = WebhookDraft['events'][number]

/** The events that can be chosen, as people call them. */
export const eventNames: Readonly<Record<Event, string>> = {
  'task.completed': 'Completed',
  'task.failed': 'Failed',
  'task.cancelled': 'Cancelled',
  'task.paused': 'Paused',
  'task.running': 'Running',
  'task.queued': 'Queued',
  'task.scheduled': 'Scheduled',
  'task.waiting': 'Waiting',
  'task.pausing': 'Pausing',
  'task.cancelling': 'Cancelling',
  'task.*': 'All of them',
}

export function eventsWords(events: readonly Event[]): string {
  return events.includes('task.*') ? 'All events' : events.map((event) => eventNames[event]).join(', ')
}

/** Which tasks it covers, by type and tag; empty for all tasks. */
export function filterWords({ types, tags }: Pick<WebhookDetails, 'types' | 'tags'>): string {
  const parts = [
    ...(types === null ? [] : [`types ${types.join(', ')}`]),
    ...(tags === null ? [] : [`tags ${tags.join(', ')}`]),
  ]
  return parts.length === 0 ? '' : `Only ${parts.join(' and ')}`
}

export function stateWords({ paused, paused_reason: why }: WebhookDetails): string {
  return paused ? `Paused by ${why}` : 'Active'
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
  pending: 'Pending',
  delivered: 'Delivered',
  dead: 'Dead',
}

export function webhookPath(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`
}
