import { expect, test } from 'vitest'
import { sorted, sortOf, turned, type TypeRow } from './order.ts'

const row = (type: string, queued: number, failureRate: number | null) =>
  ({
    type: { type },
    counts: { queued },
    figures: { ended: 1, perHour: 1, failureRate, run: null, queue: null },
  }) as unknown as TypeRow
const rows = [row('b', 2, null), row('c', 2, 0.5), row('a', 9, 0.1)]
const names = (text: string | null) => sorted(rows, sortOf(text)).map(({ type }) => type.type)

test('types are sorted by a column, then by name, and those without a value are last', () => {
  expect(names(null)).toEqual(['a', 'b', 'c'])
  expect(names('-name')).toEqual(['c', 'b', 'a'])
  expect(names('-queued')).toEqual(['a', 'b', 'c'])
  expect(names('queued')).toEqual(['b', 'c', 'a'])
  expect(names('failures')).toEqual(['a', 'c', 'b'])
  expect(names('-failures')).toEqual(['c', 'a', 'b'])
  expect(names('constructor')).toEqual(names(null))
})

test('a heading sorts numbers from the largest first, and turns the order around', () => {
  expect(turned(sortOf(null), 'rate')).toBe('-rate')
  expect(turned(sortOf('-rate'), 'rate')).toBe('rate')
  expect(turned(sortOf('-rate'), 'name')).toBe('name')
})
