import { expect, test } from 'vitest'
import { sharedWait } from './worker-claims.ts'

test('long waits end together, at most a sixth earlier than asked for; short ones are exact', () => {
  expect([0, 1, 5_000, 11_999].map((ms) => sharedWait(ms, 123_456))).toEqual([0, 1, 5_000, 11_999])
  const ends = new Set<number>()
  for (let now = 0.25; now < 60_000; now += 37) {
    for (const ms of [12_000, 20_000, 30_000, 50_000, 60_000]) {
      const wait = sharedWait(ms, now)
      expect(wait).toBeLessThanOrEqual(ms)
      expect(wait).toBeGreaterThanOrEqual((ms * 5) / 6)
      if (ms === 30_000) ends.add(now + wait)
    }
  }
  // A minute of calls ends at 16 times.
  expect(ends.size).toBe(16)
})
