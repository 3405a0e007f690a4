import { expect, test } from 'vitest'
import type { History } from '../data/shapes.ts'
import { depth, throughput } from './series.ts'

const none = [0, 0, 0]
const history: History = {
  span: '1h',
  step: 10,
  start: 1_000,
  until: 1_022,
  happened: {
    submitted: [20, 10, 4],
    started: none,
    completed: none,
    failed: none,
    cancelled: none,
    retried: none,
  },
  tasks: { scheduled: none, queued: [3, null, 2], running: none, paused: none },
}

test('the rate of the current step covers only the time so far', () => {
  expect(throughput(history).series[0]?.values).toEqual([2, 1, 2])
})

test('a step without a sample stays empty', () => {
  expect(depth(history).series[0]?.values).toEqual([3, null, 2])
  expect(depth(history).times).toEqual([1_005, 1_015, 1_025])
})
