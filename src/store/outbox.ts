import type { Status, Task, TimelineEntry } from '../core/task.ts'
import type { TraceContext } from '../core/trace-context.ts'
import {
  callbackEvents,
  callbackLane,
  callbacksId,
  eventOf,
  wants,
  type Delivery,
  type DeliveryStatus,
  type Facts,
  type NewDelivery,
  type Try,
  type Webhook,
} from '../core/webhook.ts'
import { timelineOf } from './codec.ts'
import { hiddenWait, type DeliveryPage } from './webhook-store.ts'

/** What changes add to the outbox, and how the rows of deliveries are read, for all SQL stores. */

/** What decides whether an event is for a webhook, as it is stored. */
export type Wanted = Pick<Webhook, 'id' | 'events' | 'types' | 'tags' | 'disabledAt'>

/** The deliveries of a row that was inserted or moved. `lines`: the timeline lines of its events. */
export function deliveriesOf(task: Task, lines: string, webhooks: readonly Wanted[]): NewDelivery[] {
  if ((webhooks.length === 0 && task.callbackUrl === null) || lines === '') return []
  const entries = timelineOf(lines.startsWith(',') ? lines.slice(1) : lines)
  return entries.flatMap((entry) => deliveriesOfEntry(task, entry, webhooks))
}

export function deliveriesOfEntry(
  task: Task,
  entry: TimelineEntry,
  webhooks: readonly Wanted[],
): NewDelivery[] {
  const { id: taskId, type, tags, trace, callbackUrl } = task
  const { version, at, status, error } = entry
  const event = eventOf(entry)
  const facts: Facts = { type, status, tags, ...(error === undefined ? {} : { error }) }
  const of = (webhookId: string, lane: string, url: string | null): NewDelivery => ({
    webhookId,
    lane,
    url,
    event,
    taskId,
    version,
    at,
    facts,
    trace,
  })
  const own = webhooks.filter((webhook) => wants(webhook, event, task)).map(({ id }) => of(id, id, null))
  if (callbackUrl === null || !callbackEvents.includes(event)) return own
  return [...own, of(callbacksId, callbackLane(callbackUrl), callbackUrl)]
}

/** The columns of a new delivery. */
export const newDeliveryColumns = [
  { name: 'webhook_id', type: 'text' },
  { name: 'lane', type: 'text' },
  { name: 'url', type: 'text' },
  { name: 'event', type: 'text' },
  { name: 'task_id', type: 'text' },
  { name: 'version', type: 'int' },
  { name: 'at', type: 'bigint' },
  { name: 'facts', type: 'text' },
  { name: 'trace', type: 'text' },
] as const

/** The columns that attempts change. */
export const triedColumns = [
  { name: 'status', type: 'text' },
  { name: 'tries', type: 'text' },
  { name: 'attempts', type: 'int' },
  { name: 'failures', type: 'int' },
  { name: 'next_at', type: 'bigint' },
  { name: 'ended_at', type: 'bigint' },
] as const

/** The columns of a delivery in the order in which they are read: its number first, its fence last. */
export const deliveryNames = [
  'number',
  ...[...newDeliveryColumns, ...triedColumns].map(({ name }) => name),
  'fence',
]

type Value = string | number | null

/** `encode`: how the store keeps a text. */
export function newDeliveryValues(
  { webhookId, lane, url, event, taskId, version, at, facts, trace }: NewDelivery,
  encode: (text: string) => string = same,
): Value[] {
  const text = (value: string | null) => (value === null ? null : encode(value))
  return [
    encode(webhookId),
    encode(lane),
    text(url),
    event,
    text(taskId),
    version,
    at,
    text(facts === null ? null : JSON.stringify(facts)),
    trace,
  ]
}

export function triedValues({
  status,
  tries,
  attempts,
  failures,
  nextAt,
  endedAt,
}: Pick<Delivery, 'status' | 'tries' | 'attempts' | 'failures' | 'nextAt' | 'endedAt'>): Value[] {
  return [status, JSON.stringify(tries), attempts, failures, nextAt, endedAt]
}

/** Of the columns `deliveryNames`. */
export function deliveryOfRow(
  row: readonly unknown[],
  decode: (text: string) => string = same,
): Delivery & Readonly<{ fence: number }> {
  const [number, webhookId, lane, url, event, taskId, version, at, facts, trace, ...tried] =
    row as readonly Value[]
  const [status, tries, attempts, failures, nextAt, endedAt, fence] = tried
  const text = (value: Value | undefined) => (value == null ? null : decode(value as string))
  const written = text(facts)
  return {
    number: number as number,
    webhookId: decode(webhookId as string),
    lane: decode(lane as string),
    url: text(url),
    event: event as string,
    taskId: text(taskId),
    version: version as number,
    at: at as number,
    facts: written === null ? null : (JSON.parse(written) as Facts & { status: Status }),
    trace: trace as TraceContext | null,
    status: status as DeliveryStatus,
    tries: JSON.parse(tries as string) as Try[],
    attempts: attempts as number,
    failures: failures as number,
    nextAt: nextAt as number | null,
    endedAt: endedAt as number | null,
    fence: fence as number,
  }
}

/** The first pending delivery of the same task and lane, if one comes before this one. */
export type Ahead = Readonly<{ nextAt: number; isLeased: boolean }>

/** Which of the due deliveries of a lane are leased, and when those are due again that an earlier one hides. */
export function chosenOf<Due extends Readonly<{ ahead: Ahead | null }>>(
  due: readonly Due[],
  room: number,
  now: number,
): Readonly<{ leased: readonly Due[]; hidden: readonly Readonly<{ one: Due; nextAt: number }>[] }> {
  const hidden = due.flatMap((one) =>
    one.ahead === null ? [] : [{ one, nextAt: hiddenUntil(one.ahead, now) }],
  )
  return { leased: due.filter(({ ahead }) => ahead === null).slice(0, room), hidden }
}

/** The page of the rows that were read. */
export function deliveryPage(
  rows: readonly Delivery[],
  { status, limit, most }: Readonly<{ status: DeliveryStatus | undefined; limit: number; most: number }>,
): DeliveryPage {
  const found = status === undefined ? rows : rows.filter((row) => row.status === status)
  const deliveries = found.slice(0, limit)
  const last = found.length > limit ? deliveries.at(-1) : rows.length < most ? undefined : rows.at(-1)
  return { deliveries, next: last?.number ?? null }
}

function hiddenUntil({ nextAt, isLeased }: Ahead, now: number): number {
  // Never at once, or it would be read again and again.
  return Math.max(isLeased ? Math.min(nextAt, now + hiddenWait) : nextAt, now + 50)
}

function same(text: string): string {
  return text
}
