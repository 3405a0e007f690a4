import { createHmac, randomBytes } from 'node:crypto'

/** Signatures as of Standard Webhooks: receivers verify them with any of its libraries. */

const prefix = 'whsec_'

export function newSecret(): string {
  return prefix + randomBytes(24).toString('base64')
}

/** `webhook-signature`: one for each secret. Empty without secrets. */
export function signatures(
  secrets: readonly string[],
  { id, timestamp, body }: Readonly<{ id: string; timestamp: number; body: string }>,
): string {
  return secrets
    .map((secret) => {
      const key = Buffer.from(secret.startsWith(prefix) ? secret.slice(prefix.length) : secret, 'base64')
      return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`
    })
    .join(' ')
}
