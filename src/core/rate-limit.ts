import { parseDuration } from './duration.ts'

/** At most `limit` requests at once, given back evenly over `per` milliseconds. */
export type RateLimit = Readonly<{ limit: number; per: number }>

/** Bounds of a rate limit; of its time in milliseconds. With them, every level is a safe integer. */
export const rateBounds = { limit: 1_000_000, leastPer: 1_000, mostPer: 86_400_000 } as const

/** A rate limit written like `100/1m`. Undefined if it is not one, or out of bounds. */
export function parseRateLimit(text: string): RateLimit | undefined {
  const [, digits = '', time = ''] = /^(\d{1,7})\/(.+)$/.exec(text.trim()) ?? []
  const limit = Number(digits)
  const per = parseDuration(/^[a-z]/.test(time) ? `1${time}` : time) ?? 0
  const fits =
    limit >= 1 && limit <= rateBounds.limit && per >= rateBounds.leastPer && per <= rateBounds.mostPer
  return fits ? { limit, per } : undefined
}

/** As `parseRateLimit` reads it. */
export function rateLimitText({ limit, per }: RateLimit): string {
  const [unit, ms] = units.find(([, ms]) => per % ms === 0) ?? ['ms', 1]
  return `${limit}/${per / ms}${unit}`
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** What one request got. */
export type Grant = Readonly<{
  of: RateLimit
  isRefused: boolean
  /** How many more would be granted now. */
  remaining: number
  /** Milliseconds until all of them are granted again, or, for one that is refused, until the next is. */
  resetIn: number
}>

/**
 * What is left of a rate limit: a token bucket. Its level is in milliseconds times requests, which are whole numbers, so
 * counts are exact. A refused request takes nothing.
 */
export class RequestBudget {
  readonly #of: RateLimit
  #level: number
  #at: number

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(of: RateLimit, now: number) {
    this.#of = of
    this.#level = of.limit * of.per
    this.#at = now
  }

  take(now: number): Grant {
    const { limit, per } = this.#of
    const full = limit * per
    this.#level = Math.min(full, this.#level + (now - this.#at) * limit)
    this.#at = now
    const isRefused = this.#level < per
    if (!isRefused) this.#level -= per
    const missing = isRefused ? per - this.#level : full - this.#level
    return {
      of: this.#of,
      isRefused,
      remaining: Math.floor(this.#level / per),
      resetIn: missing / limit,
    }
  }
}
