import type { EventName } from '../core/lifecycle.ts'
import type { Backoff, EndedBy, ErrorRecord, Status, TimelineEntry } from '../core/task.ts'
import { timelineLimit } from './store.ts'

/** How the durable stores write the parts of a task that are text in its row. */

/** Few distinct policies exist, so both directions are remembered, within a bound. */
const backoffs = new Map<string, Backoff>()
const backoffTexts = new WeakMap<Backoff, string>()

export function backoffOf(text: string): Backoff {
  const known = backoffs.get(text)
  if (known !== undefined) return known
  const backoff = Object.freeze(JSON.parse(text) as Backoff)
  if (backoffs.size < 1_000) backoffs.set(text, backoff)
  return backoff
}

export function backoffText(backoff: Backoff): string {
  const known = backoffTexts.get(backoff)
  if (known !== undefined) return known
  const text = JSON.stringify(backoff)
  backoffTexts.set(backoff, text)
  return text
}

type Extra = Readonly<{ why?: string; error?: ErrorRecord; endedBy?: EndedBy }>

/** A timeline line as a compact array; lines are joined by commas in the row, so that a move appends without reading. */
export function lineOf(entry: TimelineEntry): string {
  const { version, at, event, status, attempt, by, ...extra } = entry
  const code = eventNumbers[event as EventName]
  const head = `[${version},${at},${code},"${status}",${attempt},${JSON.stringify(by)}`
  for (const _ in extra) return `${head},${JSON.stringify(extra)}]`
  return `${head}]`
}

/** Events as the stored timeline numbers them: append only. */
const eventNumbers: Readonly<Record<EventName, number>> = {
  submitted: 0,
  due: 1,
  claimed: 2,
  pause_requested: 3,
  paused: 4,
  pause_withdrawn: 5,
  resumed: 6,
  cancel_requested: 7,
  cancelled: 8,
  completed: 9,
  retry_scheduled: 10,
  failed: 11,
  released: 12,
  unparked: 13,
  lost: 14,
  park_lost: 15,
  fence_raised: 16,
  retried: 17,
  ready: 18,
  debounced: 19,
  expired: 20,
  sleep_started: 21,
  woken: 22,
  answered: 23,
  wait_started: 24,
  children_ended: 25,
}

const eventNames = new Map(Object.entries(eventNumbers).map(([name, code]) => [code, name]))

export function timelineOf(lines: string): TimelineEntry[] {
  const parsed = JSON.parse(`[${lines}]`) as [number, number, number, Status, number, string, Extra?][]
  return trim(parsed).map(([version, at, code, status, attempt, by, extra]) => ({
    version,
    at,
    event: eventNames.get(code) ?? String(code),
    status,
    attempt,
    by,
    ...extra,
  }))
}

/** The stored lines without those beyond the limit. */
export function compactLines(lines: string): string {
  return trim(JSON.parse(`[${lines}]`) as unknown[])
    .map((line) => JSON.stringify(line))
    .join(',')
}

function trim<T>(lines: T[]): T[] {
  return lines.length <= timelineLimit
    ? lines
    : [...lines.slice(0, 1), ...lines.slice(lines.length - timelineLimit + 1)]
}
