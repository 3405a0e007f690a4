import { eventNames, type EventName } from './lifecycle.ts'
import {
  isTerminal,
  terminalStatuses,
  type ErrorRecord,
  type Status,
  type Task,
  type TaskId,
} from './task.ts'
import type { TraceContext } from './trace-context.ts'
import { clip } from './text.ts'

/** A webhook: where events of tasks are sent, and which. Times are Unix milliseconds. */
export type Webhook = Readonly<{
  id: string
  url: string
  events: readonly WebhookEvent[]
  /** Null: all types. */
  types: readonly string[] | null
  /** Tasks with at least one of these tags; null: all. */
  tags: readonly string[] | null
  description: string | null
  /** The current one first. Others are valid until their time: messages are signed with all of them. */
  secrets: readonly SigningSecret[]
  /** Events are kept meanwhile, and are delivered when it is resumed. */
  paused: Readonly<{ at: number; by: string }> | null
  /** Its receiver has answered 410 Gone: events are neither kept nor delivered until it is enabled again. */
  disabledAt: number | null
  createdAt: number
  /** The name of the caller that created it. */
  createdBy: string
}>

export type SigningSecret = Readonly<{ secret: string; until: number | null }>

/** What its creator decides. The store adds the time. */
export type NewWebhook = Omit<Webhook, 'createdAt'>

/** All webhooks in creation order, and a number that rises with every change of them. */
export type Webhooks = Readonly<{ version: number; webhooks: readonly Webhook[] }>

export const mostWebhooks = 100
export const longestUrl = 2_048

/** An event that a webhook can name; `task.*` means all. */
export type WebhookEvent = 'task.*' | `task.${EventName}`

export const webhookEvents: readonly WebhookEvent[] = [
  'task.*',
  ...eventNames.map((name) => `task.${name}` as const),
]

/** The id under which deliveries to the `callback_url` of tasks are listed. */
export const callbacksId = 'callbacks'

/** The events that are sent to the `callback_url` of a task. */
export const callbackEvents: readonly string[] = terminalStatuses.map((status) => `task.${status}`)

/** What happened to a task, as webhooks name it: an end of a task has the name of its status, whatever caused it. */
export function eventOf({ event, status }: Readonly<{ event: string; status: Status }>): string {
  return `task.${isTerminal(status) ? status : event}`
}

/** Whether the webhook wants this event of the task. */
export function wants(
  { events, types, tags, disabledAt }: Pick<Webhook, 'events' | 'types' | 'tags' | 'disabledAt'>,
  event: string,
  task: Pick<Task, 'type' | 'tags'>,
): boolean {
  return (
    disabledAt === null &&
    (events.includes('task.*') || events.includes(event as WebhookEvent)) &&
    (types === null || types.includes(task.type)) &&
    (tags === null || tags.some((tag) => task.tags.includes(tag)))
  )
}

/**
 * Deliveries of a lane share a receiver: a webhook, or the origin of callbacks. Deliveries of one task in one lane are sent in the order of
 * its versions.
 */
export function callbackLane(url: string): string {
  return `${callbacksId} ${URL.parse(url)?.origin ?? ''}`
}

export type DeliveryStatus = 'pending' | 'delivered' | 'dead'

/** One event for one receiver, as it commits with the change that caused it. */
export type NewDelivery = Readonly<{
  webhookId: string
  lane: string
  /** Of a callback; null: that of the webhook. */
  url: string | null
  event: string
  /** Null for a test. */
  taskId: TaskId | null
  /** The version of the task after the event. */
  version: number
  at: number
  facts: Facts | null
  trace: TraceContext | null
}>

/** What a message says about its task, as it was then. */
export type Facts = Readonly<{
  type: string
  status: Status
  tags: readonly string[]
  error?: ErrorRecord
}>

export type Delivery = NewDelivery &
  Readonly<{
    /** Unique in the database; rises in the order in which they commit. */
    number: number
    status: DeliveryStatus
    /** The newest attempts, oldest first. */
    tries: readonly Try[]
    /** All attempts. */
    attempts: number
    /** Failed attempts since it was created or redelivered. */
    failures: number
    /** When the next attempt is due; null once it has ended. */
    nextAt: number | null
    endedAt: number | null
  }>

/** One attempt to deliver. `status`: of the answer; null without one. */
export type Try = Readonly<{ at: number; status: number | null; error: string | null; ms: number }>

