import { expect, test } from 'vitest'
import { StoreUnavailable } from '../../src/core/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { Readiness } from '../../src/engine/readiness.ts'
import { FakeClock } from '../../src/testing/clock.ts'

const storeWith = (probe: () => Promise<void>) => ({ probe }) as Store

test('readiness is that of the store, checked at most twice a second, and recovers with it', async () => {
  const clock = new FakeClock()
  let asked = 0
  let away = false
  const readiness = new Readiness(
    storeWith(async () => {
      asked++
      if (away) throw new StoreUnavailable('The disk is full.', { unknown: false })
    }),
    clock,
  )
  expect(await Promise.all([readiness.trouble(), readiness.trouble()])).toEqual([null, null])
  expect(await readiness.trouble()).toBeNull()
  expect(asked).toBe(1)
  away = true
  await clock.advance(1_000)
  expect(await readiness.trouble()).toBe('The disk is full.')
  away = false
  expect(await readiness.trouble()).toBeNull()
})

test('a store that does not respond accepts no work, and is asked once', async () => {
  const clock = new FakeClock()
  let asked = 0
  let answer = () => {}
  const readiness = new Readiness(
    storeWith(() => {
      asked++
      return new Promise<void>((resolve) => {
        answer = resolve
      })
    }),
    clock,
  )
  for (let look = 0; look < 2; look++) {
    const trouble = readiness.trouble()
    await clock.advance(3_000)
    expect(await trouble).toMatch(/no commit within 3 s/)
  }
  expect(asked).toBe(1)
  answer()
  expect(await readiness.trouble()).toBeNull()
})
