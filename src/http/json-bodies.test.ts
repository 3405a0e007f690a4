import { expect, test } from 'vitest'
import { valuesIn } from './json-bodies.ts'

test.each([
  ['null', 1],
  ['[]', 1],
  ['[[],{},[1]]', 5],
  ['{"a":1,"b":[2,3]}', 5],
  [String.raw`{"a":"[,{","b":"\"[,","c":"\\","d":"\\\"[[["}`, 5],
  ['"[,,,,', 1],
  [String.raw`"\"\"\"[[[`, 1],
])('%s has so many values', (text, values) => {
  expect(valuesIn(text, 100)).toBe(values)
})

test('counting stops at the limit', () => {
  expect(valuesIn('[],'.repeat(1_000_000), 10)).toBe(11)
})
