import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { clip, head, tail } from './text.ts'

test('a text that fits is unchanged', () => {
  expect(clip('abc', 3)).toBe('abc')
  expect(head('abc', 3)).toBe('abc')
  expect(tail('abc', 3)).toBe('abc')
})

test('a character that does not fit completely is dropped', () => {
  expect(clip(`${'x'.repeat(999)}😀`, 1_000)).toBe(`${'x'.repeat(999)}…`)
  expect(clip(`${'x'.repeat(998)}😀yz`, 1_000)).toBe(`${'x'.repeat(998)}…`)
  expect(head('ab😀', 3)).toBe('ab')
  expect(tail('😀ab', 3)).toBe('ab')
  expect(tail('x😀ab', 4)).toBe('😀ab')
})

test('half a character is replaced', () => {
  expect(clip('a\ud800b', 10)).toBe('a\ufffdb')
  expect(clip('\udc00\udc00', 10)).toBe('\ufffd\ufffd')
})

test('no cut of any text is too long or ill-formed', () => {
  const texts = fc.string({
    unit: fc.oneof(fc.constantFrom('a', '😀', '\ud83d', '\ude00', '\0'), fc.string()),
  })
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, length) => {
      for (const cut of [clip(text, length), head(text, length), tail(text, length)]) {
        expect(cut.length).toBeLessThanOrEqual(length)
        expect(cut.isWellFormed()).toBe(true)
      }
      expect(text.toWellFormed().startsWith(head(text, length)) || !text.isWellFormed()).toBe(true)
      expect(text.toWellFormed().endsWith(tail(text, length)) || !text.isWellFormed()).toBe(true)
    }),
    { seed: 1 },
  )
})
