import {
  deliveryCountOf,
  eventOf,
  isTold,
  type NewDelivery,
  type TaskEvent,
  type Told,
} from '../../core/webhook.ts'
import { packed } from '../outbox.ts'
import { toldOf, type NewRow, type TaskRow } from '../task-row.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/**
 * Adds what is told of new rows and of moves, after these are written. The events of a task are in its order: whoever changes it next
 * waits for the lock on its row, and takes a higher number.
 */
export async function tell(
  tx: Transaction,
  rows: readonly NewRow[],
  changed: readonly TaskRow[],
): Promise<void> {
  const { outbox, sql } = tx.source
  const webhooks = await outbox.webhooks(tx)
  const events: TaskEvent[] = []
  const note = (told: Told) => {
    const event = eventOf(told, webhooks)
    if (event !== undefined) events.push(event)
  }
  for (const { task } of rows) if (isTold(task, webhooks)) note({ before: null, task, at: task.createdAt })
  for (const { task, moves = [] } of changed)
    if (isTold(task, webhooks)) for (const move of moves) note(toldOf(move))
  if (events.length === 0) return
  tx.leaveMark()
  for (const event of events) outbox.added += deliveryCountOf(event)
  const all = packed(events)
  tx.write(sql.addEvents, [
    all.map(({ deliveries }) => deliveries),
    all.map(({ at }) => at),
    all.map(({ body }) => encodeText(body)),
  ])
}

/** Due at `now`. Their numbers rise in this order. */
export function addDeliveries(tx: Transaction, deliveries: readonly NewDelivery[], now: number): void {
  if (deliveries.length === 0) return
  tx.leaveMark()
  tx.inPortions(deliveries, (portion) => {
    tx.write(tx.source.sql.addDeliveries, [
      portion.map(({ webhookId }) => webhookId),
      portion.map(({ lane }) => encodeText(lane)),
      portion.map(({ url }) => (url === null ? null : encodeText(url))),
      portion.map(({ event }) => event),
      portion.map(({ taskId }) => (taskId === null ? null : encodeText(taskId))),
      portion.map(({ version }) => version),
      portion.map(({ data }) => encodeText(data)),
      portion.map(({ createdAt }) => createdAt),
      now,
    ])
  })
}
