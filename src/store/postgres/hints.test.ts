import { expect, test } from 'vitest'
import { claimed as claim } from '../../core/transition.ts'
import { submitted } from '../../core/transition.ts'
import { submission } from '../../../test/support/tasks.ts'
import type { Claimed } from '../store.ts'
import { Hints } from './hints.ts'

const types = [{ type: 'work', concurrency: null }]

function claimed(priority: number, queuePosition: number): Claimed {
  const moment = { now: 0, nextQueuePosition: () => queuePosition, by: 'api' }
  const { task } = submitted(submission({ id: `${queuePosition}`, priority }), moment)
  return { ...claim(task, 'node', moment), previousFence: 0, parameters: '{}', checkpoint: null }
}

test('a claim starts shortly before the end of the last one, and from the beginning each second', () => {
  let now = 0
  const hints = new Hints(() => now)
  expect(hints.of(types)).toEqual([null])
  hints.learn([claimed(0, 1_000), claimed(0, 1_001)])
  expect(hints.of(types)).toEqual([{ priority: 0, queuePosition: 951 }])
  now = 999
  expect(hints.of(types)).toEqual([{ priority: 0, queuePosition: 951 }])
  now = 1_000
  expect(hints.of(types)).toEqual([null])
})

test('claims of higher priority do not move the position, those of lower priority do', () => {
  const hints = new Hints(() => 0)
  hints.of(types)
  hints.learn([claimed(0, 1_000)])
  hints.learn([claimed(5, 2_000)])
  expect(hints.of(types)).toEqual([{ priority: 0, queuePosition: 950 }])
  hints.learn([claimed(5, 2_001), claimed(-1, 70)])
  expect(hints.of(types)).toEqual([{ priority: -1, queuePosition: 20 }])
})

test('notes of lanes are read from shortly before the last one on, and from the beginning each second', () => {
  let now = 0
  const hints = new Hints(() => now)
  hints.of(types)
  hints.learnNotes(5_000)
  hints.learnNotes(4_000)
  hints.learnNotes(null)
  expect(hints.firstNote).toBe(4_000)
  now = 1_000
  hints.of(types)
  expect(hints.firstNote).toBe(0)
  hints.learnNotes(5_000)
  hints.forget()
  expect(hints.firstNote).toBe(0)
})

test('after a failed claim nothing is known', () => {
  const hints = new Hints(() => 0)
  hints.of(types)
  hints.learn([claimed(0, 1_000)])
  hints.forget()
  expect(hints.of(types)).toEqual([null])
})
