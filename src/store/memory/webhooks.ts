import type { NewEntry } from '../../core/audit.ts'
import type { Task, TimelineEntry } from '../../core/task.ts'
import {
  callbackEvents,
  callbackLane,
  callbacksId,
  eventOf,
  mostWebhooks,
  tried,
  wants,
  webhookMade,
  type Delivery,
  type NewDelivery,
  type NewWebhook,
  type Webhook,
  type Webhooks,
} from '../../core/webhook.ts'
import {
  hiddenWait,
  type Attempted,
  type DeliveryPage,
  type DeliveryQuery,
  type Lane,
  type Lease,
  type Leased,
  type Range,
  type WebhookChange,
  type WebhookStore,
} from '../webhook-store.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  now(): number
  ago(ms: number): number
  write<T>(run: () => T): Promise<T>
  mustBeOpen(): void
  audit(entry: NewEntry): void
}>

type Kept = Delivery & Lease & Readonly<{ isLeased: boolean }>

/** The webhooks and deliveries of the memory store. */
export class MemoryWebhooks implements WebhookStore {
  readonly #store: WebhookSource
  readonly #webhooks = new Map<string, Webhook>()
  readonly #deliveries = new Map<number, Kept>()
  #version = 0
  #number = 0

  constructor(store: WebhookSource) {
    this.#store = store
  }

  /** A task was submitted, or has moved. */
  report(task: Task, entry: TimelineEntry): void {
    const { id: taskId, type, tags, trace, callbackUrl } = task
    const { version, at, status, error } = entry
    const event = eventOf(entry)
    const facts = { type, status, tags, ...(error === undefined ? {} : { error }) }
    const about = { event, taskId, version, at, facts, trace }
    for (const webhook of this.#webhooks.values()) {
      if (wants(webhook, event, task)) {
        this.#put({ ...about, webhookId: webhook.id, lane: webhook.id, url: null })
      }
    }
    if (callbackUrl !== null && callbackEvents.includes(event)) {
      this.#put({ ...about, webhookId: callbacksId, lane: callbackLane(callbackUrl), url: callbackUrl })
    }
  }

  async read(known?: number): Promise<Webhooks | null> {
    this.#store.mustBeOpen()
    return known === this.#version ? null : { version: this.#version, webhooks: [...this.#webhooks.values()] }
  }

