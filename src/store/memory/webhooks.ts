import type { NewEntry } from '../../core/audit.ts'
import {
  callbacksId,
  deliveriesOf,
  eventOf,
  webhookBounds,
  type Delivery,
  type NewDelivery,
  type NewWebhook,
  type Told,
  type Webhook,
} from '../../core/webhook.ts'
import { findWebhook, settled, testDelivery, webhookEnded, withoutClaim } from '../delivery-changes.ts'
import { pendingDelivery, type StoredDelivery } from '../delivery-rows.ts'
import {
  mostCounted,
  type ClaimedDelivery,
  type DeliveriesClaimed,
  type DeliveryQuery,
  type DeliveryRequest,
  type DeliveryResult,
  type Distributed,
  type Redelivered,
  type WebhookStore,
  type WebhookUse,
} from '../webhook-store.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  now(): number
  ago(ms: number): number
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  audit(entry: NewEntry | undefined): void
}>

/** The webhooks of the memory store, and their deliveries. It looks at all of them for each question, and distributes events at once. */
export class MemoryWebhooks implements WebhookStore {
  readonly #store: WebhookSource
  readonly #webhooks = new Map<string, Webhook>()
  #deliveries: StoredDelivery[] = []
  #number = 0
  added = 0

  constructor(store: WebhookSource) {
    this.#store = store
  }

  /** Within the change: adds what is told of it. */
  tell(told: Told): void {
    const event = eventOf(told, [...this.#webhooks.values()])
    if (event !== undefined) for (const delivery of deliveriesOf(event)) this.#add(delivery)
  }

  /** The wall clock was set. */
  shift(by: number): void {
    this.#deliveries = this.#deliveries.map((one) =>
      one.status === 'pending' ? { ...one, nextAt: one.nextAt! + by } : one,
    )
  }

  /** Whoever has reserved deliveries is gone. */
  free(): void {
    const nextAt = this.#store.now()
    this.#deliveries = this.#deliveries.map((one) =>
      one.status === 'pending' && one.claim % 2 === 1 ? { ...one, nextAt, claim: one.claim + 1 } : one,
    )
  }

