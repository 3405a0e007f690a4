import { expect, test } from 'vitest'
import { barsOf, figuresOf } from './figures.ts'

const none = { count: 0, p50: null, p95: null, p99: null, buckets: [] }

test('cancelled tasks neither failed nor ran to their end', () => {
  const run = { count: 3, p50: 4, p95: 6, p99: 6, buckets: [] }
  const happened = { completed: [2, 0, 1], failed: [1, 0, 0], cancelled: [0, 1, 0] }
  const figures = { ended: 5, failureRate: 1 / 4, run: { p50: 4, p95: 6, p99: 6 }, queue: null }
  const times = { run, queue: none }
  expect(figuresOf({ span: '1h', happened, times })).toEqual({ ...figures, perHour: 4 })
  expect(figuresOf({ span: '24h', happened, times })).toEqual({ ...figures, perHour: 4 / 24 })
})

test('without tasks, nothing is known', () => {
  const happened = { completed: [0], failed: [0], cancelled: [0] }
  expect(figuresOf({ span: '1h', happened, times: { run: none, queue: none } })).toEqual({
    ended: 0,
    perHour: 0,
    failureRate: null,
    run: null,
    queue: null,
  })
})

test('bars cover what occurred, and nothing beyond', () => {
  const buckets = [
    { from: 0.027, to: 0.032, count: 1 },
    { from: 0.045, to: 0.053, count: 1 },
    { from: 0.305, to: 0.362, count: 1 },
  ]
  expect(barsOf(buckets)).toEqual([
    { from: 0.02, to: 0.05, count: 2 },
    { from: 0.05, to: 0.1, count: 0 },
    { from: 0.1, to: 0.2, count: 0 },
    { from: 0.2, to: 0.5, count: 1 },
  ])
  expect(barsOf([{ from: 0, to: 0.001, count: 2 }])).toEqual([{ from: 0, to: 0.001, count: 2 }])
  expect(barsOf([{ from: 6e5, to: 7e5, count: 2 }])).toEqual([
    { from: 500_000, to: Number.POSITIVE_INFINITY, count: 2 },
  ])
  expect(barsOf([])).toEqual([])
})
