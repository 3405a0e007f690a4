import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeText, encodeText } from './text.ts'

describe('text for PostgreSQL', () => {
  test.each([
    '',
    'plain',
    'größer 漢 🎈',
    'a\0b',
    '\uD83C',
    '\uDF88\uD83C',
    '\u0001',
    '\u00010000',
    '\0\u0001\0',
  ])('%j comes back as it was', (text) => {
    const encoded = encodeText(text)
    expect(encoded.isWellFormed() && !encoded.includes('\0')).toBe(true)
    expect(decodeText(encoded)).toBe(text)
  })

  test('differs for different texts, whatever they contain', () => {
    const text = fc.string({ unit: fc.constantFrom('\0', '\uFFFF', '\uD83C', '\uDF88', '0', 'a') })
    fc.assert(
      fc.property(text, (one) => {
        expect(decodeText(encodeText(one))).toBe(one)
      }),
      { seed: 1 },
    )
  })

  test('refuses values that are not strings', () => {
    expect(() => encodeText(Symbol('no text') as unknown as string)).toThrow(TypeError)
  })
})
