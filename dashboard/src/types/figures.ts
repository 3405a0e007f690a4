import type { Run, Status } from '../data/shapes.ts'

/** A task that has ended. Seconds. */
export type Sample = Readonly<{ status: Status; run: number; queue: number; endedAt: number }>

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

/** Null for a run that has not ended. */
export function sampleOf({ changes }: Run): Sample | null {
  const last = changes.at(-1)
  if (last === undefined || !isEnd(last.status)) return null
  const spent = (of: readonly Status[]) =>
    changes.reduce((sum, { at, status }, index) => {
      const next = changes[index + 1]
      return next === undefined || !of.includes(status) ? sum : sum + (next.at - at)
    }, 0)
  return {
    status: last.status,
    run: spent(['running', 'pausing', 'cancelling']),
    queue: spent(['queued']),
    endedAt: last.at,
  }
}

/** `hours`: the time in which they ended. */
export function figuresOf(samples: readonly Sample[], hours: number): Figures {
  const completed = samples.filter(({ status }) => status === 'completed')
  const failed = samples.filter(({ status }) => status === 'failed').length
  const decided = completed.length + failed
  return {
    ended: samples.length,
    perHour: decided / hours,
    failureRate: decided === 0 ? null : failed / decided,
    run: percentilesOf(completed.map(({ run }) => run)),
    queue: percentilesOf(samples.filter(({ run }) => run > 0).map(({ queue }) => queue)),
  }
}

/** By nearest rank, so each is one of the values; null without values. */
export function percentilesOf(values: readonly number[]): Percentiles | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

export type Bar = Readonly<{ from: number; to: number; count: number }>

const bounds = [1, 2, 5].flatMap((digit) =>
  [-3, -2, -1, 0, 1, 2, 3, 4, 5].map((power) => digit * 10 ** power),
)
const limits = [0, ...bounds.toSorted((a, b) => a - b), Number.POSITIVE_INFINITY]

/** How many values there are between the bounds 1, 2, 5, 10, ... milliseconds, from the smallest to the largest one. */
export function histogramOf(values: readonly number[]): Bar[] {
  const bars = limits.slice(1).map((to, index) => {
    const from = limits[index]!
    return { from, to, count: values.filter((value) => value >= from && value < to).length }
  })
  const first = bars.findIndex(({ count }) => count > 0)
  const last = bars.findLastIndex(({ count }) => count > 0)
  return first === -1 ? [] : bars.slice(first, last + 1)
}

function isEnd(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