/** Attempts that are kept for each delivery. */
export const triesKept = 20

/** How an attempt ended. `after`: milliseconds until the next one. */
export type Outcome =
  | Readonly<{ kind: 'delivered' }>
  | Readonly<{ kind: 'failed'; after: number }>
  | Readonly<{ kind: 'dead' }>

/** The delivery after an attempt. */
export function tried(
  delivery: Pick<Delivery, 'tries' | 'attempts' | 'failures'>,
  { outcome, attempt }: Readonly<{ outcome: Outcome; attempt: Omit<Try, 'at'> }>,
  now: number,
): Pick<Delivery, 'status' | 'tries' | 'attempts' | 'failures' | 'nextAt' | 'endedAt'> {
  const { kind } = outcome
  return {
    status: kind === 'failed' ? 'pending' : kind,
    tries: [...delivery.tries, { at: now, ...attempt }].slice(-triesKept),
    attempts: delivery.attempts + 1,
    failures: delivery.failures + (kind === 'delivered' ? 0 : 1),
    nextAt: kind === 'failed' ? now + outcome.after : null,
    endedAt: kind === 'failed' ? null : now,
  }
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

/** Delays before the second attempt and the following ones: about three days together. */
const delays = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
]

/** Attempts before a delivery is dead. */
export const mostAttempts = delays.length + 1

/** The longest wait that a receiver can ask for. */
const longestRetryAfter = 24 * hour

/**
 * Milliseconds until the next attempt after so many failures, this one included; null after the last one. `random` is from 0 to 1:
 * delays vary by a tenth, so that receivers are not met by all messages at once. `retryAfter`: what the receiver asked for, in
 * milliseconds.
 */
export function delayAfter(failures: number, random: number, retryAfter: number | null): number | null {
  const delay = delays[failures - 1]
  if (delay === undefined) return null
  const varied = Math.round(delay * (0.9 + 0.2 * random))
  return Math.max(varied, Math.min(retryAfter ?? 0, longestRetryAfter))
}

/** Milliseconds of a `Retry-After` header: seconds or a date; null if it is absent or invalid. */
export function retryAfterOf(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * second
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

/** The same for each attempt and each receiver, so that receivers can recognize a repeated message. */
export function messageIdOf({
  taskId,
  version,
  number,
}: Pick<Delivery, 'taskId' | 'version' | 'number'>): string {
  return taskId === null ? `msg_test_${number}` : `msg_${taskId}_${version}`
}

/** Characters of texts in a message: with 50 tags of 200 characters, it stays below 20 kB unless those are not Latin. */
const longestMessage = 2_000
/** Bytes of a message beyond which tags are left out. */
const largestBody = 19_000

/** The body of a message. `brief` errors: code and message, never a stack. */
export function bodyOf({ event, at, taskId, version, facts }: NewDelivery): string {
  const timestamp = new Date(at).toISOString()
  if (facts === null || taskId === null) return JSON.stringify({ type: event, timestamp, data: {} })
  const { type, status, tags, error } = facts
  const written = (shownTags: readonly string[]) =>
    JSON.stringify({
      type: event,
      timestamp,
      data: {
        task_id: taskId,
        task_type: type,
        status,
        version,
        tags: shownTags,
        ...(error === undefined
          ? {}
          : { error: { code: error.code, message: clip(error.message, longestMessage) } }),
      },
    })
  const body = written(tags)
  return new TextEncoder().encode(body).length <= largestBody ? body : written([])
}

/** The webhook as it is stored first. */
export function webhookMade(webhook: NewWebhook, now: number): Webhook {
  return { ...webhook, createdAt: now }
}

/** Most secrets that are valid at once. */
const secretsKept = 3

/** The webhook with another secret; those before remain valid for `overlap` milliseconds. */
export function webhookRotated(webhook: Webhook, secret: string, overlap: number, now: number): Webhook {
  const earlier = webhook.secrets
    .map((one) => ({ ...one, until: Math.min(one.until ?? Number.POSITIVE_INFINITY, now + overlap) }))
    .filter(({ until }) => until > now)
  return { ...webhook, secrets: [{ secret, until: null }, ...earlier].slice(0, secretsKept) }
}

/** The secrets with which a message is signed at this time. */
export function validSecrets({ secrets }: Pick<Webhook, 'secrets'>, now: number): readonly string[] {
  return secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret)
}
