import { expect, test } from 'vitest'
import { arraysOf, packed, shaped, valueOf, type Part } from './column-batching.ts'

const group = (rows: number) => [
  { name: 'id', type: 'text', values: Array.from({ length: rows }, (_, row) => `task ${row}`) },
  { name: 'type', type: 'text', values: Array.from({ length: rows }, () => 'add') },
  { name: 'queuePosition', type: 'bigint', values: Array.from({ length: rows }, (_, row) => row) },
]

const text = (parts: readonly Part[]) =>
  `select ${parts.map((_, index) => valueOf(parts, index)).join(', ')} from ${arraysOf(parts)}`

test('a column that is equal in all rows of a large group is sent as one value', () => {
  const { parts, values } = packed(group(100))
  expect(values[1]).toBe('add')
  expect(values[2]).toHaveLength(100)
  expect(text(parts)).toBe(
    'select u.id, $2::text, u.queuePosition from unnest($1::text[], $3::bigint[]) as u(id, queuePosition)',
  )
})

test('small groups have one statement, whatever they contain', () => {
  const texts = [1, 2, 20].map((rows) => text(packed(group(rows)).parts))
  expect(new Set(texts)).toEqual(
    new Set([
      'select u.id, u.type, u.queuePosition from unnest($1::text[], $2::text[], $3::bigint[]) as u(id, type, queuePosition)',
    ]),
  )
})

test('a text is created once per combination', () => {
  const written: string[] = []
  const write = shaped((parts) => {
    written.push(text(parts))
    return text(parts)
  })
  for (const rows of [1, 100, 2, 200])
    expect(write(packed(group(rows)).parts)).toBe(text(packed(group(rows)).parts))
  expect(written).toHaveLength(2)
})
