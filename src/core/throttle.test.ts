import { expect, test } from 'vitest'
import { Throttle } from './throttle.ts'

test('a number of each kind pass per interval, and the next one says how many were suppressed', () => {
  const throttle = new Throttle(2, 100)
  expect([0, 1, 2, 99].map((now) => throttle.pass('a', now))).toEqual([0, 0, undefined, undefined])
  expect(throttle.pass('b', 99)).toBe(0)
  expect([100, 101, 102].map((now) => throttle.pass('a', now))).toEqual([2, 0, undefined])
})

test('endless kinds use bounded memory', () => {
  const throttle = new Throttle(1, 100)
  for (let kind = 0; kind < 5_000; kind++) expect(throttle.pass(`${kind}`, 0)).toBe(0)
  expect(throttle.pass('4999', 1)).toBeUndefined()
  expect(throttle.pass('0', 1)).toBe(0)
})
