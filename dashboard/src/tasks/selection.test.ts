import { expect, test } from 'vitest'
import { extended, isChosen, isEmpty, nothing, toggled } from './selection.ts'

const loaded = ['a', 'b', 'c', 'd']

test('a row is selected and deselected', () => {
  const one = toggled(nothing, 'b', loaded)
  expect(isChosen(one, 'b')).toBe(true)
  expect(isEmpty(toggled(one, 'b', loaded))).toBe(true)
})

test('a range is selected in either direction', () => {
  expect([...extended(nothing, 2, 1, loaded).ids]).toEqual(['b', 'c'])
})

test('deselecting one row of all leaves the other loaded rows selected', () => {
  const rest = toggled({ ids: new Set(), isAll: true }, 'c', loaded)
  expect(rest.isAll).toBe(false)
  expect([...rest.ids]).toEqual(['a', 'b', 'd'])
})
