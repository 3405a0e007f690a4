import { expect, test } from 'vitest'
import { seedOf } from '../support/chance.ts'
import { chaos } from './rounds.ts'

test('all promises hold while nodes are killed, frozen and drained and the database is stopped', async () => {
  const figures = await chaos(25, seedOf('CHAOS_SEED'))
  console.log(`chaos: ${JSON.stringify(figures)}`)
  expect(figures.tasks).toBeGreaterThan(200)
  expect(figures.resumed).toBeGreaterThan(0)
})
