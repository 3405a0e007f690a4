import type { NewEntry } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
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
  type DueLane,
} from '../delivery-changes.ts'
import { deliveryCount, type StoredDelivery } from '../delivery-rows.ts'
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
import { addEntries } from './audit.ts'
import type { Rows, Session } from './connection.ts'
import { deliveryFrom, readWebhooks, webhookFrom, type Outbox } from './outbox.ts'
import { addDeliveries } from './telling.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the webhooks use of the store. */
export type WebhookSource = Readonly<{
  sql: Statements
  clock: Clock | undefined
  outbox: Outbox
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  /** The same on a connection of its own: it delays no change of a task. */
  aside<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** The tables of webhooks and deliveries. Nodes skip deliveries that another one has locked. */
export class PostgresWebhooks implements WebhookStore {
  readonly #store: WebhookSource

  constructor(store: WebhookSource) {
    this.#store = store
  }

  get added(): number {
    return this.#store.outbox.added
  }

  list(): Promise<readonly WebhookUse[]> {
    const { sql } = this.#store
    return this.#store.read(async (session) => {
      const rows = await session.query(sql.webhooks)
      const webhooks = rows.flatMap(([, body]) => (body === null ? [] : [webhookFrom(body as string)]))
      return Promise.all(
        webhooks.map(async (webhook) => {
          const lanes = lanesOf(webhook.id).map(encodeText)
          const counted = session.query(sql.countDeliveries, [webhook.id, ...lanes, mostCounted])
          const [pending, dead] = (await counted)[0] as [number, number]
          return { webhook, pending, dead }
        }),
      )
    })
  }

  add(draft: NewWebhook, audit?: NewEntry): Promise<Webhook | null> {
    return this.#store.alone(async (tx) => {
      const { webhooks, now } = await this.#locked(tx)
      if (webhooks.length >= webhookBounds.webhooks) return null
      const webhook = { ...draft, createdAt: now }
      keep(tx, webhook)
      if (audit !== undefined) addEntries(tx, [audit], now)
      return webhook
    })
  }

  change(
    id: string,
    change: (webhook: Webhook, now: number) => Webhook,
    audit?: NewEntry,
  ): Promise<Webhook | null> {
    return this.#store.alone(async (tx) => {
      const { webhooks, now } = await this.#locked(tx)
      const found = findWebhook(webhooks, id, now)
      if (found === undefined) return null
      const webhook = change(found, now)
      keep(tx, webhook)
      if (audit !== undefined) addEntries(tx, [audit], now)
      return webhook
    })
  }

  remove(id: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.alone(async (tx) => {
      const { webhooks, now } = await this.#locked(tx)
      if (!webhooks.some((webhook) => webhook.id === id)) return false
      tx.write(tx.source.sql.removeWebhook, [encodeText(id)])
      tx.write(tx.source.sql.raiseWebhooksVersion)
      if (audit !== undefined) addEntries(tx, [audit], now)
      return true
    })
  }

  test(id: string, data: string, audit?: NewEntry): Promise<Delivery | null> {
    return this.#store.alone(async (tx) => {
      const { webhooks, now } = await this.#locked(tx)
      if (!webhooks.some((webhook) => webhook.id === id)) return null
      addDeliveries(tx, [testDelivery(id, data, now)], now)
      this.#store.outbox.added += 1
      if (audit !== undefined) addEntries(tx, [audit], now)
      // Nobody else adds one of its kind while the webhooks are locked.
      const [row] = await tx.ask(tx.source.sql.newestTest, [id])
      return withoutClaim(deliveryFrom(row!))
    })
  }

  distribute(limit: number): Promise<Distributed> {
    return this.#store.aside(async (tx) => {
      const { sql, schema, outbox } = tx.source
      const [[isOurs] = []] = await tx.ask(sql.tryDistribute, [schema])
      if (isOurs !== true) return { deliveries: 0, more: true }
      tx.leaveMark()
      // Only now: what another node has distributed must not be read.
      const rows = await tx.ask(sql.oldestEvents, [limit])
      if (rows.length === 0) return { deliveries: 0, more: false }
      const { now } = await tx.moment(0)
      const events = rows.flatMap(([, body]) => unpacked(decodeText(body as string)))
      const deliveries = deliveriesTo(await outbox.webhooks(tx), events)
      addDeliveries(tx, deliveries, now)
      tx.write(sql.dropEvents, [rows.map(([number]) => number as number)])
      return { deliveries: deliveries.length, more: true }
    })
  }

  async claim(request: DeliveryRequest): Promise<DeliveriesClaimed> {
    // Nothing is written while nothing is due.
    const { sql, clock } = this.#store
    const looked = await this.#store.read(async (session) => {
      const [found, rows, events] = await Promise.all([
        session.query(sql.lanesDue, [encodeText(request.after), lanesAtOnce, clock?.now() ?? null]),
        session.query(sql.webhooks),
        session.query(sql.hasEvents),
      ])
      const webhooks = rows.flatMap(([, body]) => (body === null ? [] : [webhookFrom(body as string)]))
      const lanes = found.map(([lane, wait]) => ({ lane: decodeText(lane as string), wait: wait as number }))
      return { ...lookAt(lanes, webhooks, request, 0), hasEvents: events[0]![0] as boolean }
    })
    const { due, ...rest } = looked
    if (due.length === 0) return { deliveries: [], ...rest }
    const deliveries = await this.#store.aside((tx) => take(tx, due, request.lease))
    return { deliveries, ...rest }
  }

  settle(results: readonly DeliveryResult[]): Promise<readonly boolean[]> {
    return this.#store.aside(async (tx) => {
      const { sql } = tx.source
      tx.leaveMark()
      const numbers = results.map(({ number }) => number)
      const rows = await tx.ask(sql.lockDeliveries, [numbers])
      const found = new Map(rows.map((row) => [row[0] as number, deliveryFrom(row)]))
      const { now } = await tx.moment(0)
      const gone = new Set<string>()
      const ended: StoredDelivery[] = []
      const changed: { one: StoredDelivery; to: ReturnType<typeof settled> }[] = []
      const answers = results.map((result) => {
        const one = found.get(result.number)
        if (one?.status !== 'pending' || one.claim !== result.claim) return false
        found.delete(result.number)
        const to = settled(one, result, now)
        changed.push({ one, to })
        if (to.status !== 'pending' && one.taskId !== null) ended.push(one)
        if (result.outcome === 'gone' && one.webhookId !== callbacksId) gone.add(one.webhookId)
        return true
      })
      if (changed.length > 0) {
        tx.write(sql.settleDeliveries, [
          changed.map(({ one }) => one.number),
          changed.map(({ to }) => to.status),
          changed.map(({ to }) => to.attempts),
          changed.map(({ to }) => to.nextAt),
          changed.map(({ to }) => encodeText(JSON.stringify(to.history))),
        ])
      }
      if (ended.length > 0) {
        tx.write(sql.wakeNext, [
          ended.map(({ lane }) => encodeText(lane)),
          ended.map(({ taskId }) => encodeText(taskId!)),
          now,
        ])
      }
      if (gone.size > 0) {
        const { webhooks } = await this.#locked(tx)
        for (const webhook of webhooks) if (gone.has(webhook.id)) keep(tx, webhookEnded(webhook, now))
      }
      return answers
    })
  }

  deliveries({ webhookId, status, before, limit }: DeliveryQuery): Promise<readonly Delivery[]> {
    return this.#store.read(async (session) => {
      const place = [encodeText(webhookId), before ?? Number.MAX_SAFE_INTEGER, limit] as const
      const { deliveriesBefore, deliveriesWith } = this.#store.sql
      const rows = await (status === undefined
        ? session.query(deliveriesBefore, place)
        : session.query(deliveriesWith, [...place, status]))
      return rows.map((row) => withoutClaim(deliveryFrom(row)))
    })
  }

  redeliver(id: string, which: Redelivered, audit?: NewEntry): Promise<number> {
    return this.#store.alone(async (tx) => {
      const { redeliverOne, redeliverDead } = tx.source.sql
      tx.leaveMark()
      const { now } = await tx.moment(0)
      const rows = await ('number' in which
        ? tx.ask(redeliverOne, [encodeText(id), now, which.number])
        : tx.ask(redeliverDead, [encodeText(id), now, which.after, which.before, which.limit]))
      if (rows.length > 0 && audit !== undefined) addEntries(tx, [audit], now)
      this.#store.outbox.added += rows.length
      return rows.length
    })
  }

  depth(): Promise<number> {
    return this.#store.read(async (session) => {
      const [row] = await session.query(this.#store.sql.countAllPending, [mostCounted])
      return row![0] as number
    })
  }

  async prune(retention: number, limit: number): Promise<number> {
    const { sql, clock } = this.#store
    const now = clock?.now() ?? null
    const any = await this.#store.read((session) => session.query(sql.anyOldDelivery, [now, retention]))
    if (any[0]?.[0] !== true) return 0
    return this.#store.aside(async (tx) => {
      tx.leaveMark()
      const old = await tx.ask(sql.dropOldDeliveries, [now, retention, limit])
      const told = await tx.ask(sql.dropOldEvents, [now, retention, limit])
      const deleted = told.reduce((sum, [deliveries]) => sum + (deliveries as number), old.length)
      if (deleted >= limit) return deleted
      const orphans = await tx.ask(sql.dropOrphanedDeliveries, [limit - deleted])
      return deleted + orphans.length
    })
  }

  /** Until the commit, nobody else changes them. */
  async #locked(tx: Transaction): Promise<Readonly<{ webhooks: readonly Webhook[]; now: number }>> {
    tx.leaveMark()
    tx.write(tx.source.sql.lockWebhooks)
    const { webhooks } = await readWebhooks(tx)
    const { now } = await tx.moment(0)
    return { webhooks, now }
  }
}

