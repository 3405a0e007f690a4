import { expect, test } from 'vitest'
import { FakeClock } from '../testing/clock.ts'
import { Stopwatch } from './stopwatch.ts'

test('a watch that is held twice counts no time since it was first held, until it continues', async () => {
  const clock = new FakeClock()
  const watch = new Stopwatch(clock, 100, 1_000, () => expect.unreachable('it timed out'))
  watch.start()
  await clock.advance(50)
  watch.hold()
  await clock.advance(700)
  watch.hold()
  await clock.advance(700)
  expect(watch.total).toBe(150)
  watch.continue()
  await clock.advance(25)
  expect(watch.total).toBe(175)
  watch.stop()
  expect(watch.total).toBe(175)
  expect(clock.pending).toBe(0)
})

test('a watch times out after what is left of its active time', async () => {
  const clock = new FakeClock()
  let timedOut = false
  const watch = new Stopwatch(clock, 100, 1_000, () => {
    timedOut = true
  })
  watch.start()
  await clock.advance(800)
  watch.stop()
  await clock.advance(5_000)
  watch.start()
  await clock.advance(99)
  expect(timedOut).toBe(false)
  await clock.advance(1)
  expect(timedOut).toBe(true)
})
