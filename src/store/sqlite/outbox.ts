import { deliveriesOf, type NewDelivery, type Told, type Webhook } from '../../core/webhook.ts'
import type { Statements } from './statements.ts'

/** What changes add to the outbox. The webhooks are in memory, so that a change that nobody is told of reads nothing. */
export class Outbox {
  webhooks: readonly Webhook[] = []
  /** Deliveries added so far, including what was rolled back. */
  added = 0
  /** Unique in the database, and rising. */
  readonly #nextNumber: () => number

  constructor(nextNumber: () => number) {
    this.#nextNumber = nextNumber
  }

  /** At the start, and after webhooks have changed or a transaction was rolled back. */
  reload(sql: Pick<Statements, 'webhooks'>): void {
    this.webhooks = (sql.webhooks.all() as unknown as [string][]).map(([body]) => JSON.parse(body) as Webhook)
  }

  /** Within the transaction of the change. */
  tell(sql: Statements, told: readonly Told[]): void {
    for (const delivery of deliveriesOf(told, this.webhooks)) this.add(sql, delivery)
  }

  /** Returns its number. */
  add(
    sql: Statements,
    { webhookId, lane, url, event, taskId, version, data, createdAt }: NewDelivery,
  ): number {
    const number = this.#nextNumber()
    sql.addDelivery.run(number, webhookId, lane, url, event, taskId, version, data, createdAt, createdAt)
    this.added += 1
    return number
  }
}
