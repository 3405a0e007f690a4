import type { NewEntry } from '../core/audit.ts'
import type { TaskLimit } from '../core/admission.ts'
import { bucketOf, hasSameBounds, type Limit, type StartRate } from '../core/limits.ts'
import type { Task, TaskId } from '../core/task.ts'

/**
 * The definitions of limits, and what is in use under them. What a task holds is a row that lives as long as its code runs: claims
 * count rows, so nothing can leak and nothing needs repair.
 */
export interface LimitStore {
  /** Creates or replaces a limit; the next claim goes by it. */
  put(limit: Limit, audit?: NewEntry): Promise<'created' | 'changed' | 'unchanged'>

  /** Limits that types declare. Those that somebody set stay as they are. */
  declare(limits: readonly Limit[]): Promise<void>

  /** Its tasks are no longer held back by it. False if it does not exist. */
  remove(name: string, audit?: NewEntry): Promise<boolean>

  /** All limits, by name, with what waits for them. */
  list(): Promise<readonly LimitUse[]>

  /** Buckets in use or waited for, by key, those after `after`, at most `limit`. */
  buckets(name: string, options: BucketOptions): Promise<readonly BucketUse[]>

  /** What these buckets hold, and what a queued task waits for. */
  explain(task: Task): Promise<readonly BucketState[]>

  /**
   * Milliseconds until a start becomes possible that a rate held back, as far as the latest claim of this process knows; null if
   * none did. Costs nothing.
   */
  readonly wakesIn: number | null
}

/** `buckets` in use or waited for, and how many of them are `blocked`: tasks wait for them. Both count up to `mostCounted`. */
export type LimitUse = Readonly<{ limit: Limit; running: number; buckets: number; blocked: number }>

export type BucketOptions = Readonly<{
  /** A key. */
  after: string | null
  limit: number
  /** Only those for which tasks wait. */
  blocked?: boolean | undefined
  /** Only this one. */
  key?: string | undefined
}>

/** `queued` counts up to `mostCounted`. `nextStartAt`: when its rate allows the next start; null if it does now. */
export type BucketUse = Readonly<{
  key: string
  running: number
  queued: number
  nextStartAt: number | null
}>

/** A bucket of one task. */
export type BucketState = TaskLimit &
  Readonly<{
    /** Null if the limit no longer exists: nothing is held back. */
    concurrency: number | null
    rate: StartRate | null
    scope: Limit['scope']
    running: number
    /** Some of the tasks that hold its slots. */
    holders: readonly TaskId[]
    nextStartAt: number | null
    /** Queued tasks of the bucket that were queued before this one, up to `mostCounted`. */
    ahead: number
    isFull: boolean
  }>

export const mostCounted = 10_000

/** Holders that are named. */
export const holdersNamed = 10

/** From where the buckets after this one are. No key has a null character. */
export function bucketAfter(limit: TaskLimit): string {
  return `${bucketOf(limit)}\u0001`
}

/** The buckets of a limit are those from the first of these texts to before the second. */
export function bucketRange(name: string): readonly [from: string, before: string] {
  return [`${name}/`, `${name}0`]
}

export function isSameLimit(a: Limit, b: Limit): boolean {
  return hasSameBounds(a, b) && a.origin === b.origin
}
