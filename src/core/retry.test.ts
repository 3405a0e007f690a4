import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultBackoff, retryDelay } from './retry.ts'

const plain = { base: 1_000, factor: 2, max: 60_000, jitter: 0 }

test('each failure doubles the delay, up to the limit', () => {
  const delays = [1, 2, 3, 4, 7, 8].map((failures) => retryDelay(plain, failures, 100, 0))
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 60_000, 60_000])
})

test('there is no delay after the last attempt has failed', () => {
  expect(retryDelay(plain, 2, 3, 0)).toBe(2_000)
  expect(retryDelay(plain, 3, 3, 0)).toBeNull()
  expect(retryDelay(plain, 1, 1, 0)).toBeNull()
})

test('jitter shortens the delay by at most its fraction', () => {
  const jittery = { ...plain, jitter: 0.2 }
  expect(retryDelay(jittery, 1, 3, 0)).toBe(1_000)
  expect(retryDelay(jittery, 1, 3, 0.5)).toBe(900)
  expect(retryDelay(jittery, 1, 3, 0.999_999)).toBe(800)
  expect(retryDelay({ ...plain, jitter: 1 }, 1, 3, 0.999_999)).toBe(0)
})

test('a thousand failures do not overflow', () => {
  expect(retryDelay(defaultBackoff, 1_000, 10_000, 0)).toBe(defaultBackoff.max)
  expect(retryDelay({ ...plain, factor: 1 }, 1_000, 10_000, 0)).toBe(1_000)
})

test('an overflowing factor leaves a base of zero at zero', () => {
  const none = { base: 0, factor: 100, max: 60_000, jitter: 0.2 }
  expect(retryDelay(none, 156, 170, 0.5)).toBe(0)
  expect(retryDelay({ ...none, factor: 2 }, 1_100, 2_000, 0.5)).toBe(0)
})

test('for every valid policy, the delay is a whole number within its limit', () => {
  const policies = fc.record({
    base: fc.integer({ min: 0, max: 10 ** 12 }),
    factor: fc.double({ min: 1, max: 100, noNaN: true }),
    max: fc.integer({ min: 0, max: 10 ** 12 }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  const chance = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 9_999 }), chance, (policy, failures, random) => {
      const delay = retryDelay(policy, failures, 10_000, random)
      expect(delay).toSatisfy(Number.isSafeInteger)
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(policy.max)
    }),
    { seed: 1 },
  )
})

test('delays are whole milliseconds', () => {
  expect(retryDelay({ ...plain, base: 333, jitter: 0.3 }, 1, 2, 0.1234)).toBe(321)
})
