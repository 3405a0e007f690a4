import { expect, test } from 'vitest'
import { attemptsOf } from './attempts.ts'
import type { EventName } from './lifecycle.ts'
import type { Status, TimelineEntry } from './task.ts'

const error = { code: 'E', name: 'Error', message: 'no luck' }

/** Lines one second apart: move, status after it, attempt. */
function timeline(...lines: [EventName, Status, number, Partial<TimelineEntry>?][]): TimelineEntry[] {
  return lines.map(([move, status, attempt, more], index) => ({
    version: index + 1,
    at: index * 1_000,
    event: move,
    status,
    attempt,
    by: 'test',
    ...more,
  }))
}

test('a task that never ran has no attempt', () => {
  expect(attemptsOf(timeline(['submitted', 'queued', 0], ['cancelled', 'cancelled', 0]))).toEqual([])
})

test('a pause, a drain and their resume stay within one attempt', () => {
  const attempts = attemptsOf(
    timeline(
      ['submitted', 'queued', 0],
      ['claimed', 'running', 1],
      ['pause_requested', 'pausing', 1],
      ['paused', 'paused', 1],
      ['resumed', 'queued', 1],
      ['claimed', 'running', 1],
      ['released', 'queued', 1],
      ['claimed', 'running', 1],
    ),
  )
  expect(attempts).toEqual([
    { attempt: 1, startedAt: 1_000, endedAt: null, event: null, status: null, error: null, endedBy: null },
  ])
})

test('each failure ends its attempt with its error, and the last one completes', () => {
  const attempts = attemptsOf(
    timeline(
      ['submitted', 'queued', 0],
      ['claimed', 'running', 1],
      ['retry_scheduled', 'scheduled', 1, { error }],
      ['due', 'queued', 1],
      ['claimed', 'running', 2],
      ['lost', 'queued', 2, { why: 'the node that ran it has died' }],
      ['claimed', 'running', 3],
      ['completed', 'completed', 3],
    ),
  )
  expect(
    attempts.map(({ startedAt, endedAt, event, status }) => [startedAt, endedAt, event, status]),
  ).toEqual([
    [1_000, 2_000, 'retry_scheduled', 'scheduled'],
    [4_000, 5_000, 'lost', 'queued'],
    [6_000, 7_000, 'completed', 'completed'],
  ])
  expect(attempts[0]?.error).toEqual(error)
})

test('later events do not change how an attempt ended', () => {
  const attempts = attemptsOf(
    timeline(
      ['submitted', 'queued', 0],
      ['claimed', 'running', 1],
      ['retry_scheduled', 'scheduled', 1, { error }],
      ['paused', 'paused', 1],
      ['cancelled', 'cancelled', 1],
    ),
  )
  expect(attempts).toHaveLength(1)
  expect(attempts[0]).toMatchObject({ event: 'retry_scheduled', endedAt: 2_000, error })
})

test('an attempt whose first entry is no longer kept has no start time', () => {
  const [attempt] = attemptsOf(
    timeline(['submitted', 'queued', 0], ['cancelled', 'cancelled', 7, { endedBy: 'killed' }]),
  )
  expect(attempt).toMatchObject({ attempt: 7, startedAt: null, endedAt: 1_000, endedBy: 'killed' })
})
