import { expect, test } from 'vitest'
import { AuditEntryBody } from '../../../src/contract/audit.ts'
import { actionNames, filtersOf, noFilters, requestOf, searchOf, type AuditFilters } from './filters.ts'

test('every action has a name', () => {
  expect(Object.keys(actionNames)).toEqual(AuditEntryBody.shape.action.options)
})

test('filters are the same after a round trip through the URL', () => {
  const filters: AuditFilters = {
    caller: 'Änne & co',
    action: 'bulk.cancel',
    task: '019a3c5e',
    from: 1_764_000_000,
    until: 1_764_003_600.5,
  }
  expect(filtersOf(searchOf(filters))).toEqual(filters)
  expect(searchOf(noFilters)).toBe('')
})

test('what a URL says and is not a filter is ignored', () => {
  expect(filtersOf('?action=none&from=yesterday&other=1')).toEqual(noFilters)
})

test('a request names only what is set', () => {
  expect(JSON.stringify(requestOf({ ...noFilters, task: 'a', from: 5 }))).toBe('{"task_id":"a","after":5}')
})
