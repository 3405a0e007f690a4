import type { NewEntry } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
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
import {
  chosenOf,
  deliveryOfRow,
  deliveryPage,
  newDeliveryColumns,
  newDeliveryValues,
  triedColumns,
  triedValues,
} from '../outbox.ts'
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
import { addEntries } from './audit.ts'
import type { Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { webhookOf, webhooksOf } from './known-webhooks.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  sql: Statements
  clock: Clock | undefined
  change<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  deliver<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** The tables of webhooks and deliveries. */
export class PostgresWebhooks implements WebhookStore {
  readonly #store: WebhookSource

  constructor(store: WebhookSource) {
    this.#store = store
  }

  read(known?: number): Promise<Webhooks | null> {
    return this.#store.read(async (session) => {
      const rows = await session.query(this.#store.sql.webhooks, [known ?? null])
      return rows[0]?.[0] === known ? null : webhooksOf(rows)
    })
  }

  add(draft: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#change(async (tx, now) => {
      const { countWebhooks, addWebhook } = tx.source.sql
      const [row] = await tx.ask(countWebhooks)
      if (Number(row?.[0]) >= mostWebhooks) return null
      const webhook = webhookMade(draft, now)
      const added = await tx.ask(addWebhook, [encodeText(webhook.id), encodeText(JSON.stringify(webhook))])
      return added.length === 0 ? null : webhook
    }, audit)
  }

  change(id: string, make: WebhookChange, audit?: NewEntry): Promise<Webhook | null> {
    return this.#change(async (tx, now) => {
      const { webhook: byId, setWebhook } = tx.source.sql
      const [row] = await tx.ask(byId, [encodeText(id)])
      if (row === undefined) return null
      const webhook = make(webhookOf(row[0] as string), now)
      tx.write(setWebhook, [encodeText(id), encodeText(JSON.stringify(webhook))])
      return webhook
    }, audit)
  }

  async remove(id: string, audit?: NewEntry): Promise<boolean> {
    const removed = await this.#change(async (tx) => {
      const rows = await tx.ask(tx.source.sql.removeWebhook, [encodeText(id)])
      return rows.length > 0 ? true : null
    }, audit)
    return removed === true
  }

  send(delivery: NewDelivery, audit?: NewEntry): Promise<Delivery> {
    return this.#store.deliver(async (tx) => {
      tx.leaveMark()
      const { now } = await tx.moment(0)
      const sent = { ...delivery, at: now }
      const [row] = await tx.ask(tx.source.sql.addDeliveries, columnsOf([sent]))
      if (audit !== undefined) addEntries(tx, [audit], now)
      const [number] = row as [number]
      const fresh = { status: 'pending', tries: [], attempts: 0, failures: 0 } as const
      return { ...sent, number, ...fresh, nextAt: now, endedAt: null }
    })
  }

  lanes(after: string, limit: number): Promise<readonly Lane[]> {
    const { sql, clock } = this.#store
    return this.#store.read(async (session) => {
      const rows = await session.query(sql.lanes, [encodeText(after), limit, clock?.now() ?? null])
      return rows.map(([lane, dueIn]) => ({
        lane: decodeText(lane as string),
        // Its last delivery may have ended between the two reads.
        dueIn: Math.max(0, (dueIn ?? 0) as number),
      }))
    })
  }

  claim(lanes: readonly Readonly<{ lane: string; room: number }>[], lease: number): Promise<Leased> {
    return this.#store.deliver(async (tx) => {
      const { dueDeliveries, deliveriesAhead, leaseDeliveries, postponeDeliveries } = tx.source.sql
      tx.leaveMark()
      const { now } = await tx.moment(0)
      const most = lanes.map(({ room }) => room + hiddenScanned)
      const rows = await tx.ask(dueDeliveries, [lanes.map(({ lane }) => encodeText(lane)), most, now])
      const due = rows.map((row) => deliveryOfRow(row, decodeText))
      if (due.length === 0) return { deliveries: [], isMore: false }
      const found = await tx.ask(deliveriesAhead, [
        due.map(({ number }) => number),
        due.map(({ taskId }) => (taskId === null ? null : encodeText(taskId))),
        due.map(({ lane }) => encodeText(lane)),
        due.map(({ version }) => version),
      ])
      const ahead = new Map(
        found.map(([number, nextAt, isLeased]) => [
          number as number,
          { nextAt: nextAt as number, isLeased: isLeased as boolean },
        ]),
      )
      let isMore = false
      const chosen = lanes.map(({ lane, room }, index) => {
        const own = due.filter((one) => one.lane === lane)
        const of = chosenOf(
          own.map((delivery) => ({ delivery, ahead: ahead.get(delivery.number) ?? null })),
          room,
          now,
        )
        isMore ||= of.leased.length < room && own.length === most[index]
        return of
      })
      const leased = chosen.flatMap((of) => of.leased.map(({ delivery }) => delivery))
      const hidden = chosen.flatMap((of) => of.hidden)
      if (leased.length > 0) tx.write(leaseDeliveries, [leased.map(({ number }) => number), now + lease])
      if (hidden.length > 0) {
        tx.write(postponeDeliveries, [
          hidden.map(({ one }) => one.delivery.number),
          hidden.map(({ nextAt }) => nextAt),
        ])
      }
      return { deliveries: leased.map((one) => ({ ...one, fence: one.fence + 1 })), isMore }
    })
  }

  record(attempts: readonly Attempted[]): Promise<readonly boolean[]> {
    return this.#store.deliver(async (tx) => {
      tx.leaveMark()
      const rows = await tx.ask(tx.source.sql.leasedDeliveries, [
        attempts.map(({ number }) => number),
        attempts.map(({ fence }) => fence),
      ])
      const { now } = await tx.moment(0)
      const leased = new Map(
        rows.map((row) => deliveryOfRow(row, decodeText)).map((delivery) => [delivery.number, delivery]),
      )
      const isRecorded = ({ number, fence }: Lease) => leased.get(number)?.fence === fence
      const after = attempts.filter(isRecorded).flatMap(({ number, ...attempted }) => {
        const delivery = leased.get(number)
        return delivery === undefined ? [] : [{ ...delivery, ...tried(delivery, attempted, now) }]
      })
      setDeliveries(tx, after)
      const ended = after.filter(({ nextAt, taskId }) => nextAt === null && taskId !== null)
      if (ended.length > 0) {
        tx.write(tx.source.sql.callDeliveries, [
          now,
          ended.map(({ taskId }) => encodeText(taskId!)),
          ended.map(({ lane }) => encodeText(lane)),
          ended.map(({ version }) => version),
        ])
      }
      return attempts.map(isRecorded)
    })
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#store.deliver(async (tx) => {
      tx.leaveMark()
      const { now } = await tx.moment(0)
      const fences = leases.map(({ fence }) => fence)
      tx.write(tx.source.sql.releaseDeliveries, [leases.map(({ number }) => number), fences, now])
    })
  }

  deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<DeliveryPage> {
    const most = status === undefined ? limit : deliveriesScanned
    return this.#store.read(async (session) => {
      const rows = await session.query(this.#store.sql.deliveriesOf, [encodeText(webhookId), before, most])
      return deliveryPage(
        rows.map((row) => deliveryOfRow(row, decodeText)),
        { status, limit, most },
      )
    })
  }

  redeliver(webhookId: string, number: number, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.deliver(async (tx) => {
      tx.leaveMark()
      const [row] = await tx.ask(tx.source.sql.delivery, [number, encodeText(webhookId)])
      if (row === undefined) return null
      const { now } = await tx.moment(0)
      const called = calledAt(deliveryOfRow(row, decodeText), now)
      setDeliveries(tx, [called])
      if (audit !== undefined) addEntries(tx, [audit], now)
      return called
    })
  }

  redeliverAll(
    webhookId: string,
    { after, before }: Range,
    limit: number,
    audit?: NewEntry,
  ): Promise<number> {
    return this.#store.deliver(async (tx) => {
      tx.leaveMark()
      const rows = await tx.ask(tx.source.sql.deadDeliveriesOf, [encodeText(webhookId), after, before, limit])
      const { now } = await tx.moment(0)
      setDeliveries(
        tx,
        rows.map((row) => calledAt(deliveryOfRow(row, decodeText), now)),
      )
      if (audit !== undefined) addEntries(tx, [audit], now)
      return rows.length
    })
  }

  pending(limit: number): Promise<number> {
    return this.#store.read(async (session) => {
      const [row] = await session.query(this.#store.sql.pendingDeliveries, [limit])
      return Number(row?.[0])
    })
  }

  drop(lane: string, limit: number): Promise<number> {
    return this.#store.deliver(
      async (tx) => (await tx.ask(tx.source.sql.dropDeliveries, [encodeText(lane), limit])).length,
    )
  }

  prune(retention: number, limit: number): Promise<number> {
    return this.#store.deliver(async (tx) => {
      const now = tx.source.clock?.now() ?? null
      return (await tx.ask(tx.source.sql.pruneDeliveries, [now, retention, limit])).length
    })
  }

  /** The version rises first: its row is the lock of all changes. A change that changes nothing only makes nodes read again. */
  #change<T>(
    make: (tx: Transaction, now: number) => Promise<T | null>,
    audit: NewEntry | undefined,
  ): Promise<T | null> {
    return this.#store.change(async (tx) => {
      tx.leaveMark()
      tx.write(tx.source.sql.raiseWebhooksVersion)
      const { now } = await tx.moment(0)
      const made = await make(tx, now)
      if (made !== null && audit !== undefined) addEntries(tx, [audit], now)
      return made
    })
  }
}

/** Within the transaction of what they report. */
export function addDeliveries(tx: Transaction, deliveries: readonly NewDelivery[]): void {
  if (deliveries.length === 0) return
  tx.inPortions(deliveries, (portion) => tx.write(tx.source.sql.addDeliveries, columnsOf(portion)))
}

function columnsOf(deliveries: readonly NewDelivery[]) {
  const rows = deliveries.map((delivery) => newDeliveryValues(delivery, encodeText))
  return newDeliveryColumns.map((_, index) => rows.map((row) => row[index]!))
}

function setDeliveries(tx: Transaction, deliveries: readonly Delivery[]): void {
  if (deliveries.length === 0) return
  const rows = deliveries.map(triedValues)
  tx.write(tx.source.sql.setDeliveries, [
    deliveries.map(({ number }) => number),
    ...triedColumns.map((_, index) => rows.map((row) => row[index]!)),
  ])
}

/** It is due now, and its attempts start over. */
function calledAt<D extends Delivery>(delivery: D, now: number): D {
  return { ...delivery, status: 'pending', failures: 0, nextAt: now, endedAt: null }
}
