import { expect, test } from 'vitest'
import { seedOf } from '../support/chance.ts'
import { killExamples } from './examples.ts'

test('a kill -9 repeats at most the step in flight of any example', async () => {
  const figures = await killExamples(10, seedOf('CRASH_SEED'))
  console.log(`examples: ${JSON.stringify(figures)}`)
  expect(figures.map(({ runs }) => runs)).toEqual([10, 10, 10, 10, 10, 10, 10, 30, 10])
  // Whatever the machine: some had begun.
  expect(figures.reduce((sum, { interrupted }) => sum + interrupted, 0)).toBeGreaterThan(0)
})
