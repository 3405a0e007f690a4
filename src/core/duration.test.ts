import { describe, expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

describe('a duration', () => {
  test.each([
    [0, 0],
    [1.5, 1_500],
    ['0', 0],
    ['30', 30_000],
    ['2.5', 2_500],
    ['250ms', 250],
    ['10s', 10_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1w', 604_800_000],
    ['1.5h', 5_400_000],
    ['1m500ms', 60_500],
    [' 5s ', 5_000],
    [1.0005, 1_001],
    [0.3 - 0.1, 200],
    ['0.0014', 1],
    ['1.7ms', 2],
    ['0.0001h', 360],
  ])('%j is %d ms', (value, ms) => {
    expect(parseDuration(value)).toBe(ms)
  })

  test.each([
    '',
    ' ',
    '-5s',
    '5 s',
    '5x',
    's',
    '1.s',
    '1e3',
    '5s!',
    'Infinity',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('%j is none', (value) => {
    expect(parseDuration(value)).toBeUndefined()
  })
})

test.each([
  1.1e12,
  Number.MAX_VALUE,
  Number.POSITIVE_INFINITY,
  Number.NaN,
  '9'.repeat(400),
  `${'9'.repeat(400)}h`,
  '99999999999h',
])('%s is longer than anything can wait', (value) => {
  expect(parseDuration(value)).toBeUndefined()
})

test('the longest duration results in a valid date', () => {
  expect(new Date(Date.now() + parseDuration(1e12)!).getTime()).toBeGreaterThan(1e15)
})
