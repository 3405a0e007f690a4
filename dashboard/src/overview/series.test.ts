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
  starts: [{ node: 'one', at: 1_000, version: '0.1.0' }],
  times: null,
}

test('a step in progress has no rate yet', () => {
  expect(throughput(history).series[0]?.values).toEqual([2, 1, null])
})

test('a step without a sample stays empty', () => {
  expect(depth(history).series[0]?.values).toEqual([3, null, 2])
  expect(depth(history).times).toEqual([1_005, 1_015, 1_025])
})

test('the axis of an hour covers ten minutes at least, with a mark where the node started', () => {
  const { range, marks } = throughput(history)
  expect(range).toEqual({ from: 1_022 - 600, to: 1_022 })
  expect(marks).toEqual([{ at: 1_000, label: 'Node started' }])
  const grown = throughput({ ...history, start: 1_022 - 1_800 })
  expect(grown.range.from).toBe(1_022 - 1_810)
  const full = throughput({ ...history, start: 1_022 - 3_600, starts: [] })
  expect([full.range.from, full.marks]).toEqual([1_022 - 3_600, []])
})

test('the axis of a day is always a day, with a mark for each start, and for each new version', () => {
  const starts = [
    { node: 'one', at: 100, version: '0.1.0' },
    { node: 'two', at: 200, version: '0.2.0' },
    { node: 'three', at: 300, version: '0.2.0' },
  ]
  const { range, marks } = throughput({ ...history, span: '24h', starts })
  expect(range).toEqual({ from: 1_022 - 86_400, to: 1_022 })
  expect(marks).toEqual([
    { at: 100, label: 'Node started' },
    { at: 200, label: 'Version 0.2.0 started' },
    { at: 300, label: 'Node started' },
  ])
})
