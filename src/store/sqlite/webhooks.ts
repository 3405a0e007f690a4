import type { NewEntry } from '../../core/audit.ts'
import {
  callbacksId,
  webhookBounds,
  type Delivery,
  type NewWebhook,
  type Webhook,
} from '../../core/webhook.ts'
import {
  deliveriesTo,
  findWebhook,
  lanesOf,
  lookAt,
  settled,
  testDelivery,
  webhookEnded,
  withoutClaim,
  type Look,
} from '../delivery-changes.ts'
import { deliveryFrom } from '../delivery-rows.ts'
import { unpacked } from '../outbox.ts'
import {
  candidatesFor,
  lanesAtOnce,
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
import type { Effect } from './commits.ts'
import type { Outbox } from './outbox.ts'
import type { Statements } from './statements.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  sql(): Statements
  outbox: Outbox
  now(): number
  /** A time before the last `ms`. */
  ago(ms: number): number
  write<T>(run: () => T, effect?: Effect): Promise<T>
  read<T>(look: () => T): T
  /** Within the transaction of the change. */
  audit(entry: NewEntry | undefined, at: number): void
}>

/** The tables of webhooks and deliveries. */
export class SqliteWebhooks implements WebhookStore {
  readonly #store: WebhookSource

  constructor(store: WebhookSource) {
    this.#store = store
  }

  get added(): number {
    return this.#store.outbox.added
  }