function keep(tx: Transaction, webhook: Webhook): void {
  tx.write(tx.source.sql.putWebhook, [webhook.id, encodeText(JSON.stringify(webhook))])
  tx.write(tx.source.sql.raiseWebhooksVersion)
}

async function take(tx: Transaction, due: readonly DueLane[], lease: number): Promise<ClaimedDelivery[]> {
  const { sql } = tx.source
  tx.leaveMark()
  const { now } = await tx.moment(0)
  const until = now + lease
  const rows = await tx.ask(sql.lockDue, [
    due.map(({ lane }) => encodeText(lane)),
    due.map(({ room }) => candidatesFor(room)),
    now,
  ])
  const byLane = Map.groupBy(rows, (row) => decodeText(row[2] as string))
  const taken: ClaimedDelivery[] = []
  const blocked: Rows[number][] = []
  for (const { lane, room, webhook } of due) {
    let left = room
    for (const row of byLane.get(lane) ?? []) {
      if (left === 0) break
      const one = deliveryFrom(row)
      const head = row[deliveryCount] as number | null
      if (head !== null && head !== one.number) {
        blocked.push([one.number, head])
        continue
      }
      taken.push({ ...one, claim: one.claim + 1, nextAt: until, webhook })
      left -= 1
    }
  }
  if (taken.length > 0) tx.write(sql.reserve, [taken.map(({ number }) => number), until])
  // Their heads are locked, so none of them ends before this is committed, and then wakes them. They come after their heads, even those
  // that are due: else, they could be all that claims look at.
  if (blocked.length > 0) {
    tx.write(sql.postpone, [
      blocked.map(([number]) => number as number),
      blocked.map(([, head]) => head as number),
    ])
  }
  return taken
}
