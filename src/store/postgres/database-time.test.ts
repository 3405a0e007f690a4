import { expect, test } from 'vitest'
import { DatabaseTime } from './database-time.ts'

function clocks() {
  let monotonic = 5
  const time = new DatabaseTime(() => monotonic)
  return {
    time,
    pass: (ms: number) => {
      monotonic += ms
    },
  }
}

test('the time of the database continues between two responses', () => {
  const { time, pass } = clocks()
  time.learn(1_000_000)
  expect(time.now()).toBe(1_000_000)
  pass(400)
  expect(time.now()).toBe(1_000_400)
})

test('a slow response does not set it back', () => {
  const { time, pass } = clocks()
  time.learn(1_000_000)
  pass(500)
  time.learn(1_000_100)
  expect(time.now()).toBeGreaterThanOrEqual(1_000_499)
})

test('a faster response than before sets it ahead', () => {
  const { time, pass } = clocks()
  time.learn(1_000_000)
  pass(10)
  time.learn(1_000_060)
  expect(time.now()).toBe(1_000_060)
})

test('a database whose clock was set back is followed', () => {
  const { time, pass } = clocks()
  time.learn(10_000_000)
  pass(10)
  time.learn(6_400_000)
  expect(time.now()).toBe(6_400_000)
})

test('a clock that drifts away is followed, whichever way', () => {
  const { time, pass } = clocks()
  let database = 1_000_000
  time.learn(database)
  for (let second = 0; second < 10_000; second++) {
    pass(1_000)
    database += 999.5
    time.learn(database)
    expect(Math.abs(time.now() - database)).toBeLessThan(3)
  }
})
