import type { Delivery, DeliveryAttempt, DeliveryStatus } from '../../core/webhook.ts'

/** How deliveries are read of their table. */

export const deliveryColumns =
  'number, webhook_id, lane, url, event, task_id, version, data, created_at, status, attempts, next_at, claim, history'

type DeliveryRow = [
  number,
  string,
  string,
  string | null,
  string,
  string | null,
  number,
  string,
  number,
  DeliveryStatus,
  number,
  number | null,
  number,
  string,
]

export function deliveryFrom(row: unknown): Delivery & Readonly<{ claim: number }> {
  const [number, webhookId, lane, url, event, taskId, version, data, createdAt, status, ...rest] =
    row as DeliveryRow
  const [attempts, nextAt, claim, history] = rest
  return {
    number,
    webhookId,
    lane,
    url,
    event,
    taskId,
    version,
    data,
    createdAt,
    status,
    attempts,
    nextAt,
    claim,
    history: history === '[]' ? [] : (JSON.parse(history) as DeliveryAttempt[]),
  }
}
