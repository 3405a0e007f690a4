import { expect, test } from 'vitest'
import { columnsOf, toggled, withColumns } from './columns.ts'

test('columns are read from an address, in the order of the table, without unknown ones', () => {
  expect(columnsOf('type=a&columns=id,status,nonsense,constructor')).toEqual(['status', 'id'])
  expect([columnsOf(''), columnsOf('columns='), columnsOf('columns=nonsense')]).toEqual([null, null, null])
})

test('columns are added to an address, replaced and removed', () => {
  expect(withColumns('', ['status', 'id'])).toBe('columns=status,id')
  expect(withColumns('columns=id&tag=a', ['type'])).toBe('tag=a&columns=type')
  expect(withColumns('tag=a&columns=id', null)).toBe('tag=a')
  expect(withColumns('', null)).toBe('')
})

test('a column is added in its place, and the last one stays', () => {
  expect(toggled(['status', 'id'], 'ended')).toEqual(['status', 'ended', 'id'])
  expect(toggled(['status', 'id'], 'id')).toEqual(['status'])
  expect(toggled(['status'], 'status')).toEqual(['status'])
})
