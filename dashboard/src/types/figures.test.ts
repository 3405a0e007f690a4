import { expect, test } from 'vitest'
import type { Run } from '../data/shapes.ts'
import { figuresOf, histogramOf, percentilesOf, sampleOf } from './figures.ts'

test('a run that has ended says how long it was queued and ran, without pauses and delays', () => {
  const changes = [
    { version: 1, at: 0, event: 'submitted', status: 'scheduled', attempt: 0 },
    { version: 2, at: 100, event: 'due', status: 'queued', attempt: 0 },
    { version: 3, at: 103, event: 'claimed', status: 'running', attempt: 1 },
    { version: 4, at: 110, event: 'paused', status: 'paused', attempt: 1 },
    { version: 5, at: 200, event: 'resumed', status: 'queued', attempt: 1 },
    { version: 6, at: 201, event: 'claimed', status: 'running', attempt: 1 },
    { version: 7, at: 206, event: 'completed', status: 'completed', attempt: 1 },
  ] as const
  const run: Run = { task_id: 'a', task_type: 't', changes: [...changes] }
  expect(sampleOf(run)).toEqual({ status: 'completed', run: 12, queue: 4, endedAt: 206 })
  expect(sampleOf({ ...run, changes: changes.slice(0, 6) })).toBeNull()
})

test('percentiles are values that occurred', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentilesOf(values)).toEqual({ p50: 50, p95: 95, p99: 99 })
  expect(percentilesOf([7])).toEqual({ p50: 7, p95: 7, p99: 7 })
  expect(percentilesOf([])).toBeNull()
})

test('cancelled tasks neither failed nor ran to their end', () => {
  const sample = (status: 'completed' | 'failed' | 'cancelled', run: number) =>
    ({ status, run, queue: 1, endedAt: 0 }) as const
  const samples = [
    sample('completed', 4),
    sample('completed', 6),
    sample('failed', 90),
    sample('cancelled', 0),
  ]
  expect(figuresOf(samples, 2)).toEqual({
    ended: 4,
    perHour: 1.5,
    failureRate: 1 / 3,
    run: { p50: 4, p95: 6, p99: 6 },
    queue: { p50: 1, p95: 1, p99: 1 },
  })
  expect(figuresOf([], 1)).toEqual({ ended: 0, perHour: 0, failureRate: null, run: null, queue: null })
})

test('a histogram covers what occurred, and nothing beyond', () => {
  expect(histogramOf([0.03, 0.04, 0.3])).toEqual([
    { from: 0.02, to: 0.05, count: 2 },
    { from: 0.05, to: 0.1, count: 0 },
    { from: 0.1, to: 0.2, count: 0 },
    { from: 0.2, to: 0.5, count: 1 },
  ])
  expect(histogramOf([0])).toMatchObject([{ from: 0, count: 1 }])
  expect(histogramOf([])).toEqual([])
})
