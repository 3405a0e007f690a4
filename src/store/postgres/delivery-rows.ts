import type { Delivery, DeliveryAttempt, DeliveryStatus } from '../../core/webhook.ts'
import type { Rows } from './connection.ts'
import { decodeText } from './text.ts'

/** How deliveries are read of their table. */

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

export function deliveryFrom(row: Rows[number]): StoredDelivery {
  const [number, webhookId, lane, url, event, taskId, version, data, createdAt, status, ...rest] = row
  const [attempts, nextAt, claim, history] = rest
  return {
    number: number as number,
    webhookId: webhookId as string,
    lane: decodeText(lane as string),
    url: url === null ? null : decodeText(url as string),
    event: event as string,
    taskId: taskId === null ? null : decodeText(taskId as string),
    version: version as number,
    data: decodeText(data as string),
    createdAt: createdAt as number,
    status: status as DeliveryStatus,
    attempts: attempts as number,
    nextAt: nextAt as number | null,
    claim: claim as number,
    history: JSON.parse(decodeText(history as string)) as DeliveryAttempt[],
  }
}
