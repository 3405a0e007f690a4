import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

const hour = 3_600_000

const flaky = defineTask({
  type: 'flaky',
  parameters: z.object({}),
  attempts: 2,
  backoff: { base: 6, factor: 1 },
  run(_, task) {
    if (task.attempt === 1) throw new Error('not yet')
    return 'done'
  },
})

describe.each(stores)('the wall clock on $name', ({ open }) => {
  test.each([
    ['back', -hour],
    ['forward', hour],
  ])('is set %s: a back-off of 6 s takes 6 s, and a delay of an hour an hour', async (_, by) => {
    const world = await World.open(open, [flaky])
    const [retried, delayed] = [
      await world.node.submit(flaky, {}),
      await world.node.submit(flaky, {}, { delay: '1h' }),
    ]
    await world.pass()
    expect(await world.status(retried)).toBe('scheduled')
    world.clock.set(world.clock.now() + by)
    await world.pass(5_999)
    expect(await world.status(retried)).toBe('scheduled')
    await world.pass(1)
    expect(await world.status(retried)).toBe('completed')
    await world.pass(hour - 6_001)
    expect((await delayed.task()).attempt).toBe(0)
    await world.pass(1)
    expect((await delayed.task()).attempt).toBe(1)
  })

  test('that is set back delays tasks with a given time', async () => {
    const world = await World.open(open, [flaky])
    const task = await world.node.submit(flaky, {}, { runAt: new Date(world.clock.now() + 6_000) })
    await world.pass()
    world.clock.set(world.clock.now() - hour)
    await world.pass(hour + 5_999)
    expect((await task.task()).attempt).toBe(0)
    await world.pass(1)
    expect((await task.task()).attempt).toBe(1)
  })

  test('that is set forward by a day does not delete recently finished tasks', async () => {
    const world = await World.open(open, [flaky], { retention: hour })
    const task = await world.node.submit(flaky, {})
    await world.pass(6_000)
    expect(await world.status(task)).toBe('completed')
    world.clock.set(world.clock.now() + 24 * hour)
    await world.pass(hour - 60_000)
    expect(await world.status(task)).toBe('completed')
    await world.pass(120_000)
    expect(await world.status(task)).toBeUndefined()
  })
})
