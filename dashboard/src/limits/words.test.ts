import { expect, test } from 'vitest'
import { blockWords, boundsWords, countedWords, limitPath } from './words.ts'

test('bounds are said in words', () => {
  expect(
    boundsWords({ concurrency: 10, rate: { limit: 100, per: 60 }, max_queued: 1_000, scope: 'global' }),
  ).toBe('10 at once, 100 starts per 1 min, 1,000 queued')
  expect(
    boundsWords({ concurrency: null, rate: { limit: 1, per: 2 }, max_queued: null, scope: 'node' }),
  ).toBe('1 start per 2.0 s, on each node')
})

test('a bucket says why it is blocked', () => {
  const full = { running: 2, next_start_at: null }
  expect(blockWords(full, { concurrency: 2 })).toBe('2 of 2 slots in use')
  expect(blockWords({ ...full, next_start_at: 5 }, { concurrency: 3 })).toMatch(/next start/)
  expect(blockWords(full, { concurrency: 3 })).toBeNull()
})

test('counts that have ended say so, and keys stay whole in addresses', () => {
  expect(countedWords(9_999)).toBe('9,999')
  expect(countedWords(10_000)).toBe('10,000 or more')
  expect(limitPath('api', 'a&b/c')).toBe('/limits/api?key=a%26b%2Fc')
  expect(limitPath('api', '')).toBe('/limits/api')
})
