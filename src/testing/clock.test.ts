import { expect, test } from 'vitest'
import { sleep } from '../core/clock.ts'
import { FakeClock } from './clock.ts'

test('timers fire in the order of their times, each at its own time', async () => {
  const clock = new FakeClock(0)
  const fired: string[] = []
  clock.after(20, () => fired.push(`second at ${clock.now()}`))
  clock.after(10, () => fired.push(`first at ${clock.now()}`))
  clock.after(20, () => fired.push(`third at ${clock.monotonic()}`))
  await clock.advance(20)
  expect(fired).toEqual(['first at 10', 'second at 20', 'third at 20'])
})

test('a loop of sleeps runs as often as in real time', async () => {
  const clock = new FakeClock(0)
  const woken: number[] = []
  const loop = async () => {
    for (let turn = 0; turn < 3; turn++) {
      await sleep(clock, 10)
      woken.push(clock.now())
    }
  }
  const done = loop()
  await clock.advance(25)
  expect(woken).toEqual([10, 20])
  await clock.advance(5)
  await done
  expect(woken).toEqual([10, 20, 30])
  expect(clock.pending).toBe(0)
})

test('a cancelled timer does not fire', async () => {
  const clock = new FakeClock()
  const stop = clock.after(5, () => expect.unreachable())
  stop()
  await clock.advance(10)
  expect(clock.pending).toBe(0)
})

test('a sleep ends with the reason of its signal and leaves no timer', async () => {
  const clock = new FakeClock()
  const abort = new AbortController()
  const sleeping = sleep(clock, 1_000, abort.signal)
  abort.abort(new Error('enough'))
  await expect(sleeping).rejects.toThrow('enough')
  await expect(sleep(clock, 1_000, abort.signal)).rejects.toThrow('enough')
  expect(clock.pending).toBe(0)
})

test('setting the wall clock back does not touch durations', async () => {
  const clock = new FakeClock(5_000)
  clock.set(1_000)
  await clock.advance(10)
  expect([clock.now(), clock.monotonic()]).toEqual([1_010, 10])
})