  async list(): Promise<readonly WebhookUse[]> {
    return this.#store.read(() => {
      const { countPending, countDead } = this.#store.sql()
      return this.#store.outbox.webhooks.map((webhook) => {
        const [from, before] = lanesOf(webhook.id)
        const [pending] = countPending.get(from, before, mostCounted) as unknown as [number]
        const [dead] = countDead.get(webhook.id, mostCounted) as unknown as [number]
        return { webhook, pending, dead }
      })
    })
  }

  add(draft: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      if (this.#store.outbox.webhooks.length >= webhookBounds.webhooks) return null
      const webhook = { ...draft, createdAt: this.#store.now() }
      this.#keep(webhook)
      this.#store.audit(audit, webhook.createdAt)
      return webhook
    })
  }

  change(
    id: string,
    change: (webhook: Webhook, now: number) => Webhook,
    audit?: NewEntry,
  ): Promise<Webhook | null> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const found = this.#find(id, now)
      if (found === undefined) return null
      const webhook = change(found, now)
      this.#keep(webhook)
      this.#store.audit(audit, now)
      return webhook
    })
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      const sql = this.#store.sql()
      if (sql.removeWebhook.run(id).changes === 0) return false
      this.#store.outbox.reload(sql)
      this.#store.audit(audit, this.#store.now())
      return true
    })
  }

  test(id: string, data: string, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.write(() => {
      const { outbox } = this.#store
      if (!outbox.webhooks.some((webhook) => webhook.id === id)) return null
      const sql = this.#store.sql()
      const createdAt = this.#store.now()
      const number = outbox.add(sql, testDelivery(id, data, createdAt), createdAt)
      outbox.added += 1
      this.#store.audit(audit, createdAt)
      return withoutClaim(deliveryFrom(sql.delivery.get(number)))
    })
  }

  async distribute(limit: number): Promise<Distributed> {
    if (!this.#store.read(() => this.#hasEvents())) return { deliveries: 0, more: false }
    // A full disk has no room for more than what has happened.
    return this.#store.write(() => this.#distribute(limit), 'adds')
  }

  async claim(request: DeliveryRequest): Promise<DeliveriesClaimed> {
    // Nothing is written while nothing is due.
    const look = () => ({ ...this.#look(request), hasEvents: this.#hasEvents() })
    const { due, ...looked } = this.#store.read(look)
    if (due.length === 0) return { deliveries: [], ...looked }
    return this.#store.write(() => this.#claim(request))
  }

  settle(results: readonly DeliveryResult[]): Promise<readonly boolean[]> {
    return this.#store.write(() => {
      const now = this.#store.now()
      return results.map((result) => this.#settle(result, now))
    })
  }

  async deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<readonly Delivery[]> {
    return this.#store.read(() => {
      const { deliveriesBefore, deliveriesWith } = this.#store.sql()
      const place = before ?? Number.MAX_SAFE_INTEGER
      const rows =
        status === undefined
          ? deliveriesBefore.all(webhookId, place, limit)
          : deliveriesWith.all(webhookId, status, place, limit)
      return rows.map((row) => withoutClaim(deliveryFrom(row)))
    })
  }

  redeliver(id: string, which: Redelivered, audit?: NewEntry): Promise<number> {
    return this.#store.write(() => {
      const { redeliverOne, redeliverDead } = this.#store.sql()
      const now = this.#store.now()
      const { changes } =
        'number' in which
          ? redeliverOne.run(now, which.number, id)
          : redeliverDead.run(now, id, which.after, which.before, which.limit)
      if (changes > 0) this.#store.audit(audit, now)
      this.#store.outbox.added += Number(changes)
      return Number(changes)
    })
  }

  async depth(): Promise<number> {
    return this.#store.read(() => {
      const { countAllPending, countEvents } = this.#store.sql()
      const [pending] = countAllPending.get(mostCounted) as unknown as [number]
      const [told] = countEvents.get(mostCounted) as unknown as [number]
      return Math.min(mostCounted, pending + told)
    })
  }

  prune(retention: number, limit: number): Promise<number> {
    const before = this.#store.ago(retention)
    const looked = this.#store.read(() => {
      const { oldestDelivery, oldestEvent } = this.#store.sql()
      const isOld = ([at]: readonly [number | null]) => at !== null && at < before
      const oldest = [oldestDelivery, oldestEvent].map((one) => one.get() as unknown as [number | null])
      return oldest.some(isOld) || this.#orphans().length > 0
    })
    if (!looked) return Promise.resolve(0)
    return this.#store.write(() => {
      const { dropOldDeliveries, dropDeliveriesOf, dropOldEvents } = this.#store.sql()
      let deleted = Number(dropOldDeliveries.run(before, limit).changes)
      for (const [told] of dropOldEvents.all(before, limit) as unknown as [number][]) deleted += told
      for (const id of this.#orphans()) {
        if (deleted >= limit) break
        deleted += Number(dropDeliveriesOf.run(id, limit - deleted).changes)
      }
      return deleted
    })
  }

  /** Webhooks that are gone and still have deliveries. */
  #orphans(): string[] {
    const { nextWebhookWithDeliveries } = this.#store.sql()
    const known = new Set(this.#store.outbox.webhooks.map(({ id }) => id)).add(callbacksId)
    const orphans: string[] = []
    for (let after = ''; ;) {
      const [id] = nextWebhookWithDeliveries.get(after) as unknown as [string | null]
      if (id === null) return orphans
      if (!known.has(id)) orphans.push(id)
      after = id
    }
  }

  #hasEvents(): boolean {
    const [any] = this.#store.sql().hasEvents.get() as unknown as [number]
    return any === 1
  }

  #distribute(limit: number): Distributed {
    const { outbox } = this.#store
    const sql = this.#store.sql()
    const now = this.#store.now()
    let added = 0
    let [after, left] = [0, limit]
    while (left > 0) {
      const row = sql.eventsAfter.get(after) as unknown as EventsRow | undefined
      if (row === undefined) break
      const [number, deliveries, body] = row
      if (deliveries > left && left < limit) break
      for (const delivery of deliveriesTo(outbox.webhooks, unpacked(body))) {
        outbox.add(sql, delivery, now)
        added += 1
      }
      sql.dropEvents.run(number)
      left -= deliveries
      after = number
    }
    return { deliveries: added, more: this.#hasEvents() }
  }

  /** Lanes with something to take, and how much. */
  #look(request: DeliveryRequest): Look {
    const now = this.#store.now()
    return lookAt(this.#lanesAfter(request.after, now), this.#store.outbox.webhooks, request, now)
  }

  /** Once around, up to where it began. */
  *#lanesAfter(after: string, now: number): Iterable<Readonly<{ lane: string; wait: number }>> {
    const { nextLane } = this.#store.sql()
    let [place, turned] = [after, false]
    for (let looked = 0; looked < lanesAtOnce; looked++) {
      const row = nextLane.get(place) as unknown as [string, number] | undefined
      if (row === undefined) {
        if (turned || after === '') return
        turned = true
        place = ''
        continue
      }
      const [lane, nextAt] = row
      if (turned && lane > after) return
      place = lane
      yield { lane, wait: Math.max(0, nextAt - now) }
    }
  }

  #claim(request: DeliveryRequest): DeliveriesClaimed {
    const { dueInLane, firstOfTask, reserve, postpone } = this.#store.sql()
    const now = this.#store.now()
    const { due, ...looked } = this.#look(request)
    const until = now + request.lease
    const deliveries: ClaimedDelivery[] = []
    for (const { lane, room, webhook } of due) {
      let left = room
      for (const row of dueInLane.all(lane, now, candidatesFor(room))) {
        if (left === 0) break
        const one = deliveryFrom(row)
        if (one.taskId !== null) {
          const head = firstOfTask.get(lane, one.taskId) as unknown as [number, number]
          if (head[0] !== one.number) {
            // After its head, even if that is due: else, such rows could be all that claims look at.
            if (head[1] > (one.nextAt ?? 0)) postpone.run(head[1], one.number)
            continue
          }
        }
        reserve.run(until, one.number)
        deliveries.push({ ...one, claim: one.claim + 1, nextAt: until, webhook })
        left -= 1
      }
    }
    return { deliveries, ...looked, hasEvents: this.#hasEvents() }
  }

  #settle(result: DeliveryResult, now: number): boolean {
    const sql = this.#store.sql()
    const found = sql.delivery.get(result.number)
    if (found === undefined) return false
    const one = deliveryFrom(found)
    if (one.status !== 'pending' || one.claim !== result.claim) return false
    const { status, attempts, nextAt, history } = settled(one, result, now)
    sql.settleDelivery.run(status, attempts, nextAt, JSON.stringify(history), one.number)
    if (result.outcome === 'gone' && one.webhookId !== callbacksId) {
      const webhook = this.#find(one.webhookId, now)
      if (webhook !== undefined) this.#keep(webhookEnded(webhook, now))
    }
    if (status !== 'pending' && one.taskId !== null) sql.wakeNext.run(now, one.lane, one.taskId, now)
    return true
  }

  #keep(webhook: Webhook): void {
    const sql = this.#store.sql()
    sql.putWebhook.run(webhook.id, JSON.stringify(webhook))
    this.#store.outbox.reload(sql)
  }

  #find(id: string, now: number): Webhook | undefined {
    return findWebhook(this.#store.outbox.webhooks, id, now)
  }
}

type EventsRow = [number: number, deliveries: number, body: string]
