import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { Table, type Column } from './table.ts'
import { Terminal } from './terminal.ts'
import { safeJson, visible, visibleLines } from './text.ts'
import { cut, pad, widthOf } from './width.ts'

const columns: readonly Column<string[]>[] = [
  { title: 'ID', text: ([id = '']) => id },
  { title: 'TAGS', text: ([, tags = '']) => tags, yields: 2 },
  { title: 'WHAT', text: ([, , what = '']) => what, least: 5, yields: 1 },
]
const rows = [
  ['0001', 'one,two,three', 'a rather long description of it'],
  ['0002', '', '漢字漢字漢字漢字'],
]

function linesAt(width: number | undefined): string[] {
  const stream = Object.assign(new PassThrough(), { isTTY: width !== undefined, columns: width })
  const table = new Table(new Terminal(stream as unknown as WriteStream), columns, rows)
  return [table.head, ...rows.map((row) => table.line(row))].map(({ text }) => stripVTControlCharacters(text))
}

test('a table fits every width: columns yield, then what may be cut is cut', () => {
  for (const width of [20, 24, 30, 40, 60]) {
    for (const line of linesAt(width)) expect(widthOf(line)).toBeLessThanOrEqual(width)
  }
  expect(linesAt(80)[0]).toBe('ID    TAGS           WHAT')
  expect(linesAt(40)[1]).toBe('0001  one,two,three  a rather long desc…')
  expect(linesAt(20)).toEqual(['ID    WHAT', '0001  a rather long…', '0002  漢字漢字漢字…'])
})

test('a table in a pipe is never cut', () => {
  expect(linesAt(undefined)[1]).toBe('0001  one,two,three  a rather long description of it')
})

test('text is cut and padded by its width in columns', () => {
  expect(cut('漢字漢字', 5)).toBe('漢字…')
  expect(cut('👩‍👩‍👧‍👦 family', 4)).toBe('👩‍👩‍👧‍👦 …')
  expect(pad('漢', 4)).toBe('漢  ')
  expect(pad('7', 3, 'right')).toBe('  7')
})

test('text from elsewhere is shown, with nothing in it obeyed or hidden', () => {
  const text = 'a\u001B[31mb\u009B0m\u0007c\r\nd\u202Ee\uFEFF\u{E0041}\uD800\u2028f\u200Dg'
  expect(visible(text)).toBe(
    String.raw`a\x1b[31mb\x9b0m\x07c d\u202ee\ufeff\u{e0041}\ud800\u2028f` + '\u200Dg',
  )
  expect(visible(visible(text))).toBe(visible(text))
  expect(visibleLines('a\r\n\tb\rc')).toBe('a\n\tb' + String.raw`\x0dc`)
  expect(visible('naïve 漢字 👩‍👩‍👧‍👦 می‌خواهم \uE0B0')).toBe('naïve 漢字 👩‍👩‍👧‍👦 می‌خواهم \uE0B0')
})

test('JSON for programs has nothing that a terminal would obey, and the same value', () => {
  const value = { 'k\u009B': ['\u001B\u007F\u202E\u2028\u{E0041}', 'a\nb'] }
  for (const indent of [0, 2]) {
    const json = safeJson(value, indent)
    expect(JSON.parse(json)).toEqual(value)
    expect(json).toMatch(/^[\n\x20-\x7E]*$/)
  }
})
