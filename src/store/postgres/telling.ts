import { deliveriesOf, isTold, type NewDelivery, type Told } from '../../core/webhook.ts'
import { toldOf, type NewRow, type TaskRow } from '../task-row.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** Adds what is told of new rows and of moves, after these are written: so the deliveries of a task are in its order. */
export async function tell(
  tx: Transaction,
  rows: readonly NewRow[],
  changed: readonly TaskRow[],
): Promise<void> {
  const { outbox } = tx.source
  const webhooks = await outbox.webhooks(tx)
  const told: Told[] = []
  for (const { task } of rows)
    if (isTold(task, webhooks)) told.push({ before: null, task, at: task.createdAt })
  for (const { task, moves } of changed)
    if (moves !== undefined && isTold(task, webhooks)) told.push(...toldOf(moves))
  if (told.length > 0) addDeliveries(tx, deliveriesOf(told, webhooks))
}

/** Their numbers rise in this order. */
export function addDeliveries(tx: Transaction, deliveries: readonly NewDelivery[]): void {
  if (deliveries.length === 0) return
  tx.leaveMark()
  tx.source.outbox.added += deliveries.length
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
    ])
  })
}
