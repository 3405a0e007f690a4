import { describe, expect, test } from 'vitest'
import { filtersOf, noFilters, requestOf, restrictions, searchOf, type Filters } from './filters.ts'

const all: Filters = {
  statuses: ['queued', 'running'],
  types: ['add', 'tree:plant'],
  tag: 'a b&c',
  createdBy: 'ci',
  cause: '0123456789abcdef',
  tookMin: 0.5,
  tookMax: 300,
  text: 'x=1',
  since: null,
  from: 1_764_000_000,
  until: 1_764_003_600.5,
  order: 'ended_oldest',
}

describe('the filters of the table', () => {
  test('are in the URL, and nothing else is', () => {
    expect(filtersOf(searchOf(all))).toEqual(all)
    expect(filtersOf(searchOf({ ...noFilters, since: '1h' }))).toEqual({ ...noFilters, since: '1h' })
    expect(searchOf(noFilters)).toBe('')
    expect(searchOf({ ...noFilters, statuses: ['queued', 'running'] })).toBe('status=queued,running')
  })

  test('tolerate a URL written by hand', () => {
    expect(
      filtersOf(
        '?status=queued,nonsense,queued&order=sideways&from=yesterday&since=9y&x=1&cause=x&took_min=-1&took_max=1e9',
      ),
    ).toEqual({
      ...noFilters,
      statuses: ['queued'],
    })
  })

  test('request tasks since a time that moves with the clock', () => {
    const filters = { ...noFilters, since: '1h' as const }
    expect(requestOf(filters, 1_764_003_600.7)).toEqual({ created_after: 1_764_000_000 })
    expect(requestOf(all, 0)).toEqual({
      status: ['queued', 'running'],
      type: ['add', 'tree:plant'],
      tag: 'a b&c',
      created_by: 'ci',
      fingerprint: '0123456789abcdef',
      took_min: 0.5,
      took_max: 300,
      q: 'x=1',
      created_after: 1_764_000_000,
      created_before: 1_764_003_600.5,
    })
  })

  test('are counted, with a time span as one', () => {
    expect(restrictions(noFilters)).toBe(0)
    expect(restrictions(all)).toBe(8)
    expect(restrictions({ ...noFilters, order: 'oldest' })).toBe(0)
  })
})
