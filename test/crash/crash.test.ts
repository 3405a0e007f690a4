import { expect, test } from 'vitest'
import { seedOf } from '../support/chance.ts'
import { crashRounds } from './rounds.ts'

test('nothing acknowledged is lost, changed or wrong after ten times kill -9 under load', async () => {
  const figures = await crashRounds(10, seedOf('CRASH_SEED'))
  console.log(`crash rounds: ${JSON.stringify(figures)}`)
  // Checks only that there was load: how much depends on the machine.
  expect(figures.tasks).toBeGreaterThan(20)
})
