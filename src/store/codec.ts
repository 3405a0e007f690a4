import type { MoveName } from '../core/lifecycle.ts'
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
  const { version, at, move, status, attempt, by, ...extra } = entry
  const code = moveNumbers[move as MoveName]
  const head = `[${version},${at},${code},"${status}",${attempt},${JSON.stringify(by)}`
  for (const _ in extra) return `${head},${JSON.stringify(extra)}]`
  return `${head}]`
}

/** Numbers of the moves in the stored timeline: append only. */
const moveNumbers: Readonly<Record<MoveName, number>> = {
  submit: 0,
  due: 1,
  claim: 2,
  pause: 3,
  'ask-pause': 4,
  'settle-pause': 5,
  'take-back': 6,
  resume: 7,
  cancel: 8,
  'ask-cancel': 9,
  complete: 10,
  'settle-cancel': 11,
  'retry-later': 12,
  'retry-paused': 13,
  fail: 14,
  release: 15,
  'release-paused': 16,
  unpark: 17,
  lost: 18,
  'lost-pausing': 19,
  'lost-cancelling': 20,
  'lost-parked': 21,
  retry: 22,
  fence: 23,
}

const moveNames = new Map(Object.entries(moveNumbers).map(([name, code]) => [code, name]))

export function timelineOf(lines: string): TimelineEntry[] {
  const parsed = JSON.parse(`[${lines}]`) as [number, number, number, Status, number, string, Extra?][]
  return trim(parsed).map(([version, at, code, status, attempt, by, extra]) => ({
    version,
    at,
    move: moveNames.get(code) ?? String(code),
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
