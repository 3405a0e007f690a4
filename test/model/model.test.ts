import * as fc from 'fast-check'
import { expect, inject, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { eventNames } from '../../src/core/lifecycle.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { newSchema } from '../conformance/stores.ts'
import { seedOf } from '../support/chance.ts'
import { commands, uniqueCommands, type Command } from './commands.ts'
import { World } from './world.ts'

/**
 * `MODEL_RUNS=20000 npx vitest run test/model` searches longer, and `MODEL_UNIQUE_RUNS=100000` for what unique and debounced submits
 * do to each other. A failure prints the seed that repeats it.
 */
const runsOf = (usual: number) => Number(process.env['MODEL_RUNS'] ?? usual)
const isLong = ['MODEL_RUNS', 'MODEL_UNIQUE_RUNS'].some((name) => process.env[name] !== undefined)
const seed = seedOf('MODEL_SEED', { long: isLong })
const timeout = 3_600_000

test('SQLite behaves like the reference, and every invariant holds', { timeout }, async () => {
  const moves = new Set<string>()
  // Some moves need a series of rare commands.
  for (let turn = 0; turn < 4 && moves.size < eventNames.length; turn++) {
    const found = await search((clock) => openSqlite(':memory:', { clock }), runsOf(500), {
      ...anything,
      turn,
    })
    for (const move of found) moves.add(move)
  }
  expect([...moves].toSorted(), 'the runs went through the whole lifecycle').toEqual(eventNames.toSorted())
})

test(
  'unique and debounced submits lead to the same tasks in whatever order they come',
  { timeout },
  async () => {
    const runs = Number(process.env['MODEL_UNIQUE_RUNS'] ?? 100)
    const open = (clock: Clock) => openSqlite(':memory:', { clock })
    const moves = await search(open, runs, { commands: uniqueCommands, maxCommands: 15 })
    expect(moves).toContain('debounced')
  },
)

/** Fewer runs, since each step takes some milliseconds. */
test.each(inject('everyPostgres'))(
  'PostgreSQL $version behaves like the reference',
  { timeout },
  async ({ url }) => {
    const options = (clock: Clock) => ({ clock, schema: newSchema(), lease: timeout })
    const moves = new Set<string>()
    // In so few runs, it may be that no task completes.
    for (let turn = 0; turn < 4 && !moves.has('completed'); turn++) {
      const chosen = { ...anything, turn }
      for (const move of await search((clock) => openPostgres(url, options(clock)), runsOf(20), chosen))
        moves.add(move)
    }
    expect([...moves]).toContain('completed')
  },
)

const anything = { commands, maxCommands: 100 }

/** Returns the moves that were made. */
async function search(
  open: (clock: Clock) => Promise<Store>,
  runs: number,
  chosen: Readonly<{ commands: fc.Arbitrary<Command>[]; maxCommands: number; turn?: number }> = anything,
): Promise<string[]> {
  const moves = new Set<string>()
  const sequences = fc.commands(chosen.commands, { maxCommands: chosen.maxCommands, size: 'max' })
  const property = fc.asyncProperty(sequences, async (sequence) => {
    await using world = await World.open(open)
    await fc.asyncModelRun(() => ({ model: world, real: world }), sequence)
    for (const move of world.moves) moves.add(move)
  })
  await fc.assert(property, { seed: seed + (chosen.turn ?? 0), numRuns: runs })
  return [...moves].toSorted()
}
