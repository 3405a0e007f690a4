import { PassThrough } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { expect, test } from 'vitest'
import { Table, type Column } from './table.ts'
import { Terminal } from './terminal.ts'
import { clean, cut, pad, widthOf } from './text.ts'

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
  return [table.head, ...rows.map((row) => table.line(row))].map(clean)
}

test('a table fits every width: columns yield, then what may be cut is cut', () => {
  for (const width of [20, 24, 30, 40, 60]) {
    for (const line of linesAt(width)) expect(widthOf(line)).toBeLessThanOrEqual(width)
  }
  expect(linesAt(80)[0]).toBe('ID    TAGS           WHAT')
  expect(linesAt(40)[1]).toBe('0001  one,two,three  a rather long desc…')
  expect(linesAt(20)).toEqual(['ID    WHAT', '0001  a rather long…', '0002  漢字漢字漢字…'])
})

test('a table in a pipe is cut nowhere', () => {
  expect(linesAt(undefined)[1]).toBe('0001  one,two,three  a rather long description of it')
})

test('text is cut and padded by the columns that it takes', () => {
  expect(cut('漢字漢字', 5)).toBe('漢字…')
  expect(cut('👩‍👩‍👧‍👦 family', 4)).toBe('👩‍👩‍👧‍👦 …')
  expect(pad('漢', 4)).toBe('漢  ')
  expect(pad('7', 3, 'right')).toBe('  7')
})

test('text of others has nothing that a terminal would obey', () => {
  expect(clean('a\u001B[31mb\u001B]0;title\u0007c\r\nd\u202Ee')).toBe('abc d e')
})
