import { describe, expect, test } from 'vitest'
import { parseRateLimit, rateLimitText, RequestBudget, type RateLimit } from './rate-limit.ts'

describe('a budget of requests', () => {
  test('grants its limit at once, then one per part of its time', () => {
    const budget = new RequestBudget({ limit: 3, per: 1_000 }, 0)
    expect([budget.take(0), budget.take(0), budget.take(0), budget.take(0)]).toMatchObject([
      { isRefused: false, remaining: 2 },
      { isRefused: false, remaining: 1 },
      { isRefused: false, remaining: 0, resetIn: 1_000 },
      { isRefused: true, remaining: 0 },
    ])
    expect(budget.take(333)).toMatchObject({ isRefused: true, resetIn: 1 / 3 })
    expect(budget.take(334).isRefused).toBe(false)
    expect(budget.take(666).isRefused).toBe(true)
    expect(budget.take(667).isRefused).toBe(false)
  })

  test('never holds more than its limit, however long it was not used', () => {
    const budget = new RequestBudget({ limit: 2, per: 60_000 }, 0)
    const grants = [1e9, 1e9, 1e9].map((now) => budget.take(now).isRefused)
    expect(grants).toEqual([false, false, true])
  })

  const limits: readonly RateLimit[] = [
    { limit: 7, per: 1_000 },
    { limit: 1_000_000, per: 86_400_000 },
    { limit: 999_983, per: 1_000 },
    { limit: 1, per: 86_400_000 },
  ]
  test.each(limits)('grants exactly what its time gives back: $limit per $per ms', (limit) => {
    const start = 1_764_000_000_000
    const budget = new RequestBudget(limit, start)
    const most = Math.min(limit.limit, 20_000)
    let granted = 0
    for (let asked = 0; asked < most; asked++) granted += budget.take(start).isRefused ? 0 : 1
    expect(granted).toBe(most)
    if (most < limit.limit) return
    // In steps that divide no part of its time.
    let later = 0
    for (let now = start + 13; now <= start + limit.per * 3; now += Math.ceil(limit.per / 97)) {
      while (!budget.take(now).isRefused) later++
      expect(later).toBe(Math.floor(((now - start) * limit.limit) / limit.per))
    }
  })
})

test('rate limits are written as a number and a time', () => {
  expect(parseRateLimit('100/1m')).toEqual({ limit: 100, per: 60_000 })
  expect(parseRateLimit(' 5/s ')).toEqual({ limit: 5, per: 1_000 })
  expect(parseRateLimit('1000000/24h')).toEqual({ limit: 1_000_000, per: 86_400_000 })
  for (const text of ['', '100', '0/1m', '1.5/1m', '-1/1m', '1/500ms', '1/2d', '1000001/1d', '1/x', 'a/1m'])
    expect(parseRateLimit(text), text).toBeUndefined()
  for (const text of ['100/1m', '5/1s', '7/90s', '1/1d', '3/1500ms', '10/2h'])
    expect(rateLimitText(parseRateLimit(text)!)).toBe(text)
})
