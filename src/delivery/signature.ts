import { createHmac, randomBytes } from 'node:crypto'

/** Signatures after Standard Webhooks: HMAC-SHA256 over id, time and body. */

const prefix = 'whsec_'

export function newSecret(): string {
  return prefix + randomBytes(32).toString('base64')
}

/** The header `webhook-signature`: one signature for each secret. `timestamp`: Unix seconds. */
export function signatureOf(
  { id, timestamp, body }: Readonly<{ id: string; timestamp: number; body: string }>,
  secrets: readonly string[],
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.slice(prefix.length), 'base64')
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
    })
    .join(' ')
}
