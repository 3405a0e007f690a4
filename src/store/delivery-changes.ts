import {
  callbacksId,
  callbacksWebhook,
  deliveriesOf,
  testEvent,
  webhookBounds,
  type Delivery,
  type NewDelivery,
  type TaskEvent,
  type Webhook,
} from '../core/webhook.ts'
import type { DeliveryRequest, DeliveryResult } from './webhook-store.ts'

/** Rules of deliveries and their webhooks that all stores share. */

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

/** Undefined if it does not exist. The one for callbacks always does. */
export function findWebhook(webhooks: readonly Webhook[], id: string, now: number): Webhook | undefined {
  const found = webhooks.find((webhook) => webhook.id === id)
  return found ?? (id === callbacksId ? callbacksWebhook(now) : undefined)
}

/** To whom the deliveries of this lane go; undefined if the webhook is gone. */
function webhookOf(webhooks: readonly Webhook[], lane: string, now: number): Webhook | undefined {
  return findWebhook(webhooks, lane.startsWith(`${callbacksId} `) ? callbacksId : lane, now)
}

/** A lane with something to take, and how much. */
export type DueLane = Readonly<{ lane: string; room: number; webhook: Webhook }>

/** `dueIn` and `last`: see `DeliveriesClaimed`. */
export type Look = Readonly<{ due: readonly DueLane[]; dueIn: number | null; last: string }>

/** What can be taken of these lanes, which take turns; `wait` is the time until something of a lane is due. */
export function lookAt(
  lanes: Iterable<Readonly<{ lane: string; wait: number }>>,
  webhooks: readonly Webhook[],
  { perLane, busy, limit, after }: DeliveryRequest,
  now: number,
): Look {
  const due: DueLane[] = []
  let [last, left, soonest] = [after, limit, Number.POSITIVE_INFINITY]
  for (const { lane, wait } of lanes) {
    if (left === 0) break
    const webhook = webhookOf(webhooks, lane, now)
    if (webhook === undefined || webhook.paused !== null) continue
    if (wait > 0) {
      soonest = Math.min(soonest, wait)
      continue
    }
    last = lane
    const room = Math.min(left, perLane - (busy.get(lane) ?? 0))
    if (room <= 0) continue
    due.push({ lane, room, webhook })
    left -= room
    soonest = 0
  }
  return { due, dueIn: soonest === Number.POSITIVE_INFINITY ? null : soonest, last }
}

/** The deliveries of these events, without those to webhooks that are gone. */
export function deliveriesTo(webhooks: readonly Webhook[], events: readonly TaskEvent[]): NewDelivery[] {
  const known = new Set(webhooks.map(({ id }) => id)).add(callbacksId)
  return events.flatMap(deliveriesOf).filter(({ webhookId }) => known.has(webhookId))
}

/** A delivery by hand, which is about no task. */
export function testDelivery(id: string, data: string, createdAt: number): NewDelivery {
  const about = { event: testEvent, taskId: null, version: 0, data }
  return { webhookId: id, lane: id, url: null, ...about, createdAt }
}
