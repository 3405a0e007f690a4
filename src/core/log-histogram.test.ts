import { expect, test } from 'vitest'
import { LogHistogram } from './log-histogram.ts'

test('a quantile is within 9% of the value by nearest rank', () => {
  const histogram = new LogHistogram()
  const values = Array.from({ length: 1_000 }, (_, index) => 3 + index ** 2)
  for (const value of values) histogram.observe(value)
  for (const share of [0.001, 0.5, 0.95, 0.99, 1]) {
    const exact = values[Math.ceil(values.length * share) - 1]!
    expect(Math.abs(histogram.quantile(share)! / exact - 1)).toBeLessThan(0.0906)
  }
})

test('each value is in the bucket that says so', () => {
  for (const value of [0, 0.5, 1, 1.01, 2, 4, 4.1, 7, 8, 1_000, 1_024, 86_400_000, 1e12]) {
    const histogram = new LogHistogram()
    histogram.observe(value)
    const [{ from, to, count }, ...others] = histogram.buckets as [
      { from: number; to: number; count: number },
    ]
    expect(others).toEqual([])
    expect(count).toBe(1)
    expect(value === 0 || value > from * (1 - 1e-9)).toBe(true)
    expect(value).toBeLessThanOrEqual(to * (1 + 1e-9))
  }
})

test('histograms add up, whatever their order', () => {
  const [one, other, both] = [new LogHistogram(), new LogHistogram(), new LogHistogram()]
  for (const ms of [1, 5, 100, 5]) for (const to of [one, both]) to.observe(ms)
  for (const ms of [80_000, 5, 0]) for (const to of [other, both]) to.observe(ms)
  for (const pairs of [
    [one.pairs, other.pairs],
    [other.pairs, one.pairs],
  ]) {
    const sum = LogHistogram.from(pairs.flat())
    expect([sum.count, sum.buckets, sum.quantile(0.5)]).toEqual([7, both.buckets, both.quantile(0.5)])
  }
})

test('without observations, there is nothing to say', () => {
  const empty = LogHistogram.from([])
  expect([empty.quantile(0.5), empty.buckets, empty.pairs]).toEqual([null, [], []])
})
