import { callbacksId, webhookBounds, type Delivery, type Webhook } from '../core/webhook.ts'
import type { DeliveryResult } from './webhook-store.ts'

/** What the end of an attempt does to a delivery and its webhook, for all stores. */

export type Settled = Pick<Delivery, 'status' | 'attempts' | 'nextAt' | 'history'>

/** The delivery after an attempt. */
export function settled(
  delivery: Pick<Delivery, 'attempts' | 'history'>,
  { attempt, outcome }: DeliveryResult,
  now: number,
): Settled {
  const { attempts, history } = delivery
  if (attempt === null) return { status: 'pending', attempts, nextAt: now, history }
  const tried = {
    attempts: attempts + 1,
    history: [...history, { at: now - attempt.took, ...attempt }].slice(-webhookBounds.history),
  }
  if (typeof outcome === 'object') return { ...tried, status: 'pending', nextAt: now + outcome.retryIn }
  return { ...tried, status: outcome === 'delivered' ? 'delivered' : 'dead', nextAt: null }
}

/** The receiver has answered 410: it wants no more. Pausing and resuming it by hand starts it again. */
export function webhookEnded(webhook: Webhook, now: number): Webhook {
  const why = 'the receiver answered 410 Gone'
  return { ...webhook, paused: { since: now, by: 'delivery', why, isGone: true } }
}

/** Without what only its attempts need. */
export function withoutClaim<T extends Delivery & Readonly<{ claim: number }>>(one: T): Omit<T, 'claim'> {
  const { claim: _, ...delivery } = one
  return delivery
}

/** The lanes of a webhook are those from the first of these texts to before the second. */
export function lanesOf(id: string): readonly [from: string, before: string] {
  return id === callbacksId ? [`${id} `, `${id}!`] : [id, `${id}\u0001`]
}
