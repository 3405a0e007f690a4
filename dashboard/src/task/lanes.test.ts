import { describe, expect, test } from 'vitest'
import type { Status, TimelineLine } from '../data/shapes.ts'
import { extentOf, stretchesOf, ticksOf } from './lanes.ts'

const line = (version: number, at: number, event: string, status: Status): TimelineLine => ({
  version,
  at,
  event,
  status,
  attempt: 1,
  by: 'anonymous',
})

const life = [
  line(1, 100, 'submitted', 'queued'),
  line(2, 102, 'claimed', 'running'),
  line(3, 105, 'pause_requested', 'pausing'),
  line(4, 106, 'paused', 'paused'),
  line(5, 110, 'unparked', 'paused'),
  line(6, 120, 'resumed', 'queued'),
  line(7, 121, 'claimed', 'running'),
]

describe('the lanes of a task', () => {
  test('follow its statuses, and the last one is open', () => {
    expect(stretchesOf(life, 130).map(({ status, from, to, isOpen }) => [status, from, to, isOpen])).toEqual([
      ['queued', 100, 102, false],
      ['running', 102, 105, false],
      ['pausing', 105, 106, false],
      ['paused', 106, 120, false],
      ['queued', 120, 121, false],
      ['running', 121, 130, true],
    ])
  })

  test('end with the task', () => {
    const ended = [...life, line(8, 125, 'completed', 'completed')]
    expect(stretchesOf(ended, 999).at(-1)).toMatchObject({ to: 125, isOpen: false })
    expect(extentOf(ended, 999)).toEqual({ from: 100, to: 125 })
    expect(extentOf(life, 999)).toEqual({ from: 100, to: 999 })
  })

  test('leave a gap where timeline entries are no longer kept', () => {
    const kept = [life[0]!, ...life.slice(4)]
    expect(stretchesOf(kept, 130)[0]).toMatchObject({ status: 'paused', from: 110 })
  })

  test('have an axis with round steps', () => {
    expect(ticksOf(25)).toEqual([0, 5, 10, 15, 20, 25])
    expect(ticksOf(0.004)).toEqual([0, 0.001, 0.002, 0.003, 0.004])
    expect(ticksOf(86_400 * 9).length).toBeLessThan(8)
  })
})
