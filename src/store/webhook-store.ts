import type { NewEntry } from '../core/audit.ts'
import type {
  Delivery,
  DeliveryStatus,
  NewDelivery,
  NewWebhook,
  Outcome,
  Try,
  Webhook,
  Webhooks,
} from '../core/webhook.ts'

/**
 * Where webhooks and their deliveries live: in the database of the tasks, in tables of their own. A delivery is written in the
 * transaction of the change that it reports, for each webhook that existed when that transaction began, and for the `callback_url` of the
 * task. Without webhooks and callbacks, a change writes and reads nothing more.
 */
export interface WebhookStore {
  /** All webhooks, in creation order; null if their version is the one that the caller knows. */
  read(known?: number): Promise<Webhooks | null>

  /** Null if there are `mostWebhooks`, or one with this id. */
  add(webhook: NewWebhook, audit?: NewEntry): Promise<Webhook | null>

  /** Replaces the webhook by what `make` returns of it, which may be called again. Null if it does not exist. */
  change(id: string, make: WebhookChange, audit?: NewEntry): Promise<Webhook | null>

  /** Its deliveries end with it. False if it does not exist. */
  remove(id: string, audit?: NewEntry): Promise<boolean>

  /** Adds a delivery that reports no change. */
  send(delivery: NewDelivery, audit?: NewEntry): Promise<Delivery>

  /** The lanes with pending deliveries after `after`, by name, at most `limit`: one read of an index for each. */
  lanes(after: string, limit: number): Promise<readonly Lane[]>

  /**
   * Leases due deliveries of these lanes, at most `room` of each. The first one of its task in its lane hides those that follow it. A
   * delivery whose lease ends is due again.
   */
  claim(lanes: readonly Readonly<{ lane: string; room: number }>[], lease: number): Promise<Leased>

  /** Records how attempts ended. False where the lease has passed to another one, or the delivery is gone. */
  record(attempts: readonly Attempted[]): Promise<readonly boolean[]>

  /** Gives back leases: these are due now. */
  release(leases: readonly Lease[]): Promise<void>

  /** Deliveries of a webhook, newest first. */
  deliveries(query: DeliveryQuery): Promise<DeliveryPage>

  /** The delivery is due now, whatever its status; its attempts start over. Null if the webhook has no such delivery. */
  redeliver(webhookId: string, number: number, audit?: NewEntry): Promise<Delivery | null>

  /**
   * The same for dead deliveries of events at or after `after` and before `before`, the oldest first, at most `limit`. Returns how
   * many. The entry is added if there is one.
   */
  redeliverAll(webhookId: string, range: Range, limit: number, audit?: NewEntry): Promise<number>

  /** The number of pending deliveries, counted up to `limit`. */
  pending(limit: number): Promise<number>

  /** Deletes pending deliveries of this lane, at most `limit`; returns how many. */
  drop(lane: string, limit: number): Promise<number>

  /** Deletes deliveries that ended more than `retention` milliseconds ago, at most `limit`; returns how many. */
  prune(retention: number, limit: number): Promise<number>
}

export type WebhookChange = (webhook: Webhook, now: number) => Webhook

/** `dueIn`: milliseconds until its first delivery, which may be hidden by an earlier one. */
export type Lane = Readonly<{ lane: string; dueIn: number }>

/** Proves that a delivery is leased: each lease has a higher fence. */
export type Lease = Readonly<{ number: number; fence: number }>

/** `isMore`: there may be further ones that are due, in lanes that had room. */
export type Leased = Readonly<{ deliveries: readonly (Delivery & Lease)[]; isMore: boolean }>

export type Attempted = Lease & Readonly<{ outcome: Outcome; attempt: Omit<Try, 'at'> }>

export type DeliveryQuery = Readonly<{
  webhookId: string
  status?: DeliveryStatus
  /** Those before this number. */
  before: number
  limit: number
}>

/** `next`: the last one, if more may follow. */
export type DeliveryPage = Readonly<{ deliveries: readonly Delivery[]; next: number | null }>

export type Range = Readonly<{ after: number; before: number }>

/** Deliveries read for one page when their status is filtered without an index. */
export const deliveriesScanned = 2_000

/** Due deliveries read beyond the room of a lane, in case earlier ones hide them. */
export const hiddenScanned = 100

/** Milliseconds after which a delivery is looked at again that one in flight hides; the end of that one calls it earlier. */
export const hiddenWait = 1_000
