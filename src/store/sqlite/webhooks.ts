import type { NewEntry } from '../../core/audit.ts'
import {
  mostWebhooks,
  tried,
  webhookMade,
  type Delivery,
  type NewDelivery,
  type NewWebhook,
  type Webhook,
  type Webhooks,
} from '../../core/webhook.ts'
import { chosenOf, deliveryOfRow, deliveryPage, triedValues } from '../outbox.ts'
import {
  deliveriesScanned,
  hiddenScanned,
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
import type { Effect } from './commits.ts'
import { webhookOf, webhooksIn, type Outbox } from './outbox.ts'
import type { Statements } from './statements.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  sql(): Statements
  now(): number
  /** A time before the last `ms`. */
  ago(ms: number): number
  write<T>(run: () => T, effect?: Effect): Promise<T>
  read<T>(look: () => T): T
  outbox(): Outbox
  /** Within the transaction of the change. */
  audit(entry: NewEntry | undefined, at: number): void
}>

/** The tables of webhooks and deliveries. */
export class SqliteWebhooks implements WebhookStore {
  readonly #store: WebhookSource

  constructor(store: WebhookSource) {
    this.#store = store
  }

  async read(known?: number): Promise<Webhooks | null> {
    return this.#store.read(() => {
      const webhooks = webhooksIn(this.#store.sql())
      return webhooks.version === known ? null : webhooks
    })
  }

  add(draft: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      const { countWebhooks, addWebhook } = this.#store.sql()
      const [count] = countWebhooks.get() as unknown as [number]
      if (count >= mostWebhooks) return null
      const webhook = webhookMade(draft, this.#store.now())
      if (addWebhook.run(webhook.id, JSON.stringify(webhook)).changes === 0) return null
      this.#changed(audit)
      return webhook
    }, 'adds')
  }

  change(id: string, make: WebhookChange, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.write(() => {
      const { webhook: byId, setWebhook } = this.#store.sql()
      const row = byId.get(id) as unknown as [string] | undefined
      if (row === undefined) return null
      const webhook = make(webhookOf(row), this.#store.now())
      setWebhook.run(JSON.stringify(webhook), id)
      this.#changed(audit)
      return webhook
    })
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      if (this.#store.sql().removeWebhook.run(id).changes === 0) return false
      this.#changed(audit)
      return true
    })
  }

  send(delivery: NewDelivery, audit?: NewEntry): Promise<Delivery> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const number = this.#store.outbox().put({ ...delivery, at: now })
      this.#store.audit(audit, now)
      return this.#delivery(number)!
    }, 'adds')
  }

  async lanes(after: string, limit: number): Promise<readonly Lane[]> {
    return this.#store.read(() => {
      const now = this.#store.now()
      const rows = this.#store.sql().lanes.all(after, limit) as unknown as [string, number][]
      return rows.map(([lane, nextAt]) => ({ lane, dueIn: Math.max(0, nextAt - now) }))
    })
  }

  claim(lanes: readonly Readonly<{ lane: string; room: number }>[], lease: number): Promise<Leased> {
    return this.#store.write(() => {
      const now = this.#store.now()
      let isMore = false
      const deliveries = lanes.flatMap(({ lane, room }) => {
        const { dueDeliveries, deliveryAhead, leaseDelivery, postponeDelivery } = this.#store.sql()
        const most = room + hiddenScanned
        const due = dueDeliveries.all(lane, now, most).map((row) => {
          const delivery = deliveryOfRow(row as unknown as unknown[])
          const ahead = deliveryAhead.get(delivery.taskId, lane, delivery.version) as unknown as
            | [number, number]
            | undefined
          return {
            delivery,
            ahead: ahead === undefined ? null : { nextAt: ahead[0], isLeased: ahead[1] === 1 },
          }
        })
        const { leased, hidden } = chosenOf(due, room, now)
        for (const { one, nextAt } of hidden) postponeDelivery.run(nextAt, one.delivery.number)
        for (const { delivery } of leased) leaseDelivery.run(now + lease, delivery.number)
        isMore ||= leased.length < room && due.length === most
        return leased.map(({ delivery }) => ({ ...delivery, fence: delivery.fence + 1 }))
      })
      return { deliveries, isMore }
    })
  }

  record(attempts: readonly Attempted[]): Promise<readonly boolean[]> {
    return this.#store.write(() => {
      const now = this.#store.now()
      const { isLeased, setDelivery, callDelivery } = this.#store.sql()
      return attempts.map(({ number, fence, ...attempted }) => {
        if (isLeased.get(number, fence) === undefined) return false
        const delivery = this.#delivery(number)!
        const after = tried(delivery, attempted, now)
        setDelivery.run(...triedValues(after), number)
        if (after.nextAt === null) callDelivery.run(now, delivery.taskId, delivery.lane, delivery.version)
        return true
      })
    })
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#store.write(() => {
      const now = this.#store.now()
      for (const { number, fence } of leases) this.#store.sql().releaseDelivery.run(now, number, fence)
    })
  }

  async deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<DeliveryPage> {
    return this.#store.read(() => {
      const most = status === undefined ? limit : deliveriesScanned
      const rows = this.#store.sql().deliveriesOf.all(webhookId, before, most)
      return deliveryPage(
        rows.map((row) => deliveryOfRow(row as unknown as unknown[])),
        { status, limit, most },
      )
    })
  }

  redeliver(webhookId: string, number: number, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.write(() => {
      if (this.#delivery(number)?.webhookId !== webhookId) return null
      this.#call(number)
      this.#store.audit(audit, this.#store.now())
      return this.#delivery(number)!
    })
  }

  redeliverAll(
    webhookId: string,
    { after, before }: Range,
    limit: number,
    audit?: NewEntry,
  ): Promise<number> {
    return this.#store.write(() => {
      const dead = this.#store.sql().deadDeliveriesOf.all(webhookId, after, before, limit)
      for (const row of dead) this.#call((row as unknown as [number])[0])
      this.#store.audit(audit, this.#store.now())
      return dead.length
    })
  }

  async pending(limit: number): Promise<number> {
    return this.#store.read(() => (this.#store.sql().pendingDeliveries.get(limit) as unknown as [number])[0])
  }

  drop(lane: string, limit: number): Promise<number> {
    return this.#store.write(() => Number(this.#store.sql().dropDeliveries.run(lane, limit).changes))
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.write(() =>
      Number(this.#store.sql().pruneDeliveries.run(this.#store.ago(retention), limit).changes),
    )
  }

  #delivery(number: number): (Delivery & Lease) | undefined {
    const row = this.#store.sql().delivery.get(number)
    return row === undefined ? undefined : deliveryOfRow(row as unknown as unknown[])
  }

  /** It is due now, and its attempts start over. */
  #call(number: number): void {
    const delivery = this.#delivery(number)!
    const now = this.#store.now()
    const values = triedValues({ ...delivery, status: 'pending', failures: 0, nextAt: now, endedAt: null })
    this.#store.sql().setDelivery.run(...values, number)
  }

  #changed(audit: NewEntry | undefined): void {
    this.#store.sql().raiseWebhooksVersion.run()
    this.#store.outbox().forget()
    this.#store.audit(audit, this.#store.now())
  }
}
