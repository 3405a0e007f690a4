import { expect, test } from 'vitest'
import { Throttle } from './throttle.ts'

test('so many of a kind pass in a stretch of time, and the next one tells how many did not', () => {
  const throttle = new Throttle(2, 100)
  expect([0, 1, 2, 99].map((now) => throttle.pass('a', now))).toEqual([0, 0, undefined, undefined])
  expect(throttle.pass('b', 99)).toBe(0)
  expect([100, 101, 102].map((now) => throttle.pass('a', now))).toEqual([2, 0, undefined])
})

test('kinds without end take no memory without end', () => {
  const throttle = new Throttle(1, 100)
  for (let kind = 0; kind < 5_000; kind++) expect(throttle.pass(`${kind}`, 0)).toBe(0)
  expect(throttle.pass('4999', 1)).toBeUndefined()
  expect(throttle.pass('0', 1)).toBe(0)
})
