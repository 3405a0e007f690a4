import { expect, test } from 'vitest'
import { chaos } from './rounds.ts'

test('nodes are killed, frozen and drained, and the database is stopped: all promises hold', async () => {
  const seed = Date.now() % 1_000_000
  console.log(`chaos with the seed ${seed}: npm run test:chaos -- 25 ${seed} repeats it`)
  const figures = await chaos(25, seed)
  console.log(`chaos: ${JSON.stringify(figures)}`)
  expect(figures.tasks).toBeGreaterThan(200)
  expect(figures.resumed).toBeGreaterThan(0)
})
