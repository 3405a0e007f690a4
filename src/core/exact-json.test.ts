import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inexactIn, NumberInexact, parseExact } from './exact-json.ts'

describe('JSON with exact numbers', () => {
  test.each([
    ['{"parameters":{"id":9007199254740993}}', 'parameters.id'],
    ['{"a":[1,{"b":[2,3]},-9007199254740993]}', 'a.2'],
    ['{"a":[[1],[2,{"c":9007199254740993}]]}', 'a.1.1.c'],
    ['[1e400]', '0'],
    ['{"a\\"b":-1E+400}', 'a"b'],
    ['{"x":1e-400}', 'x'],
    ['12345678901234567890', ''],
    // 2^60, which JSON would write as ...7000.
    ['{"n" : 1152921504606846976}', 'n'],
    ['{"text":"9007199254740993", "key: 9007199254740993":"[{", "n":9007199254740993}', 'n'],
    [`[${'9'.repeat(400)}]`, '0'],
  ])('refuses %s at %j', (text, path) => {
    expect(inexactIn(text)).toMatchObject({ path })
    expect(() => parseExact(text)).toThrow(NumberInexact)
  })

  test.each([
    '9007199254740991',
    '[-9007199254740991,0,-0,0.1,1.7976931348623157e308,5e-324,0e999,0.0000000000000000001]',
    '0.12345678901234567890123',
    '1764000000.123456789012345',
    // Exactly these digits come out again.
    '[9007199254740992,100000000000000000000,1000000000000000000000,1e20,6.02214076e23]',
    '{"a":"9007199254740993","b":"1e400","9007199254740993":1,"c":"\\\\","d":"\\"1e400"}',
  ])('takes %s', (text) => {
    expect(inexactIn(text)).toBeUndefined()
    expect(parseExact(text)).toEqual(JSON.parse(text))
  })

  test('says what is wrong and how to fix it', () => {
    expect(() => parseExact('{"a":[9007199254740993]}')).toThrow(
      'a.0: the number is an integer beyond ±(2^53 - 1), which JSON numbers cannot hold exactly; send it as a string',
    )
  })

  test('never refuses the output of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 2 }), (value, indent) => {
        expect(inexactIn(JSON.stringify(value, null, indent))).toBeUndefined()
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('finds a number anywhere', () => {
    const hidden = fc.jsonValue().chain((value) => {
      const places = placesOf(value)
      return fc.record({ value: fc.constant(value), place: fc.constantFrom(...places) })
    })
    fc.assert(
      fc.property(hidden, ({ value, place }) => {
        const text = JSON.stringify(withMark(value, place)).replace('"\\u0000mark"', '9007199254740993')
        expect(inexactIn(text)?.path).toBe(place.join('.'))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('is found quickly in a large document', () => {
    const text = `{"a":[${'"\\\\\\"1234567890123456",'.repeat(100_000)}9007199254740993]}`
    expect(inexactIn(text)?.path).toBe('a.100000')
  })
})

type Place = readonly (string | number)[]

function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [[]]
  const inner = Object.entries(value).map(
    ([key, part]) => [Array.isArray(value) ? Number(key) : key, part] as const,
  )
  return [[], ...inner.flatMap(([key, part]) => placesOf(part).map((place) => [key, ...place]))]
}

function withMark(value: unknown, [first, ...rest]: Place): unknown {
  if (first === undefined) return '\0mark'
  if (Array.isArray(value))
    return value.map((part: unknown, index) => (index === first ? withMark(part, rest) : part))
  const entries = Object.entries(value as object).map(([key, part]) => [
    key,
    key === first ? withMark(part, rest) : part,
  ])
  return Object.fromEntries(entries) as unknown
}
