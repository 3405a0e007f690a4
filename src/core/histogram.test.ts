import { expect, test } from 'vitest'
import { Histogram } from './histogram.ts'

test('counts each observation in the first bucket that includes it', () => {
  const histogram = new Histogram([1, 10])
  for (const value of [0, 1, 1.5, 10, 11, 1e9]) histogram.observe(value)
  expect(histogram).toMatchObject({ counts: [2, 2, 2], count: 6, sum: 1_000_000_023.5 })
})
