import type { Webhook, Webhooks } from '../../core/webhook.ts'
import type { Wanted } from '../outbox.ts'
import type { Rows } from './connection.ts'
import { decodeText } from './text.ts'

/** The webhooks as a transaction of this node has last read them. */
export class KnownWebhooks {
  #version = 0
  #wanted: readonly Wanted[] = []

  /** Undefined if they are not known in this version. */
  at(version: number): readonly Wanted[] | undefined {
    return version === this.#version ? this.#wanted : undefined
  }

  learn(rows: Rows): readonly Wanted[] {
    const { version, webhooks } = webhooksOf(rows)
    // Another connection may have read newer ones in the meantime.
    if (version > this.#version) [this.#version, this.#wanted] = [version, webhooks]
    return webhooks
  }
}

export function webhooksOf(rows: Rows): Webhooks {
  const bodies = rows.flatMap(([, body]) => (body === null ? [] : [body as string]))
  return { version: Number(rows[0]?.[0] ?? 0), webhooks: bodies.map(webhookOf) }
}

export function webhookOf(body: string): Webhook {
  return JSON.parse(decodeText(body)) as Webhook
}