  async list(): Promise<readonly WebhookUse[]> {
    this.#store.mustBeOpen()
    return [...this.#webhooks.values()].map((webhook) => ({
      webhook,
      pending: this.#count(webhook.id, 'pending'),
      dead: this.#count(webhook.id, 'dead'),
    }))
  }

  add(webhook: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      if (this.#webhooks.size >= webhookBounds.webhooks) return null
      this.#store.audit(audit)
      return this.#keep({ ...webhook, createdAt: this.#store.now() })
    })
  }

  change(
    id: string,
    change: (webhook: Webhook, now: number) => Webhook,
    audit?: NewEntry,
  ): Promise<Webhook | null> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const found = findWebhook([...this.#webhooks.values()], id, now)
      if (found === undefined) return null
      this.#store.audit(audit)
      return this.#keep(change(found, now))
    })
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (!this.#webhooks.delete(id)) return false
      this.#store.audit(audit)
      return true
    })
  }

  test(id: string, data: string, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.write(() => {
      if (!this.#webhooks.has(id)) return null
      this.#store.audit(audit)
      const createdAt = this.#store.now()
      return withoutClaim(this.#add(testDelivery(id, data, createdAt)))
    })
  }

  async distribute(): Promise<Distributed> {
    this.#store.mustBeOpen()
    return { deliveries: 0, more: false }
  }

  claim({ perLane, busy, limit, lease, after }: DeliveryRequest): Promise<DeliveriesClaimed> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const webhooks = [...this.#webhooks.values()]
      const webhookOf = ({ webhookId }: StoredDelivery) => findWebhook(webhooks, webhookId, now)
      const open = this.#deliveries.filter((one) => {
        const webhook = webhookOf(one)
        return one.status === 'pending' && webhook !== undefined && webhook.paused === null
      })
      const pending = this.#deliveries.filter(({ status }) => status === 'pending')
      const lanes = [...new Set(open.map(({ lane }) => lane))].sort()
      const inTurn = [...lanes.filter((lane) => lane > after), ...lanes.filter((lane) => lane <= after)]
      const claimed: ClaimedDelivery[] = []
      let last = after
      for (const lane of inTurn) {
        if (claimed.length >= limit) break
        last = lane
        const room = Math.min(perLane - (busy.get(lane) ?? 0), limit - claimed.length)
        const heads = open.filter(
          (one) => one.lane === lane && one.nextAt! <= now && !pending.some((other) => isBefore(other, one)),
        )
        const chosen = heads.sort((a, b) => a.nextAt! - b.nextAt! || a.number - b.number).slice(0, room)
        for (const one of chosen) {
          const kept = this.#replace({ ...one, claim: one.claim + 1, nextAt: now + lease })
          claimed.push({ ...kept, webhook: webhookOf(kept)! })
        }
      }
      const waiting = open
        .filter(({ number }) => !claimed.some((one) => one.number === number))
        .map(({ nextAt }) => Math.max(0, nextAt! - now))
      const dueIn = waiting.length === 0 ? null : Math.min(...waiting)
      return { deliveries: claimed, dueIn, last, hasEvents: false }
    })
  }

  settle(results: readonly DeliveryResult[]): Promise<readonly boolean[]> {
    return this.#store.write(() => {
      const now = this.#store.now()
      return results.map((result) => {
        const found = this.#deliveries.find(({ number }) => number === result.number)
        if (found?.status !== 'pending' || found.claim !== result.claim) return false
        const kept = this.#replace({ ...found, claim: found.claim + 1, ...settled(found, result, now) })
        if (result.outcome === 'gone' && kept.webhookId !== callbacksId) this.#end(kept.webhookId, now)
        if (kept.status === 'pending') return true
        const next = this.#deliveries
          .filter((other) => other.status === 'pending' && isBefore(kept, other))
          .sort((a, b) => a.version - b.version)[0]
        if (next !== undefined && next.nextAt! > now) this.#replace({ ...next, nextAt: now })
        return true
      })
    })
  }

  async deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<readonly Delivery[]> {
    this.#store.mustBeOpen()
    return this.#deliveries
      .filter(
        (one) =>
          one.webhookId === webhookId &&
          (status === undefined || one.status === status) &&
          (before === null || one.number < before),
      )
      .sort((a, b) => b.number - a.number)
      .slice(0, limit)
      .map(withoutClaim)
  }

  redeliver(id: string, which: Redelivered, audit?: NewEntry): Promise<number> {
    return this.#store.write(() => {
      const chosen = this.#deliveries.filter((one) => {
        if (one.webhookId !== id || one.status === 'pending') return false
        if ('number' in which) return one.number === which.number
        return one.status === 'dead' && one.createdAt >= which.after && one.createdAt < which.before
      })
      const some = 'number' in which ? chosen : chosen.slice(0, which.limit)
      const nextAt = this.#store.now()
      for (const one of some) this.#replace({ ...one, status: 'pending', attempts: 0, nextAt })
      if (some.length > 0) this.#store.audit(audit)
      this.added += some.length
      return some.length
    })
  }

  async depth(): Promise<number> {
    this.#store.mustBeOpen()
    return Math.min(mostCounted, this.#deliveries.filter(({ status }) => status === 'pending').length)
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.write(() => {
      const before = this.#store.ago(retention)
      const old = this.#deliveries
        .filter(
          ({ createdAt, webhookId }) =>
            createdAt < before || (webhookId !== callbacksId && !this.#webhooks.has(webhookId)),
        )
        .slice(0, limit)
      this.#deliveries = this.#deliveries.filter((one) => !old.includes(one))
      return old.length
    })
  }

  #end(id: string, now: number): void {
    const webhook = this.#webhooks.get(id)
    if (webhook !== undefined) this.#keep(webhookEnded(webhook, now))
  }

  #keep(webhook: Webhook): Webhook {
    this.#webhooks.set(webhook.id, webhook)
    return webhook
  }

  #add(delivery: NewDelivery): StoredDelivery {
    const kept = pendingDelivery(delivery, ++this.#number, delivery.createdAt)
    this.#deliveries.push(kept)
    this.added += 1
    return kept
  }

  #replace(kept: StoredDelivery): StoredDelivery {
    this.#deliveries = this.#deliveries.map((one) => (one.number === kept.number ? kept : one))
    return kept
  }

  #count(id: string, status: Delivery['status']): number {
    const found = this.#deliveries.filter((one) => one.webhookId === id && one.status === status)
    return Math.min(mostCounted, found.length)
  }
}

/** About the same task, to the same receiver. */
function isBefore(one: StoredDelivery, other: StoredDelivery): boolean {
  return (
    one.lane === other.lane &&
    one.taskId !== null &&
    one.taskId === other.taskId &&
    one.version < other.version
  )
}
