import type { NewEntry } from '../core/audit.ts'
import type { Delivery, DeliveryAttempt, DeliveryStatus, NewWebhook, Webhook } from '../core/webhook.ts'

/**
 * Webhooks, and the outbox: events that were committed with the change that they report, by the verbs that make it. Once `add` or
 * `change` has returned, every change of every node goes by it. A change costs nothing more if there is no webhook, and its task
 * has no callback. `distribute` turns events into deliveries, one for each receiver.
 */
export interface WebhookStore {
  /** By creation; the built-in one for callbacks is among them once it has a secret. */
  list(): Promise<readonly WebhookUse[]>

  /** Null if there are already as many as there may be. */
  add(webhook: NewWebhook, audit?: NewEntry): Promise<Webhook | null>

  /** Changes it by this function, which gets it as it is stored; null if it does not exist. */
  change(
    id: string,
    change: (webhook: Webhook, now: number) => Webhook,
    audit?: NewEntry,
  ): Promise<Webhook | null>

  /** With its deliveries, which are deleted later. False if it does not exist. */
  remove(id: string, audit?: NewEntry): Promise<boolean>

  /** Adds a delivery that is about no task; null if the webhook does not exist. */
  test(id: string, data: string, audit?: NewEntry): Promise<Delivery | null>

  /**
   * Turns the oldest events into deliveries: at most `limit`, unless the events of one commit have more. Those to webhooks that are gone are
   * dropped. One node at a time does it, so that the deliveries of a task are in its order.
   */
  distribute(limit: number): Promise<Distributed>

  /**
   * Takes due deliveries of webhooks that are not paused, and reserves them for `lease` milliseconds. A task's deliveries to one receiver
   * are taken one after the other.
   */
  claim(request: DeliveryRequest): Promise<DeliveriesClaimed>

  /** Records how attempts ended. False where somebody else has the delivery by now. */
  settle(results: readonly DeliveryResult[]): Promise<readonly boolean[]>

  /** The newest first. */
  deliveries(query: DeliveryQuery): Promise<readonly Delivery[]>

  /** Makes ended deliveries pending again, at most `limit`; how many. */
  redeliver(id: string, which: Redelivered, audit?: NewEntry): Promise<number>

  /** Pending deliveries, with those of events that are not distributed yet, up to `mostCounted`. */
  depth(): Promise<number>

  /** Deletes deliveries created more than `retention` milliseconds ago, and those of webhooks that are gone, at most `limit`; how many. */
  prune(retention: number, limit: number): Promise<number>

  /** Deliveries that the events of this process have become or will become, since it opened the store. Costs nothing. */
  readonly added: number
}

/** `pending` and `dead` count up to `mostCounted`. */
export type WebhookUse = Readonly<{ webhook: Webhook; pending: number; dead: number }>

export type DeliveryRequest = Readonly<{
  /** Maximum deliveries of one lane that are being tried, and how many are already. */
  perLane: number
  busy: ReadonlyMap<string, number>
  limit: number
  lease: number
  /** The lane after which to begin: the last one of the claim before. */
  after: string
}>

/**
 * A reserved delivery: `claim` distinguishes this attempt from others. `unreadable`: why it cannot be decrypted, as a clause, and so not be
 * sent from here.
 */
export type ClaimedDelivery = Delivery & Readonly<{ claim: number; webhook: Webhook; unreadable?: string }>

/**
 * `dueIn`: milliseconds until the next delivery is due that was not taken; null without any. `hasEvents`: some are not distributed
 * yet.
 */
export type DeliveriesClaimed = Readonly<{
  deliveries: readonly ClaimedDelivery[]
  dueIn: number | null
  last: string
  hasEvents: boolean
}>

/** How many deliveries were added; `more`: there are events left, which another node may be distributing. */
export type Distributed = Readonly<{ deliveries: number; more: boolean }>

export type DeliveryResult = Readonly<{
  number: number
  claim: number
  /** Null: it was not tried, and another one may try it at once. */
  attempt: Omit<DeliveryAttempt, 'at'> | null
  /**
   * `retry`: after this many milliseconds. `gone`: dead, and the webhook is ended. Ignored if it was not tried.
   */
  outcome: 'delivered' | 'dead' | 'gone' | Readonly<{ retryIn: number }>
}>

export type DeliveryQuery = Readonly<{
  webhookId: string
  status?: DeliveryStatus | undefined
  /** Those before this number. */
  before: number | null
  limit: number
}>

/** One delivery, or all dead ones that were created within a time. */
export type Redelivered =
  | Readonly<{ number: number }>
  | Readonly<{ after: number; before: number; limit: number }>

export const mostCounted = 10_000

/** Lanes that one claim looks at. */
export const lanesAtOnce = 200

/** Candidates of a lane that one claim looks at, for each that it may take. */
export const candidatesFor = (room: number) => Math.min(100, room * 4)
