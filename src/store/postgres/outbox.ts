import type { Webhook } from '../../core/webhook.ts'
import { deliveryFrom as storedFrom, type StoredDelivery } from '../delivery-rows.ts'
import type { Rows } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText } from './text.ts'

/** What it uses of a transaction. */
type Reading = Readonly<{
  source: Readonly<{ sql: Statements }>
  webhooksVersion: number | undefined
  ask(text: string): Promise<Rows>
}>

/** The webhooks as this process knows them. Each transaction reads their version with its time, and them only if it is another one. */
export class Outbox {
  #version = 0
  #webhooks: readonly Webhook[] = []
  /** Deliveries that the events so far become, including what was rolled back. */
  added = 0

  /** As of this transaction, which has read its time. */
  async webhooks(tx: Reading): Promise<readonly Webhook[]> {
    if (tx.webhooksVersion === this.#version) return this.#webhooks
    const { version, webhooks } = await readWebhooks(tx)
    // A transaction of a caller may see an older state than others.
    if (version > this.#version) [this.#version, this.#webhooks] = [version, webhooks]
    return webhooks
  }
}

export async function readWebhooks(
  tx: Reading,
): Promise<Readonly<{ version: number; webhooks: readonly Webhook[] }>> {
  const rows = await tx.ask(tx.source.sql.webhooks)
  const bodies = rows.flatMap(([, body]) => (body === null ? [] : [body as string]))
  return { version: rows[0]![0] as number, webhooks: bodies.map(webhookFrom) }
}

export function webhookFrom(body: string): Webhook {
  return JSON.parse(decodeText(body)) as Webhook
}

export function deliveryFrom(row: Rows[number]): StoredDelivery {
  return storedFrom(row, decodeText)
}
