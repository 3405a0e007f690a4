import { expect, test } from 'vitest'
import type { Run, Status } from '../data/shapes.ts'
import { endOf, spansOf, startOf } from './spans.ts'

/** `at event status attempt`. */
function run(...lines: readonly string[]): Run {
  const changes = lines.map((line, index) => {
    const [at, event = '', status, attempt] = line.split(' ')
    return {
      version: index + 1,
      at: Number(at),
      event,
      status: status as Status,
      attempt: Number(attempt),
    }
  })
  return { task_id: 'a', task_type: 't', changes }
}

test('a run waits, runs, is paused and fails, attempt by attempt', () => {
  const tried = run(
    '0 submitted queued 0',
    '2 claimed running 1',
    '5 retry_scheduled scheduled 1',
    '6 due queued 1',
    '7 claimed running 2',
    '8 pause_requested pausing 2',
    '9 paused paused 2',
    '12 resumed queued 2',
    '13 claimed running 2',
    '20 failed failed 2',
  )
  expect(
    spansOf(tried, 100).map(({ kind, outcome, from, to, attempt }) => [kind, outcome, from, to, attempt]),
  ).toEqual([
    ['waiting', 'running', 0, 2, 0],
    ['running', 'failed', 2, 5, 1],
    ['waiting', 'running', 5, 7, 1],
    ['running', 'running', 7, 9, 2],
    ['paused', 'running', 9, 12, 2],
    ['waiting', 'running', 12, 13, 2],
    ['running', 'failed', 13, 20, 2],
  ])
  expect([startOf(tried), endOf(tried, 100)]).toEqual([0, 20])
})

test('what has not ended lasts until now, and unknown changes leave a gap', () => {
  const { changes, ...rest } = run(
    '0 submitted queued 0',
    '2 claimed running 1',
    '3 released queued 1',
    '9 claimed running 1',
  )
  const cut = { ...rest, changes: changes.filter((_, index) => index !== 1) }
  expect(spansOf(cut, 30).map(({ kind, from, to }) => [kind, from, to])).toEqual([
    ['waiting', 3, 9],
    ['running', 9, 30],
  ])
  expect(endOf(cut, 30)).toBe(30)
})
