import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { anonymous } from '../../src/core/caller.ts'
import { mostChanges, type Runs } from '../../src/engine/runs.ts'
import { defineTask } from '../../src/registry/define.ts'
import { stores, works, World } from './world.ts'

const sleeper = defineTask({
  type: 'sleeper',
  parameters: z.object({ seconds: z.number() }),
  async run({ seconds }, task) {
    await works(task, seconds)
  },
})
const flaky = defineTask({
  type: 'flaky',
  parameters: z.object({}),
  attempts: 30,
  backoff: { base: 1, factor: 1, jitter: 0 },
  run() {
    throw new Error('as ever')
  },
})
const idsOf = ({ runs }: Runs) => runs.map(({ id }) => id)
const hour = 3_600_000

describe.each(stores)('what tasks did in a time, on $name', ({ open }) => {
  test('shows what existed in it: what runs, what ended in it or later, and what waits', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 1 })
    const submit = async (seconds: number, tags: string[] = []) =>
      (await world.until(world.node.submit(sleeper, { seconds }, { tags }))).id
    const early = await submit(10, ['mine'])
    await world.pass(11_000)
    const between = world.store.now()
    await world.pass(1_000)
    const later = await submit(20)
    const running = await submit(100_000, ['mine'])
    const waiting = await submit(10)
    await world.pass(21_000)
    const runs = (range: object = {}, filter: object = {}) => world.until(world.node.runs(filter, range))
    const all = await runs()
    expect(idsOf(all)).toEqual([running, later, early, waiting])
    expect(all).toMatchObject({ limited: false, from: all.until - hour })
    expect(all.runs[1]).toEqual({
      id: later,
      type: 'sleeper',
      changes: (await world.timeline({ id: later })).map(({ version, at, event, status, attempt }) => ({
        version,
        at,
        event,
        status,
        attempt,
      })),
    })
    expect(idsOf(await runs({ from: between }))).toEqual([running, later, waiting])
    expect(idsOf(await runs({ until: between }))).toEqual([early])
    // It ended later, but was there.
    expect(idsOf(await runs({ until: between + 2_000 }))).toEqual([running, early, later, waiting])
    expect(idsOf(await runs({ from: between, until: between }))).toEqual([])
    expect(idsOf(await runs({}, { tag: 'mine' }))).toEqual([running, early])
    expect(idsOf(await runs({}, { types: ['other'] }))).toEqual([])
    expect(await runs({ limit: 2 })).toMatchObject({ runs: [{ id: running }, { id: later }], limited: true })
    for (const limit of [3, 4]) expect(await runs({ limit })).toMatchObject({ limited: limit < 4 })
    const limited = { ...anonymous, tags: ['mine'] }
    expect(idsOf(await world.until(world.node.as(limited).runs()))).toEqual([running, early])
  })

  test('keeps the first and the newest changes of each', async () => {
    const world = await World.open(open, [flaky])
    const { id } = await world.until(world.node.submit(flaky, {}))
    await world.pass(60_000)
    const timeline = await world.timeline({ id })
    expect(timeline.length).toBeGreaterThan(mostChanges)
    const [run] = (await world.until(world.node.runs())).runs
    expect(run?.changes).toHaveLength(mostChanges)
    const versions = [timeline[0], ...timeline.slice(1 - mostChanges)].map((entry) => entry?.version)
    expect(run?.changes.map(({ version }) => version)).toEqual(versions)
  })
})
