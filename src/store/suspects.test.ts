import { expect, test } from 'vitest'
import { withSuspect } from './suspects.ts'

const at = (type: string, queuePosition: number, priority = 0) => ({ type, queuePosition, priority })
const queuePositions = (heads: readonly { queuePosition: number }[]) =>
  heads.map(({ queuePosition }) => queuePosition)

test('a suspect takes its place in queue order', () => {
  const heads = [at('a', 1), at('b', 3)]
  expect(queuePositions(withSuspect(heads, [{ head: at('c', 2), room: 9 }], 9))).toEqual([1, 2, 3])
  expect(queuePositions(withSuspect(heads, [{ head: at('c', 2, -1), room: 9 }], 9))).toEqual([1, 3, 2])
  expect(queuePositions(withSuspect(heads, [{ head: at('c', 4), room: 9 }], 2))).toEqual([1, 3])
})

test('a suspect displaces the last one of a type without more room', () => {
  const heads = [at('a', 2), at('a', 3), at('b', 4)]
  expect(queuePositions(withSuspect(heads, [{ head: at('a', 1), room: 2 }], 9))).toEqual([1, 2, 4])
})

test('the first suspect with room is taken, and no other', () => {
  const suspects = [
    { head: at('b', 5), room: 9 },
    { head: at('a', 3), room: 1 },
    { head: at('c', 4), room: 9 },
  ]
  expect(queuePositions(withSuspect([at('a', 2)], suspects, 9))).toEqual([2, 4])
  expect(queuePositions(withSuspect([], suspects, 9))).toEqual([3])
})
