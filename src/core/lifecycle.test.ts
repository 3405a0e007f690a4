import { describe, expect, test } from 'vitest'
import { accepts, controlsFrom, lifecycle, standing, type LifecycleRow } from './lifecycle.ts'
import { controls, isActive, isTerminal, statuses, type Status } from './task.ts'

const rows: readonly LifecycleRow[] = lifecycle

describe('the lifecycle', () => {
  test('has no transition out of completed', () => {
    expect(rows.filter(({ from }) => from.includes('completed'))).toEqual([])
  })

  test('leaves a terminal status only by a retry', () => {
    const leaving = rows.filter(({ from }) => from.some(isTerminal))
    expect(leaving.map(({ event }) => event)).toEqual(['retried'])
  })

  test('reaches every status, and leaves every one except completed', () => {
    expect(new Set(rows.flatMap(({ to }) => to))).toEqual(new Set(statuses))
    const left = new Set(rows.flatMap(({ from }) => from))
    expect(statuses.filter((status) => !left.has(status))).toEqual(['completed'])
  })

  test('starts running only by a claim, or by withdrawing a pause', () => {
    const running = rows.filter(({ from, to }) => to.includes('running') && !from.includes('running'))
    expect(running.map(({ event }) => event)).toEqual(['claimed', 'pause_withdrawn'])
  })

  test('lets the API write nothing that only a node can know', () => {
    const ofApi = rows.filter(({ who }) => who === 'API').flatMap(({ to }) => to)
    expect(ofApi).not.toContain('completed')
    expect(ofApi).not.toContain('failed')
  })

  test('has a loss for every status with a node', () => {
    const lost = rows.filter(({ who }) => who.startsWith('reaper')).flatMap(({ from }) => from)
    const parked: Status[] = ['paused', 'waiting', 'queued', 'scheduled']
    expect(new Set(lost)).toEqual(new Set([...statuses.filter(isActive), ...parked]))
  })

  test('says why for each row', () => {
    for (const { why } of rows) expect(why).toMatch(/^[A-Z`].*\.$/)
  })
})

describe('controls', () => {
  test('are the buttons of each status', () => {
    expect(Object.fromEntries(statuses.map((status) => [status, controlsFrom(status)]))).toEqual({
      waiting: ['pause', 'cancel'],
      scheduled: ['pause', 'cancel'],
      queued: ['pause', 'cancel'],
      running: ['pause', 'cancel'],
      pausing: ['resume', 'cancel'],
      paused: ['resume', 'cancel'],
      cancelling: [],
      completed: [],
      failed: ['retry'],
      cancelled: ['retry'],
    })
  })

  test('are in effect only in statuses they can lead to', () => {
    for (const control of controls) {
      for (const status of standing[control]) {
        expect(accepts(control, status)).toBe(false)
      }
    }
  })
})
