import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

const talker = defineTask({
  type: 'talker',
  parameters: z.object({ lines: z.number() }),
  async run({ lines }, task) {
    for (let line = 1; line <= lines; line++) task.log('line', line, { of: lines })
    await task.sleep(1)
    task.log('x'.repeat(10_000))
  },
})

describe.each(stores)('the log of a task on $name', ({ open }) => {
  test('is kept after its end, including the last lines', async () => {
    const world = await World.open(open, [talker])
    const task = await world.node.submit(talker, { lines: 2 })
    await world.pass(500)
    expect((await task.log()).map(({ text }) => text)).toEqual(['line 1 {"of":2}', 'line 2 {"of":2}'])
    await world.pass(1_000)
    const [, , last] = await task.log()
    expect(last).toMatchObject({ number: 3, attempt: 1 })
    expect(last?.text).toHaveLength(4_096)
    expect(await task.log({ after: 2 })).toHaveLength(1)
    await expect(world.node.log('nobody')).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
  })

  test('keeps the newest lines of a handler that never stops logging', async () => {
    const world = await World.open(open, [talker])
    const task = await world.node.submit(talker, { lines: 5_000 })
    await world.pass(1_500)
    const kept = await task.log()
    expect(kept).toHaveLength(1_000)
    expect(kept.at(-2)?.text).toBe('line 5000 {"of":5000}')
  })

  test('continues through a pause', async () => {
    const world = await World.open(open, [talker])
    const task = await world.node.submit(talker, { lines: 1 })
    await world.pass(10)
    await world.control(task.id, 'pause')
    expect(await task.log()).toHaveLength(1)
    await world.control(task.id, 'resume')
    await world.pass(1_000)
    expect(await task.log()).toHaveLength(2)
  })
})
