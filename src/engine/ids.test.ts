import { expect, test } from 'vitest'
import { validate, version } from 'uuid'
import { idSource } from './ids.ts'

test('ids ascend, even within one millisecond and when the clock goes back', () => {
  const times = [1_000, 1_000, 999, 1_001, 5]
  const newId = idSource({ now: () => times.shift() ?? 5, monotonic: () => 0, after: () => () => {} })
  const ids = Array.from({ length: 2_000 }, newId)
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true)
})

test('ids of several sources in one process differ, even within one millisecond', () => {
  let now = 1_000
  const clock = { now: () => now, monotonic: () => 0, after: () => () => {} }
  const sources = Array.from({ length: 4 }, () => idSource(clock))
  const ids = Array.from({ length: 1_000 }, () => {
    now += 1
    return sources.map((newId) => newId())
  }).flat()
  expect(new Set(ids).size).toBe(ids.length)
})
