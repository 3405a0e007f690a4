import { clip } from './text.ts'
import {
  statuses,
  type Callback,
  type ErrorRecord,
  type Json,
  type Status,
  type Task,
  type TaskId,
} from './task.ts'

/**
 * Who is told what happens to tasks: a *webhook* is told of all tasks that match, a *callback* of the end of one task. A *delivery*
 * is one message to one of them. Times are Unix milliseconds.
 */

/** The event of a task that has this status from now on. */
export const webhookEvents = statuses.map((status) => `task.${status}` as const)
export const anyEvent = 'task.*'
/** Sent by hand; it is about no task. */
export const testEvent = 'webhook.test'

export type WebhookEvent = `task.${Status}` | typeof anyEvent

/** A secret; those before the last rotation sign until their time is over. */
export type WebhookSecret = Readonly<{ secret: string; until: number | null }>

export type Webhook = Readonly<{
  id: string
  url: string
  events: readonly WebhookEvent[]
  /** Null: all types. */
  types: readonly string[] | null
  /** At least one of them; null: any. */
  tags: readonly string[] | null
  /**
   * Null: it is active. Nothing is delivered while it is paused, and events are kept. One that the receiver has ended with 410 is
   * told of nothing new.
   */
  paused: Readonly<{ since: number; by: string; why: string | null; isGone: boolean }> | null
  /** The newest first, at most two. */
  secrets: readonly WebhookSecret[]
  createdAt: number
}>

/** What its creator decides. The store adds the time. */
export type NewWebhook = Omit<Webhook, 'createdAt'>

/** The deliveries of callbacks are listed, repeated and signed under this id. */
export const callbacksId = 'callbacks'

export const webhookBounds = {
  webhooks: 100,
  url: 2_000,
  types: 100,
  tags: 50,
  /** Attempts that are remembered for each delivery. */
  history: 20,
} as const

export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const
export type DeliveryStatus = (typeof deliveryStatuses)[number]

/** One attempt of a delivery. */
export type DeliveryAttempt = Readonly<{
  at: number
  /** Null: no response came. */
  status: number | null
  /** Null: it was delivered. */
  error: string | null
  /** Milliseconds. */
  took: number
}>

export type Delivery = Readonly<{
  /** Unique in the database, in the order in which events were committed. */
  number: number
  webhookId: string
  /** Deliveries of one lane take turns with those of others. */
  lane: string
  /** Of a callback; null: the URL of the webhook. */
  url: string | null
  event: string
  /** Null for a test. */
  taskId: TaskId | null
  /** Of the task after the event: deliveries about one task are made in this order. */
  version: number
  /** The `data` of the message. */
  data: Json
  createdAt: number
  status: DeliveryStatus
  attempts: number
  /** When it is tried again; while it is being tried, when it is given up. Null once it has ended. */
  nextAt: number | null
  /** The newest attempts, oldest first. */
  history: readonly DeliveryAttempt[]
}>

/** A new delivery; the store adds the rest. */
export type NewDelivery = Pick<
  Delivery,
  'webhookId' | 'lane' | 'url' | 'event' | 'taskId' | 'version' | 'data' | 'createdAt'
>

/** The `webhook-id`: the same for each attempt and each receiver of the event. */
export function messageId({
  number,
  taskId,
  version,
}: Pick<Delivery, 'number' | 'taskId' | 'version'>): string {
  return taskId === null ? `msg_test_${number}` : `msg_${taskId}_${version}`
}

/** One transition, as far as it decides what is told. */
export type Told = Readonly<{ before: Pick<Task, 'status'> | null; task: Task; at: number }>

/** Whether any transition of this task may have to be told. */
export function isTold({ callback }: Pick<Task, 'callback'>, webhooks: readonly Webhook[]): boolean {
  return callback !== null || webhooks.length > 0
}

/** An event of a task, with what its messages say and who receives them: what the outbox takes up. */
export type TaskEvent = Readonly<{
  /** Ids of webhooks. */
  to: readonly string[]
  callback: Callback | null
  id: TaskId
  type: string
  status: Status
  version: number
  at: number
  tags: readonly string[]
  /** Of the end of the task. Its message is clipped; if it is encrypted, it is decrypted before it is sent. */
  error: Readonly<{ code: string; message: string }> | null
}>

