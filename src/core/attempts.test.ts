import { expect, test } from 'vitest'
import { attemptsOf } from './attempts.ts'
import type { MoveName } from './lifecycle.ts'
import type { Status, TimelineEntry } from './task.ts'

const error = { code: 'E', name: 'Error', message: 'no luck' }

/** Lines one second apart: move, status after it, attempt. */
function timeline(...lines: [MoveName, Status, number, Partial<TimelineEntry>?][]): TimelineEntry[] {
  return lines.map(([move, status, attempt, more], index) => ({
    version: index + 1,
    at: index * 1_000,
    move,
    status,
    attempt,
    by: 'test',
    ...more,
  }))
}

test('a task that never ran has no attempt', () => {
  expect(attemptsOf(timeline(['submit', 'queued', 0], ['cancel', 'cancelled', 0]))).toEqual([])
})

test('a pause, a drain and their resume stay within one attempt', () => {
  const attempts = attemptsOf(
    timeline(
      ['submit', 'queued', 0],
      ['claim', 'running', 1],
      ['ask-pause', 'pausing', 1],
      ['settle-pause', 'paused', 1],
      ['resume', 'queued', 1],
      ['claim', 'running', 1],
      ['release', 'queued', 1],
      ['claim', 'running', 1],
    ),
  )
  expect(attempts).toEqual([
    { attempt: 1, startedAt: 1_000, endedAt: null, move: null, status: null, error: null, endedBy: null },
  ])
})

test('each failure ends its attempt with its error, and the last one completes', () => {
  const attempts = attemptsOf(
    timeline(
      ['submit', 'queued', 0],
      ['claim', 'running', 1],
      ['retry-later', 'scheduled', 1, { error }],
      ['due', 'queued', 1],
      ['claim', 'running', 2],
      ['lost', 'queued', 2, { why: 'the node that ran it is gone' }],
      ['claim', 'running', 3],
      ['complete', 'completed', 3],
    ),
  )
  expect(attempts.map(({ startedAt, endedAt, move, status }) => [startedAt, endedAt, move, status])).toEqual([
    [1_000, 2_000, 'retry-later', 'scheduled'],
    [4_000, 5_000, 'lost', 'queued'],
    [6_000, 7_000, 'complete', 'completed'],
  ])
  expect(attempts[0]?.error).toEqual(error)
})

test('what happens after the end does not change how an attempt ended', () => {
  const attempts = attemptsOf(
    timeline(
      ['submit', 'queued', 0],
      ['claim', 'running', 1],
      ['retry-later', 'scheduled', 1, { error }],
      ['pause', 'paused', 1],
      ['cancel', 'cancelled', 1],
    ),
  )
  expect(attempts).toHaveLength(1)
  expect(attempts[0]).toMatchObject({ move: 'retry-later', endedAt: 2_000, error })
})

test('an attempt whose first line is no longer kept has no start', () => {
  const [attempt] = attemptsOf(
    timeline(['submit', 'queued', 0], ['settle-cancel', 'cancelled', 7, { endedBy: 'killed' }]),
  )
  expect(attempt).toMatchObject({ attempt: 7, startedAt: null, endedAt: 1_000, endedBy: 'killed' })
})