  add(draft: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      if (this.#webhooks.size >= mostWebhooks || this.#webhooks.has(draft.id)) return null
      return this.#keep(webhookMade(draft, this.#store.now()), audit)
    })
  }

  change(id: string, make: WebhookChange, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      const webhook = this.#webhooks.get(id)
      return webhook === undefined ? null : this.#keep(make(webhook, this.#store.now()), audit)
    })
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (!this.#webhooks.delete(id)) return false
      this.#version += 1
      this.#record(audit)
      return true
    })
  }

  send(delivery: NewDelivery, audit?: NewEntry): Promise<Delivery> {
    return this.#store.write(() => {
      this.#record(audit)
      return this.#put({ ...delivery, at: this.#store.now() })
    })
  }

  async lanes(after: string, limit: number): Promise<readonly Lane[]> {
    this.#store.mustBeOpen()
    const now = this.#store.now()
    const lanes = Map.groupBy(this.#pending(), ({ lane }) => lane)
    return [...lanes]
      .filter(([lane]) => lane > after)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([lane, all]) => ({
        lane,
        dueIn: Math.max(0, Math.min(...all.map(({ nextAt }) => nextAt!)) - now),
      }))
  }

  claim(lanes: readonly Readonly<{ lane: string; room: number }>[], lease: number): Promise<Leased> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const deliveries = lanes.flatMap(({ lane, room }) => {
        const leased: Kept[] = []
        for (const one of this.#due(lane, now)) {
          const ahead = this.#aheadOf(one)
          if (ahead !== undefined) {
            const until = ahead.isLeased ? Math.min(ahead.nextAt!, now + hiddenWait) : ahead.nextAt!
            this.#keepDelivery({ ...one, nextAt: Math.max(until, now + 50) })
          } else if (leased.length < room) {
            const taken = { ...one, fence: one.fence + 1, isLeased: true, nextAt: now + lease }
            // As it was when it was due.
            leased.push({ ...one, fence: taken.fence })
            this.#keepDelivery(taken)
          }
        }
        return leased
      })
      return { deliveries, isMore: false }
    })
  }

  record(attempts: readonly Attempted[]): Promise<readonly boolean[]> {
    return this.#store.write(() => {
      const now = this.#store.now()
      return attempts.map(({ number, fence, ...attempted }) => {
        const delivery = this.#deliveries.get(number)
        if (delivery?.fence !== fence || !delivery.isLeased) return false
        const after = { ...delivery, ...tried(delivery, attempted, now), isLeased: false }
        this.#keepDelivery(after)
        if (after.nextAt === null) this.#callNext(after, now)
        return true
      })
    })
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#store.write(() => {
      for (const { number, fence } of leases) {
        const delivery = this.#deliveries.get(number)
        if (delivery?.fence !== fence || !delivery.isLeased) continue
        this.#keepDelivery({ ...delivery, isLeased: false, nextAt: this.#store.now() })
      }
    })
  }

  async deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<DeliveryPage> {
    this.#store.mustBeOpen()
    const found = [...this.#deliveries.values()]
      .filter((one) => one.webhookId === webhookId && one.number < before)
      .filter((one) => status === undefined || one.status === status)
      .sort((a, b) => b.number - a.number)
    const deliveries = found.slice(0, limit)
    return { deliveries, next: found.length > limit ? deliveries.at(-1)!.number : null }
  }

  redeliver(webhookId: string, number: number, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.write(() => {
      const delivery = this.#deliveries.get(number)
      if (delivery?.webhookId !== webhookId) return null
      this.#record(audit)
      return this.#call(delivery)
    })
  }

  redeliverAll(
    webhookId: string,
    { after, before }: Range,
    limit: number,
    audit?: NewEntry,
  ): Promise<number> {
    return this.#store.write(() => {
      this.#record(audit)
      const dead = [...this.#deliveries.values()]
        .filter((one) => one.webhookId === webhookId && one.status === 'dead')
        .filter(({ at }) => at >= after && at < before)
        .sort((a, b) => a.at - b.at || a.number - b.number)
        .slice(0, limit)
      for (const delivery of dead) this.#call(delivery)
      return dead.length
    })
  }

  async pending(limit: number): Promise<number> {
    this.#store.mustBeOpen()
    return Math.min(limit, this.#pending().length)
  }

  drop(lane: string, limit: number): Promise<number> {
    return this.#delete(() => this.#pending().filter((one) => one.lane === lane), limit)
  }

  prune(retention: number, limit: number): Promise<number> {
    const before = this.#store.ago(retention)
    return this.#delete(
      () => [...this.#deliveries.values()].filter(({ endedAt }) => endedAt !== null && endedAt < before),
      limit,
    )
  }

  #delete(find: () => readonly Kept[], limit: number): Promise<number> {
    return this.#store.write(() => {
      const gone = find().slice(0, limit)
      for (const { number } of gone) this.#deliveries.delete(number)
      return gone.length
    })
  }

  #pending(): Kept[] {
    return [...this.#deliveries.values()].filter(({ status }) => status === 'pending')
  }

  #due(lane: string, now: number): Kept[] {
    return this.#pending()
      .filter((one) => one.lane === lane && one.nextAt! <= now)
      .sort((a, b) => a.nextAt! - b.nextAt! || a.number - b.number)
  }

  #chainOf({ taskId, lane }: Kept): Kept[] {
    return this.#pending()
      .filter((one) => taskId !== null && one.taskId === taskId && one.lane === lane)
      .sort((a, b) => a.version - b.version)
  }

  #aheadOf(delivery: Kept): Kept | undefined {
    return this.#chainOf(delivery).find(({ version }) => version < delivery.version)
  }

  #callNext(delivery: Kept, now: number): void {
    const next = this.#chainOf(delivery).find(({ version }) => version > delivery.version)
    if (next !== undefined) this.#keepDelivery({ ...next, nextAt: now })
  }

  #call(delivery: Kept): Kept {
    const now = this.#store.now()
    const called = { status: 'pending', failures: 0, nextAt: now, endedAt: null, isLeased: false } as const
    return this.#keepDelivery({ ...delivery, ...called })
  }

  #put(delivery: NewDelivery): Kept {
    return this.#keepDelivery({
      ...delivery,
      number: ++this.#number,
      status: 'pending',
      tries: [],
      attempts: 0,
      failures: 0,
      nextAt: delivery.at,
      endedAt: null,
      fence: 0,
      isLeased: false,
    })
  }

  #keepDelivery(delivery: Kept): Kept {
    this.#deliveries.set(delivery.number, delivery)
    return delivery
  }

  #keep(webhook: Webhook, audit: NewEntry | undefined): Webhook {
    this.#webhooks.set(webhook.id, webhook)
    this.#version += 1
    this.#record(audit)
    return webhook
  }

  #record(audit: NewEntry | undefined): void {
    if (audit !== undefined) this.#store.audit(audit)
  }
}
