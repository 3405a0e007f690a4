import type { Task } from '../../core/task.ts'
import type { NewDelivery, Webhook, Webhooks } from '../../core/webhook.ts'
import { deliveriesOf, newDeliveryValues, type Wanted } from '../outbox.ts'
import type { Statements } from './statements.ts'

/** Adds the deliveries of what a transaction changes. The webhooks are in memory: this process is the only one that changes them. */
export class Outbox {
  readonly #sql: Statements
  readonly #nextNumber: () => number
  #wanted: readonly Wanted[] | undefined

  constructor(sql: Statements, nextNumber: () => number) {
    this.#sql = sql
    this.#nextNumber = nextNumber
  }

  /** They are read again when they are needed: a webhook was changed, or a change was rolled back. */
  forget(): void {
    this.#wanted = undefined
  }

  add(task: Task, lines: string): void {
    this.#wanted ??= (this.#sql.webhooks.all() as unknown as [string][]).map(webhookOf)
    if (this.#wanted.length === 0 && task.callbackUrl === null) return
    for (const delivery of deliveriesOf(task, lines, this.#wanted)) this.put(delivery)
  }

  /** Returns its number. */
  put(delivery: NewDelivery): number {
    const number = this.#nextNumber()
    this.#sql.addDelivery.run(number, ...newDeliveryValues(delivery), delivery.at)
    return number
  }
}

export function webhooksIn({ webhooksVersion, webhooks }: Statements): Webhooks {
  const [version] = webhooksVersion.get() as unknown as [number]
  return { version, webhooks: (webhooks.all() as unknown as [string][]).map(webhookOf) }
}

export function webhookOf([body]: readonly [string]): Webhook {
  return JSON.parse(body) as Webhook
}
