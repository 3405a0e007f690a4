import { describe, expect, test } from 'vitest'
import { runningTask } from '../../test/support/fake-manager.ts'
import { isCandidate, isIdPrefix, matches, type Filter } from './filter.ts'

const task = {
  ...runningTask,
  tags: ['a'],
  error: { code: 'E_DISK', name: 'Error', message: 'Full', stack: 'at x' },
}
const fits = (filter: Filter) => matches(task, () => '{"File":"ÄÖ.png"}', filter)

test.each([
  [{}, true],
  [{ statuses: ['running'], types: ['long'], tag: 'a' }, true],
  [{ statuses: [] }, false],
  [{ types: ['add'] }, false],
  [{ tag: 'b' }, false],
  [{ createdAfter: task.createdAt, createdBefore: task.createdAt + 1 }, true],
  [{ createdAfter: task.createdAt + 1 }, false],
  [{ createdBefore: task.createdAt }, false],
  [{ text: 'file' }, true],
  [{ text: 'ÄÖ.PNG' }, true],
  [{ text: 'äö' }, false],
  [{ text: 'e_disk' }, true],
  [{ text: 'at x' }, false],
  [{ text: task.id.slice(0, 5) }, true],
  [{ text: task.id.slice(1, 5) }, false],
  [{ text: task.id.slice(0, 20), tag: 'b' }, false],
] satisfies [Filter, boolean][])('%o matches: %s', (filter, expected) => {
  expect(fits(filter)).toBe(expected)
})

test('parameters are not read if the task itself does not match', () => {
  const read = () => expect.unreachable('the parameters were read')
  expect(matches(task, read, { text: 'x', types: ['add'] })).toBe(false)
  expect(matches(task, read, { text: task.id })).toBe(true)
})

test.each([
  [{ tookMin: 30_000 }, true],
  [{ tookMin: 30_001 }, false],
  [{ tookMax: 30_000 }, true],
  [{ tookMax: 29_999 }, false],
  [{ tookMin: 1, tookMax: 40_000, statuses: ['failed'] }, false],
] satisfies [Filter, boolean][])('a finished task of 30 s matches %o: %s', (filter, expected) => {
  const finished = { ...task, status: 'completed', activeMs: 30_000 } as const
  expect(matches(finished, () => '', filter)).toBe(expected)
  // What can still run has not taken its time.
  expect(matches({ ...finished, status: 'paused' }, () => '', filter)).toBe(false)
})

describe('an id, or its beginning', () => {
  test.each([
    ['019a3c5e-7d2b', true],
    ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', true],
    ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31a', false],
    ['019a3c5e', false],
    ['019a3c5e-7', false],
    ['019A3C5E-7D2B', false],
    ['task-1', false],
  ])('%s: %s', (text, expected) => {
    expect(isIdPrefix(text)).toBe(expected)
  })

  test('selects its tasks, whatever the other filters', () => {
    expect(isCandidate(task, { text: task.id, statuses: ['failed'] }, 'newest')).toBe(true)
    expect(isCandidate(task, { tag: 'a', statuses: ['failed'] }, 'newest')).toBe(true)
    expect(isCandidate(task, { text: 'x', statuses: ['failed'] }, 'newest')).toBe(false)
  })
})
