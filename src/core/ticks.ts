import { Cron, CronPattern } from 'croner'
import type { Issue } from './errors.ts'

/**
 * When a schedule ticks, as pure functions. Ticks are whole seconds, in Unix milliseconds; a range of ticks is exclusive at its start
 * and inclusive at its end.
 */
export type Timing = Readonly<{
  /** Expressions of five fields, or six with seconds first. It ticks whenever one of them does. Empty with `every`. */
  cron: readonly string[]
  /** Milliseconds between ticks, which are counted from 1970 plus `offset`; null with `cron`. */
  every: number | null
  offset: number
  /** IANA name; for `cron`. */
  timezone: string
  /** No tick before it. */
  from: number | null
  /** No tick after it. */
  until: number | null
}>

/** Maximum expressions of one schedule. */
export const mostExpressions = 20
const expressionLength = 200

/** The first reason for which these times cannot be used, with the field that is wrong. */
export function timingIssues(timing: Timing): Issue[] {
  const { cron, every, offset, timezone, from, until } = timing
  const issues: Issue[] = []
  const refuse = (path: string, message: string) => issues.push({ path, message })
  if (!isTimezone(timezone)) refuse('timezone', 'must be an IANA name, such as "Europe/Berlin" or "UTC"')
  if ((cron.length === 0) === (every === null)) refuse('cron', 'give either cron or every')
  if (cron.length > mostExpressions) refuse('cron', `must have at most ${mostExpressions} expressions`)
  if (every !== null && (every < 1_000 || every % 1_000 !== 0)) {
    refuse('every', 'must be a whole number of seconds, at least 1')
  }
  if (offset % 1_000 !== 0 || (every !== null && offset >= every)) {
    refuse('offset', 'must be a whole number of seconds, less than every')
  }
  if (every === null && offset !== 0) refuse('offset', 'requires every')
  if (from !== null && until !== null && until < from) refuse('until', 'must not be before from')
  if (issues.length > 0) return issues
  for (const expression of cron) {
    const fault = expressionFault(expression, timezone)
    if (fault !== undefined)
      refuse('cron', `${JSON.stringify(expression.slice(0, expressionLength))} ${fault}`)
  }
  return issues
}

function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

function expressionFault(expression: string, timezone: string): string | undefined {
  if (expression.length > expressionLength) return `is longer than ${expressionLength} characters`
  try {
    const first = cronOf(expression, timezone).nextRun(new Date(0))
    return first === null ? 'never occurs' : undefined
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'is invalid'
    return `is not a cron expression: ${message.replace(/\.$/, '')}`
  }
}

/** The first tick after this time; null if there is none. */
export function nextTick(timing: Timing, after: number): number | null {
  const { cron, every, offset, timezone, from, until } = timing
  const start = Math.max(after, (from ?? 0) - 1)
  let next: number | null = null
  if (every !== null) {
    next = Math.floor((start - offset) / every) * every + every + offset
  } else {
    for (const expression of cron) {
      const run = cronOf(expression, timezone).nextRun(new Date(Math.floor(start / 1_000) * 1_000))
      const at = run?.getTime() ?? Number.POSITIVE_INFINITY
      if (at > start && at < (next ?? Number.POSITIVE_INFINITY)) next = at
    }
  }
  return next === null || (until !== null && next > until) || next > lastMoment ? null : next
}

/** The latest valid date of the platform. */
const lastMoment = 8_640_000_000_000_000

/** The ticks after `after` and up to `upTo`, oldest first: at most the first `limit`. */
export function ticksBetween(timing: Timing, after: number, upTo: number, limit: number): number[] {
  const ticks: number[] = []
  for (let at = nextTick(timing, after); at !== null && at <= upTo; at = nextTick(timing, at)) {
    if (ticks.length === limit) break
    ticks.push(at)
  }
  return ticks
}

/** The same: at most the last `limit`. Costs the same however long the range is. */
export function newestTicks(timing: Timing, after: number, upTo: number, limit: number): number[] {
  const first = ticksBetween(timing, after, upTo, limit + 1)
  if (first.length <= limit) return first
  // The end of the range, at first as long as these ticks took.
  for (let span = first.at(-1)! - first[0]!; ; span *= 2) {
    const start = Math.max(after, upTo - span)
    const found = ticksBetween(timing, start, upTo, overshoot * limit)
    // More than that may follow: the ticks at the start of the range were far apart.
    if (found.length === overshoot * limit) return newestTicks(timing, found[limit - 1]!, upTo, limit)
    if (found.length >= limit || start === after) return found.slice(-limit)
  }
}

const overshoot = 8

/** How long after its tick a task of the schedule starts: the same on every node. */
export function jitterOf(id: string, tickAt: number, jitter: number): number {
  if (jitter <= 0) return 0
  // FNV-1a.
  let hash = 0x811c9dc5
  for (const character of `${id} ${tickAt}`) {
    hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return Math.floor((((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000) * jitter)
}

/** Parsing costs more than a step, and schedules share expressions. */
const parsed = new Map<string, Cron>()
const parsedKept = 5_000

/**
 * Ticks at most once an hour, and not in every hour, belong to a time of day: in a gap they run once at its end, in a fold once at its
 * first pass. Others run through both. croner tells them apart by how a field is written, so the hours are written out.
 */
function cronOf(expression: string, timezone: string): Cron {
  const key = `${timezone}\n${expression}`
  const known = parsed.get(key)
  if (known !== undefined) return known
  const mode = '5-or-6-parts'
  const { hour, minute, second } = new CronPattern(expression, timezone, { mode })
  const hours = hour.flatMap((on, index) => (on === 1 ? [index] : []))
  const isTimeOfDay = countOf(minute) * countOf(second) === 1 && hours.length < 24
  const cron = isTimeOfDay
    ? new Cron(withHours(expression, hours, minute, second), { timezone, mode, fixedTimeRule: 'no-wildcard' })
    : new Cron(expression, { timezone, mode, fixedTimeRule: 'single-value' })
  if (parsed.size >= parsedKept) parsed.delete(parsed.keys().next().value!)
  parsed.set(key, cron)
  return cron
}

function countOf(values: readonly number[]): number {
  return values.filter((on) => on === 1).length
}

function withHours(
  expression: string,
  hours: readonly number[],
  minute: readonly number[],
  second: readonly number[],
): string {
  const parts = expression.trim().split(/\s+/)
  // A nickname, such as `@daily`, stands for single values.
  if (parts.length < 5) return expression
  return [second.indexOf(1), minute.indexOf(1), hours.join(','), ...parts.slice(-3)].join(' ')
}
