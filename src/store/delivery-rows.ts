import type { Delivery, DeliveryAttempt, DeliveryStatus, NewDelivery } from '../core/webhook.ts'

/** How the SQL stores keep deliveries in their table. */

export type StoredDelivery = Delivery & Readonly<{ claim: number }>

export const deliveryNames = [
  'number',
  'webhook_id',
  'lane',
  'url',
  'event',
  'task_id',
  'version',
  'data',
  'created_at',
  'status',
  'attempts',
  'next_at',
  'claim',
  'history',
] as const

export const deliveryCount = deliveryNames.length

type DeliveryRow = readonly [
  number: number,
  webhookId: string,
  lane: string,
  url: string | null,
  event: string,
  taskId: string | null,
  version: number,
  data: string,
  createdAt: number,
  status: DeliveryStatus,
  attempts: number,
  nextAt: number | null,
  claim: number,
  history: string,
]

const asIs = (text: string) => text

/** `decode`: of texts that the database cannot store as they are. */
export function deliveryFrom(row: unknown, decode: (text: string) => string = asIs): StoredDelivery {
  const [number, webhookId, lane, url, event, taskId, version, data, createdAt, status, ...rest] =
    row as DeliveryRow
  const [attempts, nextAt, claim, history] = rest
  return {
    number,
    webhookId,
    lane: decode(lane),
    url: url === null ? null : decode(url),
    event,
    taskId: taskId === null ? null : decode(taskId),
    version,
    data: decode(data),
    createdAt,
    status,
    attempts,
    nextAt,
    claim,
    history: history === '[]' ? [] : (JSON.parse(decode(history)) as DeliveryAttempt[]),
  }
}

/** A new one, which is due at `nextAt`. */
export function pendingDelivery(added: NewDelivery, number: number, nextAt: number): StoredDelivery {
  return { ...added, number, status: 'pending', attempts: 0, nextAt, history: [], claim: 0 }
}
