import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { OptionsInvalid } from '../../src/core/errors.ts'
import { defineTask } from '../../src/registry/define.ts'
import { stores, works, World } from './world.ts'

const parameters = z.object({})

describe.each(stores)('tasks that must start in time on $name', ({ open }) => {
  test('are ended when their time is over, and never start then', async () => {
    const started: number[] = []
    const work = defineTask({
      type: 'work',
      parameters,
      expiresIn: '3s',
      async run(_, task) {
        started.push(world.clock.now())
        await works(task, 2)
      },
    })
    const world = await World.open(open, [work], { maxConcurrent: 1 })
    const [first, second, third, patient] = await world.until(
      Promise.all([
        world.node.submit(work, {}),
        world.node.submit(work, {}),
        world.node.submit(work, {}),
        world.node.submit(work, {}, { expiresIn: '1h' }),
      ]),
    )
    const ended = third.result().catch((error: unknown) => error)
    await world.pass(2_999)
    expect(await world.status(third)).toBe('queued')
    const { reasons } = await world.until(world.node.explain(third.id))
    expect(reasons.map(({ code }) => code)).toContain('expires')
    await world.pass(1)
    expect(await world.store.get(third.id)).toMatchObject({ status: 'cancelled', endedBy: 'expired' })
    expect(await world.until(ended)).toMatchObject({ code: 'CANCELLED' })
    await world.pass(10_000)
    expect(started).toHaveLength(3)
    for (const task of [first, second, patient]) expect(await world.status(task)).toBe('completed')
    const metrics = await world.node.metrics()
    expect(metrics.types.get('work')).toMatchObject({ expired: 1, finished: { completed: 3, cancelled: 1 } })
  })

  test('are refused if they would never start', async () => {
    const work = defineTask({ type: 'work', parameters, expiresIn: '1m', run() {} })
    const world = await World.open(open, [work])
    for (const options of [
      { delay: '1m' },
      { delay: '2s', expiresIn: '2s' },
      { expiresIn: 0 },
      { expiresIn: 'soon' },
      { debounce: { key: 'a', delay: '1m' } },
    ]) {
      const refused = world.node.enqueue('work', {}, options)
      await expect(world.until(refused), JSON.stringify(options)).rejects.toThrow(OptionsInvalid)
    }
    const task = await world.until(world.node.submit(work, {}, { delay: '1m', expiresIn: '61s' }))
    await world.pass(61_000)
    expect(await world.status(task)).toBe('completed')
    expect(() => defineTask({ type: 'work', parameters, expiresIn: '-1s', run() {} })).toThrow('expiresIn')
  })
})
