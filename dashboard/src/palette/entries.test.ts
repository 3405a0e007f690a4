import { describe, expect, test } from 'vitest'
import { idIn, matching, type Entry } from './entries.ts'

const entry = (group: Entry['group'], name: string, hint = ''): Entry => ({
  key: name,
  group,
  name,
  hint,
  icon: 'list',
  run() {},
})

describe('the palette', () => {
  test('finds entries by all words, in names and hints, the best of each group first', () => {
    const all = [
      entry('actions', 'Submit a reimport'),
      entry('types', 'reimport'),
      entry('types', 'nightly-import'),
      entry('types', 'import'),
      entry('goTo', 'Overview'),
    ]
    const names = (query: string) => matching(all, query).map(({ name }) => name)
    expect(names('import')).toEqual(['import', 'nightly-import', 'reimport', 'Submit a reimport'])
    expect(names('submit import')).toEqual(['Submit a reimport'])
    expect(names('TYPES rei')).toEqual(['reimport'])
    expect(names('')).toHaveLength(5)
    expect(names('zebra')).toEqual([])
  })

  test.each([
    ['…fbfcf38e', 'fbfcf38e'],
    ['...fbfcf38e', 'fbfcf38e'],
    [' FBFCF38E ', 'fbfcf38e'],
    ['019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31'],
    ['abcde', null],
    ['a-b-c-d', null],
    ['import', null],
    ['', null],
  ])('takes %j for the id %j', (query, id) => {
    expect(idIn(query)).toBe(id)
  })
})
