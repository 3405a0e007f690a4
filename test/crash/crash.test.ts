import { expect, test } from 'vitest'
import { seedOf } from '../support/chance.ts'
import { crashRounds } from './rounds.ts'

test('nothing acknowledged is lost, changed or wrong after ten times kill -9 under load', async () => {
  const figures = await crashRounds(10, seedOf('CRASH_SEED'))
  console.log(`crash rounds: ${JSON.stringify(figures)}`)
  // There was load; how much of it says more of the machine than of the server.
  expect(figures.tasks).toBeGreaterThan(20)
})
