import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Settlement } from '../../src/core/outcome.ts'
import { defineTask } from '../../src/registry/define.ts'
import { inlineExecutor } from '../../src/execution/executors/inline.ts'
import type { Save, Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, World, type OpenStore } from './world.ts'

/** A write that the store rejects ends its own task, and affects no other. */

const none = z.object({})

const bad = defineTask({
  type: 'bad',
  parameters: none,
  attempts: 3,
  backoff: 1,
  run() {
    throw new Error('no luck')
  },
})

const good = defineTask({
  type: 'good',
  parameters: none,
  run: () => 'done',
})

/** A node that changes settlements and saves before they reach the store. */
async function spoiling(
  open: OpenStore,
  types: Parameters<typeof World.open>[1],
  spoil: Readonly<{ settlement?: (one: Settlement) => Settlement; save?: (one: Save) => Save }>,
) {
  const world = await World.open(open, types, {})
  const { store } = world
  const verbs: Partial<Store> = {
    settle: (node, list) => store.settle(node, spoil.settlement ? list.map(spoil.settlement) : list),
    save: (node, list) => store.save(node, spoil.save ? list.map(spoil.save) : list),
    [Symbol.asyncDispose]: async () => {},
  }
  await world.startNode({ store: withVerbs(store, verbs) })
  return world
}

describe.each(stores)('what is rejected by $name', ({ open }) => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, 1e300])(
    'a failure with a retry in %d ms fails the task, with the reason',
    async (retryIn) => {
      const world = await spoiling(open, [bad, good], {
        settlement: (one) =>
          one.outcome.kind === 'failed' && one.outcome.retryIn !== null
            ? { ...one, activeMs: Number.NaN, outcome: { ...one.outcome, retryIn } }
            : one,
      })
      const handles = [await world.node.submit(bad, {}), await world.node.submit(good, {})]
      await world.pass(100)
      expect(await handles[0]!.task()).toMatchObject({
        status: 'failed',
        ownerNode: null,
        activeMs: 0,
        error: { code: 'OUTCOME_REFUSED', message: expect.stringContaining('activeMs cannot be NaN') },
      })
      expect(await world.status(handles[1]!)).toBe('completed')
      expect(world.node.state.slotsInUse).toBe(0)
    },
  )

  test('a pause with an invalid checkpoint fails the task and ends its code', async () => {
    const resting = defineTask({
      type: 'resting',
      parameters: none,
      state: z.object({ at: z.number() }),
      async run(_, task) {
        for (let at = 0; ; at++) {
          await task.checkpoint({ at })
          await task.sleep(1)
        }
      },
    })
    const world = await spoiling(open, [resting], {
      settlement: (one) =>
        one.outcome.kind === 'paused' ? { ...one, checkpoint: 5 as unknown as string } : one,
    })
    const task = await world.node.submit(resting, {})
    await world.pass(500)
    await world.control(task.id, 'pause')
    await world.pass(10_000)
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code: 'OUTCOME_REFUSED' } })
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
  })

  test('progress that is not a number does not affect what others save', async () => {
    const [open1, open2] = [door(), door()]
    const telling = (type: string, until: ReturnType<typeof door>) =>
      defineTask({
        type,
        parameters: none,
        state: z.object({ at: z.number() }),
        async run(_, task) {
          await task.checkpoint({ at: 7 })
          task.progress(1, 2)
          await until.opened
        },
      })
    const [bad1, good1] = [telling('telling-bad', open1), telling('telling-good', open2)]
    let spoiled = ''
    const world = await spoiling(open, [bad1, good1], {
      save: (one) =>
        one.id === spoiled && one.progress !== undefined
          ? { ...one, progress: { ...one.progress, current: Number.NaN } }
          : one,
    })
    await world.node.hold('telling-bad')
    await world.node.hold('telling-good')
    const handles = [await world.node.submit(bad1, {}), await world.node.submit(good1, {})]
    spoiled = handles[0]!.id
    await Promise.all([world.node.hold('telling-bad', false), world.node.hold('telling-good', false)])
    await world.pass(1_000)
    expect((await handles[1]!.task()).progress).toMatchObject({ current: 1 })
    expect(await handles[1]!.details()).toMatchObject({ checkpoint: '{"at":7}' })
    expect((await handles[0]!.task()).progress).toBeNull()
    expect(world.warnings).toContain('the database rejected a checkpoint or progress of a run')
  })

  test('a claimed task that cannot be started does not affect those claimed with it', async () => {
    const world = await World.open(open, [bad, good], {})
    const executor = inlineExecutor(world.clock)
    let cursed = true
    await world.startNode({
      executor: {
        ...executor,
        start: (run, host) => {
          if (run.type.type === 'bad' && cursed) throw new Error('no room for it')
          return executor.start(run, host)
        },
      },
    })
    await world.node.hold('bad')
    await world.node.hold('good')
    const handles = [await world.node.submit(bad, {}), await world.node.submit(good, {})]
    await Promise.all([world.node.hold('bad', false), world.node.hold('good', false)])
    await world.pass(100)
    expect(await world.status(handles[1]!)).toBe('completed')
    cursed = false
    await world.pass(10_000)
    expect(await world.status(handles[0]!)).toBe('failed')
  })
})
