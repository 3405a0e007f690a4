import { expect, test } from 'vitest'
import type { Run } from '../data/shapes.ts'
import { heightOf, lanesOf, nameHeight, runAt } from './lanes.ts'

function run(id: string, type: string, from: number, to: number): Run {
  const changes = [
    { version: 1, at: from, event: 'submitted', status: 'queued', attempt: 0 },
    { version: 2, at: to, event: 'completed', status: 'completed', attempt: 1 },
  ] as const
  return { task_id: id, task_type: type, changes: [...changes] }
}

test('runs of a type that overlap are in different rows, and only those in view are shown', () => {
  const runs = [run('a', 'x', 0, 10), run('b', 'x', 5, 15), run('c', 'x', 10, 20), run('d', 'x', 90, 99)]
  const [lane, ...others] = lanesOf([...runs, run('e', 'b', 1, 2)], { from: 0, to: 50 }, 100).toReversed()
  expect(others.map(({ type }) => type)).toEqual(['b'])
  expect(lane).toMatchObject({ type: 'x', count: 3 })
  expect(lane?.rows.map((row) => row.map(({ task_id: id }) => id))).toEqual([['a', 'c'], ['b']])
})

test('types beyond a dozen share a lane', () => {
  const runs = Array.from({ length: 20 }, (_, index) => run(`${index}`, `type-${index}`, 0, 10))
  const lanes = lanesOf([...runs, run('more', 'type-19', 0, 10)], { from: 0, to: 50 }, 100)
  expect(lanes).toHaveLength(12)
  expect(lanes.at(-1)).toMatchObject({ type: null, count: 9 })
  expect(lanes.some(({ type }) => type === 'type-19')).toBe(true)
})

test('thousands of runs at once stay within a height that fits, and can be pointed at', () => {
  const runs = Array.from({ length: 2_000 }, (_, index) => run(`${index}`, 'x', index / 100, 1_000))
  const lanes = lanesOf(runs, { from: 0, to: 1_000 }, 1_000)
  expect(heightOf(lanes)).toBeLessThan(200)
  expect(lanes[0]?.rows.flat()).toHaveLength(2_000)
  expect(runAt(lanes, { x: 500, y: nameHeight + 20, near: 2 }, 1_000)).toBeDefined()
  expect(runAt(lanes, { x: 1_100, y: nameHeight + 20, near: 2 }, 1_000)).toBeUndefined()
  expect(runAt(lanes, { x: 500, y: 5_000, near: 2 }, 1_000)).toBeUndefined()
})
