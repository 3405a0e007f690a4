import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { inline, ways } from '../fixtures/hostile.ts'
import { thrown } from '../support/hostile.ts'
import { hostile } from '../support/hostile-values.ts'
import { stores, World } from './world.ts'

describe.each(stores)('a value that cannot be inspected, on $name,', ({ open }) => {
  test.each(Object.keys(ways))('that a handler %s ends its run, and no slot is lost', async (way) => {
    const world = await World.open(open, [inline], { maxConcurrent: 1 })
    for (const value of Object.keys(hostile)) {
      const task = await world.node.submit(inline, { way, value })
      await world.pass()
      expect.soft(await world.status(task), value).toMatch(/completed|failed/)
    }
    expect(world.node.state.slotsInUse).toBe(0)
    expect(world.warnings).not.toContain('the database rejected the outcome of a run')
  })
})

test('a handler that throws or returns anything ends', async () => {
  let way: 'throws' | 'returns' = 'throws'
  let make: () => unknown = () => undefined
  const type = defineTask({
    type: 'any',
    parameters: z.object({}),
    run(): unknown {
      if (way === 'throws') throw make()
      return make()
    },
  })
  const world = await World.open(stores[1].open, [type], { maxConcurrent: 1 })
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('throws', 'returns'), thrown, async (chosen, maker) => {
      way = chosen
      make = maker
      const task = await world.node.submit(type, {})
      await world.pass()
      expect(await world.status(task)).toMatch(way === 'throws' ? /failed/ : /completed|failed/)
    }),
    { seed: 1, numRuns: 200 },
  )
})
