import { expect, test } from 'vitest'
import { age, count, countdown, duration, errorText, plural, rate } from './format.ts'
import { seconds, time, whole } from './values.ts'

test.each([
  [0.004, '4 ms'],
  [3.21, '3.2 s'],
  [59.99, '1m 0s'],
  [75, '1m 15s'],
  [7_500, '2h 5m'],
  [273_600, '3d 4h'],
])('%d seconds are %s', (value, text) => {
  expect(duration(value)).toBe(text)
})

test('quantities are formatted for people', () => {
  expect([countdown(4.2), countdown(3_723), countdown(-1)]).toEqual(['0:05', '1:02:03', '0:00'])
  expect([rate(0), rate(1_234.5), rate(2), rate(0.25), rate(0.01)]).toEqual([
    '0/s',
    '1,235/s',
    '2.0/s',
    '0.25/s',
    '0.6/min',
  ])
  expect([count(12), count(1_234_567)]).toEqual(['12', '1,234,567'])
  expect([plural(1, 'task'), plural(2_000, 'task')]).toEqual(['1 task', '2,000 tasks'])
  expect([age(100, 100_500), age(100, 190_000), age(200, 100_000)]).toEqual(['now', '1m ago', 'in 1m'])
})

test('durations and times are parsed as people write them', () => {
  expect([seconds('90'), seconds('1.5s'), seconds('1h30m'), seconds('250ms')]).toEqual([90, 1.5, 5_400, 0.25])
  for (const wrong of ['', 'soon', '5 m', '-3', '1h x'])
    expect(() => seconds(wrong)).toThrow('It must be seconds')
  expect(time('ago')('2026-01-31T12:00:00Z')).toBe(1_769_860_800)
  expect(time('ago')('1769860800')).toBe(1_769_860_800)
  expect(time('ago')('1h') - time('ahead')('1h')).toBeCloseTo(-7_200, 0)
  for (const wrong of ['yesterday', '1', '2026-13-45'])
    expect(() => time('ago')(wrong)).toThrow('It must be like')
  expect(() => whole(1, 5)('6')).toThrow('a whole number from 1 to 5')
})

test.each([
  ['TIMEOUT', 'Too slow.', 'TIMEOUT: Too slow.'],
  ['ENOENT', 'ENOENT: no such file', 'ENOENT: no such file'],
])('the code %s is shown once', (code, message, line) => {
  expect(errorText({ code, message })).toBe(line)
})
