import type { History } from '../data/shapes.ts'

type Times = NonNullable<History['times']>
type Distribution = Times['run']

export type Percentiles = Readonly<{ p50: number; p95: number; p99: number }>

export type Figures = Readonly<{
  ended: number
  /** Completed and failed ones. */
  perHour: number
  /** Of the completed and failed ones; null without any. */
  failureRate: number | null
  /** Active time of the completed ones. */
  run: Percentiles | null
  /** Of all that have started. */
  queue: Percentiles | null
}>

/** Of the history of one type. */
export function figuresOf({
  span,
  happened,
  times,
}: Pick<History, 'span' | 'times'> &
  Readonly<{ happened: Pick<History['happened'], 'completed' | 'failed' | 'cancelled'> }>): Figures {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const [completed, failed] = [sum(happened.completed), sum(happened.failed)]
  const decided = completed + failed
  return {
    ended: decided + sum(happened.cancelled),
    perHour: decided / (span === '1h' ? 1 : 24),
    failureRate: decided === 0 ? null : failed / decided,
    run: percentilesOf(times?.run),
    queue: percentilesOf(times?.queue),
  }
}

function percentilesOf(of: Distribution | undefined): Percentiles | null {
  if (of === undefined || of.p50 === null || of.p95 === null || of.p99 === null) return null
  return { p50: of.p50, p95: of.p95, p99: of.p99 }
}

export type Bar = Readonly<{ from: number; to: number; count: number }>

const bounds = [1, 2, 5].flatMap((digit) =>
  [-3, -2, -1, 0, 1, 2, 3, 4, 5].map((power) => digit * 10 ** power),
)
const limits = [0, ...bounds.toSorted((a, b) => a - b), Number.POSITIVE_INFINITY]

/** Between the bounds 1, 2, 5, 10, ... milliseconds, from the smallest to the largest one. A bucket of the server belongs where its middle is. */
export function barsOf(buckets: Distribution['buckets']): Bar[] {
  const counts = limits.slice(1).map(() => 0)
  for (const { from, to, count } of buckets) {
    const middle = from === 0 ? to / 2 : Math.sqrt(from * to)
    counts[limits.findIndex((limit) => limit > middle) - 1]! += count
  }
  const bars = counts.map((count, index) => ({ from: limits[index]!, to: limits[index + 1]!, count }))
  const first = bars.findIndex(({ count }) => count > 0)
  const last = bars.findLastIndex(({ count }) => count > 0)
  return first === -1 ? [] : bars.slice(first, last + 1)
}
