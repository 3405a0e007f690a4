import type { NewEntry } from '../../core/audit.ts'
import type { Clock } from '../../core/clock.ts'
import {
  callbacksId,
  callbacksWebhook,
  testEvent,
  webhookBounds,
  type Delivery,
  type NewWebhook,
  type Webhook,
} from '../../core/webhook.ts'
import { lanesOf, settled, webhookEnded, withoutClaim } from '../delivery-changes.ts'
import {
  candidatesFor,
  lanesAtOnce,
  mostCounted,
  type ClaimedDelivery,
  type DeliveriesClaimed,
  type DeliveryQuery,
  type DeliveryRequest,
  type DeliveryResult,
  type Redelivered,
  type WebhookStore,
  type WebhookUse,
} from '../webhook-store.ts'
import { addEntries } from './audit.ts'
import type { Rows, Session } from './connection.ts'
import { deliveryCount, deliveryFrom, type StoredDelivery } from './delivery-rows.ts'
import { readWebhooks, webhookFrom, type Outbox } from './outbox.ts'
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
      const found = find(webhooks, id, now)
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
      const about = { webhookId: id, lane: id, url: null, event: testEvent, taskId: null, version: 0, data }
      addDeliveries(tx, [{ ...about, createdAt: now }])
      if (audit !== undefined) addEntries(tx, [audit], now)
      // Nobody else adds one of its kind while the webhooks are locked.
      const [row] = await tx.ask(tx.source.sql.newestTest, [id])
      return withoutClaim(deliveryFrom(row!))
    })
  }

  async claim(request: DeliveryRequest): Promise<DeliveriesClaimed> {
    // Nothing is written while nothing is due.
    const { sql, clock } = this.#store
    const looked = await this.#store.read(async (session) => {
      const [lanes, rows] = await Promise.all([
        session.query(sql.lanesDue, [encodeText(request.after), lanesAtOnce, clock?.now() ?? null]),
        session.query(sql.webhooks),
      ])
      const webhooks = rows.flatMap(([, body]) => (body === null ? [] : [webhookFrom(body as string)]))
      return look(webhooks, lanes, request)
    })
    const { due, dueIn, last } = looked
    if (due.length === 0) return { deliveries: [], dueIn, last }
    const deliveries = await this.#store.aside((tx) => take(tx, due, request.lease))
    return { deliveries, dueIn, last }
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
      if (old.length >= limit) return old.length
      const orphans = await tx.ask(sql.dropOrphanedDeliveries, [limit - old.length])
      return old.length + orphans.length
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

function find(webhooks: readonly Webhook[], id: string, now: number): Webhook | undefined {
  const found = webhooks.find((webhook) => webhook.id === id)
  return found ?? (id === callbacksId ? callbacksWebhook(now) : undefined)
}

type Due = Readonly<{ lane: string; room: number; webhook: Webhook }>

/** Lanes with something to take, and how much. */
function look(
  webhooks: readonly Webhook[],
  lanes: Rows,
  { perLane, busy, limit, after }: DeliveryRequest,
): Readonly<{ due: readonly Due[]; dueIn: number | null; last: string }> {
  const due: Due[] = []
  let [last, left, soonest] = [after, limit, Number.POSITIVE_INFINITY]
  for (const [text, wait] of lanes) {
    if (left === 0) break
    const lane = decodeText(text as string)
    const dueIn = wait as number
    const webhook = find(webhooks, lane.startsWith(`${callbacksId} `) ? callbacksId : lane, 0)
    if (webhook === undefined || webhook.paused !== null) continue
    if (dueIn > 0) {
      soonest = Math.min(soonest, dueIn)
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

async function take(tx: Transaction, due: readonly Due[], lease: number): Promise<ClaimedDelivery[]> {
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
  // Their heads are locked, so none of them ends before this is committed, and then wakes them.
  if (blocked.length > 0) {
    tx.write(sql.postpone, [
      blocked.map(([number]) => number as number),
      blocked.map(([, head]) => head as number),
      now,
    ])
  }
  return taken
}
