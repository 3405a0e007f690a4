import * as fc from 'fast-check'
import { types } from 'pg'
import { expect, test } from 'vitest'
import { arrayText } from './array.ts'

/** As the driver reads arrays of text. */
const read = types.getTypeParser(1009 as never) as (text: string) => (string | null)[]

test('an array is restored unchanged, whatever its elements contain', () => {
  const text = fc.string({ unit: fc.constantFrom('"', '\\', ',', '{', '}', ' ', 'N', 'NULL', 'ä', '🎈') })
  fc.assert(
    fc.property(fc.array(fc.option(text)), (values) => {
      expect(read(arrayText(values))).toEqual(values)
    }),
    { seed: 1 },
  )
})

test('numbers and booleans are not quoted', () => {
  expect(arrayText([1, -2.5, null, 1e21])).toBe('{1,-2.5,NULL,1e+21}')
  expect(arrayText([true, false])).toBe('{true,false}')
  expect(arrayText([])).toBe('{}')
})