/** The event of a transition; undefined if no webhook or callback receives it. */
export function eventOf({ before, task, at }: Told, webhooks: readonly Webhook[]): TaskEvent | undefined {
  const { id, type, status, version, tags } = task
  if (before?.status === status) return undefined
  let to = nobody
  for (const webhook of webhooks) {
    if (!wants(webhook, task)) continue
    if (to === nobody) to = []
    to.push(webhook.id)
  }
  const hasEnded = isEnd(status)
  const callback = hasEnded && task.completedAt !== null ? task.callback : null
  if (to.length === 0 && callback === null) return undefined
  const error = hasEnded && task.error !== null ? shortened(task.error) : null
  return { to, callback, id, type, status, version, at, tags, error }
}

const nobody: string[] = []

function shortened({ code, message, brief }: ErrorRecord): TaskEvent['error'] {
  return { code, message: brief ?? clip(message, errorLength) }
}

/** The deliveries of an event. */
export function deliveriesOf(event: TaskEvent): NewDelivery[] {
  const { to, callback, id: taskId, status, version, at: createdAt } = event
  const about = { event: `task.${status}`, taskId, version, data: dataOf(event), createdAt }
  const deliveries: NewDelivery[] = to.map((id) => ({ webhookId: id, lane: id, url: null, ...about }))
  if (callback !== null)
    deliveries.push({ webhookId: callbacksId, lane: laneOfCallback(callback), url: callback.url, ...about })
  return deliveries
}

/** How many they are. */
export function deliveryCountOf({ to, callback }: Pick<TaskEvent, 'to' | 'callback'>): number {
  return to.length + (callback === null ? 0 : 1)
}

export function laneOfCallback({ origin }: Callback): string {
  return `${callbacksId} ${origin}`
}

function isEnd(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

function wants({ id, events, types, tags, paused }: Webhook, task: Task): boolean {
  return (
    id !== callbacksId &&
    paused?.isGone !== true &&
    (events.includes(anyEvent) || events.includes(`task.${task.status}`)) &&
    (types === null || types.includes(task.type)) &&
    (tags === null || tags.some((tag) => task.tags.includes(tag)))
  )
}

/** Maximum length of an error message in a message, and of all tags in it, in bytes. */
const errorLength = 300
const tagBytes = 10_000

/** Thin: whoever wants more asks the API. */
function dataOf({ id, type, status, version, tags, error }: TaskEvent): Json {
  return JSON.stringify({
    task_id: id,
    task_type: type,
    status,
    version,
    tags: tags.length === 0 ? tags : fitting(tags),
    ...(error === null ? {} : { error }),
  })
}

function fitting(tags: readonly string[]): readonly string[] {
  let left = tagBytes
  return tags.filter((tag) => (left -= JSON.stringify(tag).length * 3) >= 0)
}

/** The message of a delivery. */
export function bodyOf({ event, createdAt, data }: Pick<Delivery, 'event' | 'createdAt' | 'data'>): string {
  const head = `{"type":${JSON.stringify(event)},"timestamp":"${new Date(createdAt).toISOString()}"`
  return `${head},"data":${data}}`
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Between the attempts of a delivery: about three days in all. */
const delays = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
  24 * hour,
] as const
const longestDelay = 24 * hour
const jitter = 0.2

/** No delivery waits longer for its next attempt. */
export const longestRetry = Math.round(longestDelay * (1 + jitter))

/** Attempts before a delivery is dead. */
export const deliveryAttempts = delays.length + 1

/**
 * Milliseconds until the next attempt, after this many; null after the last one. `asked`: what the receiver asked for. `random`: from 0 to
 * below 1.
 */
export function retryDelay(attempts: number, asked: number | null, random: number): number | null {
  const delay = delays[attempts - 1]
  if (delay === undefined) return null
  const spread = delay * (1 + jitter * (2 * random - 1))
  return Math.round(Math.max(spread, Math.min(asked ?? 0, longestDelay)))
}

/** The webhook with another secret; the one before signs for `overlap` milliseconds more. */
export function secretRotated(webhook: Webhook, secret: string, overlap: number, now: number): Webhook {
  const [last] = webhook.secrets
  const earlier = last === undefined || overlap <= 0 ? [] : [{ secret: last.secret, until: now + overlap }]
  return { ...webhook, secrets: [{ secret, until: null }, ...earlier] }
}

/** The secrets that sign now. */
export function signingSecrets({ secrets }: Pick<Webhook, 'secrets'>, now: number): string[] {
  return secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret)
}

/** The built-in one, whose secret signs callbacks. */
export function callbacksWebhook(now: number): Webhook {
  return {
    id: callbacksId,
    url: '',
    events: ['task.completed', 'task.failed', 'task.cancelled'],
    types: null,
    tags: null,
    paused: null,
    secrets: [],
    createdAt: now,
  }
}
