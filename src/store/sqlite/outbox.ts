import {
  deliveryCountOf,
  eventOf,
  type NewDelivery,
  type TaskEvent,
  type Told,
  type Webhook,
} from '../../core/webhook.ts'
import { packed } from '../outbox.ts'
import type { Statements } from './statements.ts'

/** What changes tell. The webhooks are in memory, so that a change that nobody is told of reads nothing. */
export class Outbox {
  webhooks: readonly Webhook[] = []
  /** Deliveries that the events so far become, including what was rolled back. */
  added = 0
  /** Of the open transaction, in its order. */
  #events: TaskEvent[] = []
  /** Unique in the database, and rising. */
  readonly #nextNumber: () => number

  constructor(nextNumber: () => number) {
    this.#nextNumber = nextNumber
  }

  /** At the start, and after webhooks have changed or a transaction was rolled back. */
  reload(sql: Pick<Statements, 'webhooks'>): void {
    this.webhooks = (sql.webhooks.all() as unknown as [string][]).map(([body]) => JSON.parse(body) as Webhook)
  }

  /** The transaction was rolled back. */
  forget(): void {
    this.#events = []
  }

  /** Within the transaction of the change, which `flush` ends. */
  tell(told: Told): void {
    const event = eventOf(told, this.webhooks)
    if (event === undefined) return
    this.#events.push(event)
    this.added += deliveryCountOf(event)
  }

  flush(sql: Pick<Statements, 'addEvents'>): void {
    if (this.#events.length === 0) return
    for (const { deliveries, at, body } of packed(this.#events))
      sql.addEvents.run(this.#nextNumber(), deliveries, at, body)
    this.#events = []
  }

  /** A delivery that is due. Returns its number. */
  add(
    sql: Pick<Statements, 'addDelivery'>,
    { webhookId, lane, url, event, taskId, version, data, createdAt }: NewDelivery,
    now: number,
  ): number {
    const number = this.#nextNumber()
    sql.addDelivery.run(number, webhookId, lane, url, event, taskId, version, data, createdAt, now)
    return number
  }
}
