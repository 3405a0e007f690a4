import { expect, test } from 'vitest'
import { extended, isChosen, isEmpty, nothing, toggled } from './selection.ts'

const loaded = ['a', 'b', 'c', 'd']

test('a row is chosen, and given up again', () => {
  const one = toggled(nothing, 'b', loaded)
  expect(isChosen(one, 'b')).toBe(true)
  expect(isEmpty(toggled(one, 'b', loaded))).toBe(true)
})

test('a range is chosen in either direction', () => {
  expect([...extended(nothing, 2, 1, loaded).ids]).toEqual(['b', 'c'])
})

test('one row taken out of all leaves the others that are seen', () => {
  const rest = toggled({ ids: new Set(), isAll: true }, 'c', loaded)
  expect(rest.isAll).toBe(false)
  expect([...rest.ids]).toEqual(['a', 'b', 'd'])
})
