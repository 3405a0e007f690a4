import { expect, test } from 'vitest'
import { FakeClock } from '../../testing/clock.ts'
import { ProgressRate } from './progress-rate.ts'

const report = (...values: unknown[]) => new ProgressRate(new FakeClock()).report(...(values as [number]))

test('a total that is null or omitted is unknown, and 0 of 0 is kept', () => {
  expect(report(1, null)).not.toHaveProperty('total')
  expect(report(1, undefined, null)).not.toHaveProperty('message')
  expect(report(0, 0)).toMatchObject({ current: 0, total: 0 })
})

test.each([
  [[Number.NaN], 'task.progress: current must be a finite number, but is NaN'],
  [[null, 5], 'task.progress: current must be a finite number, but is null'],
  [[1, '5'], 'task.progress: total must be a finite number, or null while it is unknown, but is 5'],
  [
    [1, Infinity],
    'task.progress: total must be a finite number, or null while it is unknown, but is Infinity',
  ],
])('%j is refused by the name of the argument', (values, message) => {
  expect(() => report(...values)).toThrow(new RangeError(message))
})
