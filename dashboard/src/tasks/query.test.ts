import { expect, test } from 'vitest'
import { noFilters } from './filters.ts'
import { asked, completions, hasFilter } from './query.ts'

test('filters are taken out of a text, and the rest is searched for', () => {
  const { filters, text, wrong } = asked(
    'type:import  no route status:failed,queued tag:"two words" since:24h to host',
    noFilters,
  )
  expect(filters).toEqual({
    ...noFilters,
    types: ['import'],
    statuses: ['failed', 'queued'],
    tag: 'two words',
    since: '24h',
  })
  expect([text, wrong]).toEqual(['no route to host', []])
})

test('filters add to those that are set, or replace them', () => {
  const before = { ...noFilters, types: ['a'], tag: 'old', since: '1h' } as const
  const { filters } = asked('type:b tag:new after:2026-01-02T03:04:05Z order:oldest by:bob', before)
  expect(filters).toEqual({
    ...noFilters,
    types: ['a', 'b'],
    tag: 'new',
    createdBy: 'bob',
    from: Date.UTC(2026, 0, 2, 3, 4, 5) / 1_000,
    order: 'oldest',
  })
})

test.each([
  ['took:>30s', { tookMin: 30, tookMax: null }],
  ['took:>=1h30m', { tookMin: 5_400, tookMax: null }],
  ['took:<1.5s', { tookMin: null, tookMax: 1.5 }],
  ['took:250ms..5m', { tookMin: 0.25, tookMax: 300 }],
])('a duration is written in words: %s', (text, expected) => {
  const found = asked(text, { ...noFilters, tookMin: 7, tookMax: 8 })
  expect(found).toEqual({ filters: { ...noFilters, ...expected }, text: '', wrong: [] })
})

test.each(['took:30s', 'took:>soon', 'took:>20y', 'took:..5m', 'took:>99999d', 'took:<>5s'])(
  'a duration that cannot be is named: %s',
  (text) => {
    expect(asked(text, noFilters)).toEqual({ filters: noFilters, text, wrong: [text] })
  },
)

test('what looks like a filter and is none stays text, and a wrong value is named', () => {
  const text = 'http://10.0.0.7:5432 key:value status:broken after:soon type:'
  expect(asked(text, noFilters)).toEqual({ filters: noFilters, text, wrong: ['status:broken', 'after:soon'] })
  expect([
    hasFilter('key:value x'),
    hasFilter('type:'),
    hasFilter('xtype:add'),
    hasFilter('a type:add'),
  ]).toEqual([false, false, false, true])
})

test('the last word is completed', () => {
  const known = { types: ['add', 'import', 'image'] }
  expect(completions('st', known)).toEqual(['status:'])
  expect(completions('boom type:im', known)).toEqual(['boom type:import ', 'boom type:image '])
  expect(completions('status:failed,q', known)).toEqual(['status:failed,queued '])
  expect(completions('since:2', known)).toEqual(['since:24h '])
  expect(completions('order:l', known)).toEqual(['order:longest '])
  expect(completions('took:>', known)).toEqual(['took:>30s '])
  expect(completions('', known)).toContain('type:')
  expect([
    completions('type:add ', known),
    completions('constructor:', known),
    completions('tag:x', known),
  ]).toEqual([[], [], []])
})
