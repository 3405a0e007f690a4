import type { Admission, TaskLimit } from './admission.ts'
import { isSuspect, type Task } from './task.ts'

/**
 * What may start now. A *limit* bounds how many tasks run, or how often one starts; a *bucket* is one limit for one key. A task
 * starts once every bucket it names has room.
 */

/** All nodes together, or each node for itself. */
export type LimitScope = 'global' | 'node'

/** At most `limit` starts at once after a quiet time, then one every `per / limit` milliseconds. */
export type StartRate = Readonly<{ limit: number; per: number }>

export type LimitDefinition = Readonly<{
  name: string
  /** Maximum number that run at once in a bucket; null for no maximum. */
  concurrency: number | null
  rate: StartRate | null
  /** Maximum number that wait for a bucket; absent for no maximum. */
  maxQueued?: number
  scope: LimitScope
}>

/** `origin`: the type that declares it, or `api`. */
export type Limit = LimitDefinition & Readonly<{ origin: string }>

/** The origin of limits that somebody set, which declarations in code do not touch. */
export const setByApi = 'api'

export const limitBounds = {
  /** Of one task. */
  perTask: 8,
  keyLength: 200,
  nameLength: 100,
  concurrency: 1_000_000,
  rate: 1_000_000,
  /** Tasks that wait for a bucket: they are counted with each submit. */
  queued: 10_000,
  /** Milliseconds of a rate. */
  leastPer: 1,
  mostPer: 31 * 86_400_000,
  leastWeight: 0.001,
  mostWeight: 1_000,
  leastAging: 1_000,
} as const

/** Up to this priority, waiting raises it: what is urgent stays ahead of what is only old. */
export const agedPriority = 99

export const limitName = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/

/** Why this is no definition of a limit, by field; empty if it is one. */
export function limitIssues({
  name,
  concurrency,
  rate,
  maxQueued,
}: Omit<LimitDefinition, 'scope'>): readonly Readonly<{ path: string; message: string }>[] {
  const issues: { path: string; message: string }[] = []
  const refuse = (path: string, message: string) => void issues.push({ path, message })
  const isWhole = (value: number, most: number) => Number.isSafeInteger(value) && value >= 1 && value <= most
  if (typeof name !== 'string' || !limitName.test(name)) {
    refuse('name', `must have 1 to ${limitBounds.nameLength} letters, digits, "_", "-", "." or ":"`)
  }
  if (concurrency !== null && !isWhole(concurrency, limitBounds.concurrency)) {
    refuse('concurrency', `must be a whole number from 1 to ${limitBounds.concurrency}`)
  }
  if (rate !== null && !isWhole(rate.limit, limitBounds.rate)) {
    refuse('rate.limit', `must be a whole number from 1 to ${limitBounds.rate}`)
  }
  if (rate !== null && !(rate.per >= limitBounds.leastPer && rate.per <= limitBounds.mostPer)) {
    refuse('rate.per', 'must be a positive duration of at most 31 days: seconds, or text like "1m"')
  }
  if (maxQueued !== undefined && !isWhole(maxQueued, limitBounds.queued)) {
    refuse('maxQueued', `must be a whole number from 1 to ${limitBounds.queued}`)
  }
  if (concurrency === null && rate === null && maxQueued === undefined) {
    refuse('', 'a limit needs concurrency, a rate or a maximum of queued tasks')
  }
  return issues
}

export function hasSameBounds(a: LimitDefinition, b: LimitDefinition): boolean {
  return (
    a.concurrency === b.concurrency &&
    a.rate?.limit === b.rate?.limit &&
    a.rate?.per === b.rate?.per &&
    a.maxQueued === b.maxQueued &&
    a.scope === b.scope
  )
}

/** The name of a bucket. Names of limits have no slash. */
export function bucketOf({ name, key }: TaskLimit): string {
  return `${name}/${key}`
}

export function limitOf(bucket: string): TaskLimit {
  const slash = bucket.indexOf('/')
  return { name: bucket.slice(0, slash), key: bucket.slice(slash + 1) }
}

/** Rounding of times to fractions of a millisecond. */
const tolerance = 0.001

/**
 * Generic cell rate algorithm: `earliest` is when the next start would be due if starts were spread evenly; starts may run ahead of
 * it by all but one of `limit` intervals. One number per bucket, which says the same on every node and after a restart.
 */
export function startsNow({ limit, per }: StartRate, earliest: number | null, now: number): number {
  const ahead = Math.max(0, lead(per, earliest, now))
  return Math.max(0, Math.floor(limit - (ahead * limit) / per + tolerance))
}

/** `earliest` after one more start. */
export function afterStart({ limit, per }: StartRate, earliest: number | null, now: number): number {
  return now + Math.max(0, lead(per, earliest, now)) + per / limit
}

/** When the next start is possible, at the earliest now. */
export function nextStart({ limit, per }: StartRate, earliest: number | null, now: number): number {
  return Math.max(now, Math.ceil(now + lead(per, earliest, now) - per + per / limit - tolerance))
}

/** After the clock was set back, no bucket waits longer than from a full one. */
function lead(per: number, earliest: number | null, now: number): number {
  return earliest === null ? 0 : Math.min(per, earliest - now)
}

/** Queued tasks of the same lane start in the order of the queue: what holds one back holds back all of them. */
export type Lane = Readonly<{
  type: string
  /** That of its tasks, without what they have gained by waiting. */
  priority: number
  isSuspect: boolean
}> &
  Admission

/** Undefined for a task that nothing holds back but its type: it has no lane. */
export function laneOf(task: Task): Lane | undefined {
  const { type, priority, admission } = task
  if (admission === null) return undefined
  return { type, priority, isSuspect: isSuspect(task), ...admission }
}

/** Equal for equal lanes only. */
export function laneText({ type, priority, isSuspect, limits, fairnessKey, weight, aging }: Lane): string {
  return JSON.stringify([type, priority, isSuspect, limits.map(bucketOf), fairnessKey, weight, aging])
}

/** The priority of a task that has been queued since then, and when it rises; null if it does not. */
export function priorityNow(
  { priority, aging }: Pick<Lane, 'priority' | 'aging'>,
  queuedSince: number,
  now: number,
): Readonly<{ priority: number; risesAt: number | null }> {
  if (aging === null || priority >= agedPriority) return { priority, risesAt: null }
  const steps = Math.max(0, Math.floor((now - queuedSince) / aging))
  const raised = Math.min(agedPriority, priority + steps)
  return { priority: raised, risesAt: raised === agedPriority ? null : queuedSince + (steps + 1) * aging }
}

/** What a turn costs a fairness key of this weight: the key with the least is next. */
export function turnLength(weight: number): number {
  return Math.round(turn / weight)
}

export const turn = 1_000_000
