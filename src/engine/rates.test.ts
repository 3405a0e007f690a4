import { expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import { runningTask } from '../../test/support/fake-manager.ts'
import type { Status } from '../core/task.ts'
import { RateMeter } from './rates.ts'

const minute = 60_000

function event(name: string, status: Status, activeMs = 0) {
  const task = { ...runningTask, status, activeMs }
  const entry = { version: 2, at: 0, event: name, status, attempt: 1, by: 'node' }
  return [task, entry] as const
}

test('rates are per second over each span, and forgotten after an hour', async () => {
  const clock = new FakeClock()
  const meter = new RateMeter(clock)
  for (let second = 0; second < 600; second++) {
    meter.note(...event('submitted', 'queued'))
    meter.note(...event('claimed', 'running'))
    meter.note(...event('failed', 'failed'))
    await clock.advance(1_000)
  }
  expect(meter.over(minute)).toMatchObject({ submitted: 1, started: 1, failed: 1, completed: 0 })
  await clock.advance(5 * minute)
  expect(meter.over(minute).submitted).toBe(0)
  expect(meter.over(60 * minute).submitted).toBeCloseTo(600 / 900, 2)
  await clock.advance(120 * minute)
  expect(meter.over(60 * minute)).toMatchObject({ submitted: 0, failed: 0 })
})

test('a node that has just started divides by its uptime', async () => {
  const clock = new FakeClock()
  const meter = new RateMeter(clock)
  await clock.advance(2_000)
  for (let count = 0; count < 10; count++) meter.note(...event('cancelled', 'cancelled'))
  expect(meter.over(60 * minute).cancelled).toBe(5)
})

test('the history has one number per step, oldest first, and forgets what is older than its span', async () => {
  const clock = new FakeClock()
  const meter = new RateMeter(clock)
  expect(meter.history()).toMatchObject({ step: 10_000, covered: 0, happened: { completed: [0] } })
  meter.note(...event('submitted', 'queued'))
  expect(meter.saw({ byType: { long: { queued: 1 } }, fencedOff: {}, held: {} })).toBe(10_000)
  await clock.advance(25_000)
  meter.note(...event('completed', 'completed'))
  meter.note(...event('completed', 'completed'))
  expect(
    meter.saw({
      byType: { long: { running: 2, pausing: 1 }, add: { cancelling: 1 } },
      fencedOff: {},
      held: {},
    }),
  ).toBe(5_000)
  const hour = meter.history()
  expect(hour.covered).toBe(25_000)
  expect(hour.happened).toMatchObject({ submitted: [1, 0, 0], completed: [0, 0, 2] })
  expect(hour.tasks).toMatchObject({ queued: [1, null, 0], running: [0, null, 4] })
  await clock.advance(60 * minute)
  const later = meter.history()
  expect(later.happened.completed).toEqual(Array.from({ length: 360 }, () => 0))
  expect(later.tasks.queued).toEqual(Array.from({ length: 360 }, () => null))
  expect(later.covered).toBe(359 * 10_000 + 5_000)
})

test('the expected duration follows the runs of its type', () => {
  const meter = new RateMeter(new FakeClock())
  expect(meter.expectedDuration('long')).toBeNull()
  for (const ms of [100, 200, 300]) meter.note(...event('completed', 'completed', ms))
  expect(meter.expectedDuration('long')).toBeCloseTo(200)
  for (let run = 0; run < 100; run++) meter.note(...event('completed', 'completed', 50))
  expect(meter.expectedDuration('long')).toBeCloseTo(50, 0)
})
