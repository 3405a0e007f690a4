import { expect, test } from 'vitest'
import { foldedAt, piecesOf, tokensOf } from './json.ts'

const value = { 'a "b"': -1.5e3, list: [true, null, 'x: 1', 'é\\'], empty: {} }

test('highlighting keeps the whole text', () => {
  const text = JSON.stringify(value, null, 2)
  const tokens = tokensOf(text)
  expect(tokens.map((token) => token.text).join('')).toBe(text)
  expect(tokens.filter(({ kind }) => kind === 'name').map((token) => token.text)).toEqual([
    String.raw`"a \"b\""`,
    '"list"',
    '"empty"',
  ])
  expect(tokens.find(({ kind }) => kind === 'number')?.text).toBe('-1500')
})

test('a string that is cut off is highlighted to the end', () => {
  const cut = tokensOf(String.raw`{ "a": "line 1 of 2\nline`)
  expect(cut.at(-1)).toEqual({ kind: 'text', text: String.raw`"line 1 of 2\nline` })
})

test('short documents are shown completely, long ones are cut at a line', () => {
  expect(foldedAt(JSON.stringify(value, null, 2))).toBeNull()
  const long = JSON.stringify(
    Array.from({ length: 500 }, (_, index) => index),
    null,
    2,
  )
  const cut = foldedAt(long)!
  expect(long.slice(0, cut).split('\n')).toHaveLength(24)
  expect(foldedAt('x'.repeat(5_000))).toBe(1_800)
})

test('a long text has pieces of at most a thousand characters, which end at whole ones', () => {
  const text = `{\n${'x'.repeat(999)}😀${'y'.repeat(1_500)}\n}`
  const pieces = piecesOf(text)
  expect(pieces.map((piece) => piece.length)).toEqual([1, 1_001, 1_000, 500, 1])
  expect(pieces[1]?.endsWith('😀')).toBe(true)
})
