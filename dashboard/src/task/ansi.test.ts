import { expect, test } from 'vitest'
import { piecesOfLine, withoutAnsi } from './ansi.ts'

const e = String.fromCharCode(27)

test('colors and weights become pieces, and everything else of a terminal is left out', () => {
  const line = `${e}[1;31mfatal${e}[0m: ${e}[38;5;208m${e}[2Kdisk ${e}[92mfull${e}[39m ${e}]8;;http://a${e}\\link${e}]8;;${e}\\`
  expect(piecesOfLine(line).map(({ text, colour, isBold }) => [text, colour, isBold])).toEqual([
    ['fatal', 'red', true],
    [': ', null, false],
    ['disk ', null, false],
    ['full', 'green', false],
    [' ', null, false],
    ['link', null, false],
  ])
  expect(withoutAnsi(line)).toBe('fatal: disk full link')
})

test('a plain line, and one that ends within a sequence, stay as they are', () => {
  expect(piecesOfLine('plain')).toEqual([{ text: 'plain', colour: null, isBold: false, isFaint: false }])
  expect(withoutAnsi(`cut ${e}[31`)).toContain('cut')
})
