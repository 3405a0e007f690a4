import type { BucketDetails, Explanation, LimitDetails } from '../../../src/client/index.ts'
import { say } from '../language/say.ts'
import { durationWords, exactCount } from '../time/words.ts'

type Bounds = Pick<LimitDetails, 'concurrency' | 'rate' | 'max_queued' | 'scope'>

/** `10 at once, 100 starts per 1 min, 1,000 queued, on each node`. */
export function boundsWords({ concurrency, rate, max_queued: max, scope }: Bounds): string {
  return [
    ...(concurrency === null ? [] : [say.limits.atOnceCount(concurrency)]),
    ...(rate === null ? [] : [say.limits.startsPer(rate.limit, durationWords(rate.per))]),
    ...(max === null ? [] : [say.limits.queuedCount(max)]),
    ...(scope === 'node' ? [say.limits.onEachNodeShort] : []),
  ].join(', ')
}

/** Counts end there. */
const mostCounted = 10_000

/** `42`, and `10,000 or more` where counting has ended. */
export function countedWords(count: number): string {
  return count >= mostCounted ? say.common.orMore(exactCount(mostCounted)) : exactCount(count)
}

/** A limit without keys has one bucket for all. */
export function keyWords(key: string): string {
  return key === '' ? say.limits.allTasks : key
}

/** Why no further task of the bucket starts now; null if one may. */
export function blockWords(
  { running, next_start_at: next }: Pick<BucketDetails, 'running' | 'next_start_at'>,
  { concurrency }: Pick<Bounds, 'concurrency'>,
): string | null {
  if (concurrency !== null && running >= concurrency) return say.common.slotsInUse(running, concurrency)
  return next === null ? null : say.limits.waitsForRate
}

export function limitPath(name: string, key?: string): string {
  const path = `/limits/${encodeURIComponent(name)}`
  return key === undefined || key === '' ? path : `${path}?${new URLSearchParams({ key }).toString()}`
}

/** The limits that hold a task back. */
export function blocking({ limits }: Explanation): Explanation['limits'] {
  return limits.filter((limit) => blockWords(limit, limit) !== null)
}
