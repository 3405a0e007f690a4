import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineCommand } from '../../src/registry/command.ts'
import { defineTask } from '../../src/registry/define.ts'
import { stores, works, World } from './world.ts'

const state = z.object({ done: z.number() })

/** Each step takes a second and is counted. */
function long(steps: Map<string, number[]>, preemptible: boolean | object = true) {
  return defineTask({
    type: 'long',
    parameters: z.object({ name: z.string() }),
    state,
    preemptible,
    async run({ name }, task) {
      const counted = steps.get(name) ?? []
      steps.set(name, counted)
      for (let done = task.state?.done ?? 0; done < 20; done++) {
        await task.sleep(0.5)
        counted.push(done)
        await task.checkpoint({ done: done + 1 })
      }
      return name
    },
  })
}

const quick = defineTask({
  type: 'quick',
  parameters: z.object({}),
  async run(_, task) {
    await works(task, 3)
  },
})

describe.each(stores)('preemption on $name', ({ open }) => {
  test('an urgent task beside ten long ones starts within a second, and nothing is lost', async () => {
    const steps = new Map<string, number[]>()
    const type = long(steps)
    const world = await World.open(open, [type, quick], { maxConcurrent: 10 })
    const names = Array.from({ length: 10 }, (_, index) => `long-${index}`)
    const tasks = await world.until(
      Promise.all(
        names.map((name, index) => world.node.submit(type, { name }, { priority: index === 4 ? -5 : 0 })),
      ),
    )
    await world.pass(2_200)
    const urgent = await world.until(world.node.submit(quick, {}, { priority: 100 }))
    await world.pass(1_000)
    expect(await world.status(urgent)).toBe('running')
    // The least important one made room, and waits for its turn.
    expect(await Promise.all(tasks.map((task) => world.status(task)))).toEqual(
      names.map((_, index) => (index === 4 ? 'queued' : 'running')),
    )
    const timeline = await world.timeline(tasks[4]!)
    expect(timeline.at(-1)).toMatchObject({
      event: 'released',
      why: `preempted for task ${urgent.id}, which is urgent`,
    })
    await world.pass(40_000)
    for (const task of [...tasks, urgent]) expect(await world.status(task)).toBe('completed')
    for (const name of names)
      expect(steps.get(name), name).toEqual(Array.from({ length: 20 }, (_, step) => step))
    expect(await world.store.get(tasks[4]!.id)).toMatchObject({
      attempt: 1,
      failures: 0,
      preemption: { count: 1 },
    })
    expect((await world.node.metrics()).types.get('long')).toMatchObject({ preempted: 1 })
  })

  test('no task is preempted while a slot is free, nor for one that is not urgent', async () => {
    const type = long(new Map())
    const world = await World.open(open, [type, quick], { maxConcurrent: 2 })
    const task = await world.until(world.node.submit(type, { name: 'a' }))
    await world.until(world.node.submit(quick, {}, { priority: 1_000 }))
    await world.pass(1_500)
    const later = await world.until(world.node.submit(quick, {}, { priority: 99 }))
    await world.pass(1_000)
    expect(await world.status(later)).toBe('queued')
    expect(await world.moves(task)).toBe('submitted claimed')
  })

  test('one makes room for one, and does not do so all the time', async () => {
    const steps = new Map<string, number[]>()
    const type = long(steps, { most: 2, cooldown: '4s' })
    const world = await World.open(open, [type, quick], { maxConcurrent: 3 })
    const tasks = await world.until(
      Promise.all(['a', 'b', 'c'].map((name) => world.node.submit(type, { name }))),
    )
    const urgent = async (count: number) => {
      await world.until(
        world.node.submitAll(
          quick,
          Array.from({ length: count }, () => ({})),
          { priority: 500 },
        ),
      )
      await world.pass(1_000)
    }
    const preempted = async () => {
      const all = await Promise.all(tasks.map((task) => world.timeline(task)))
      return all.map((timeline) => timeline.filter(({ event }) => event === 'released').length)
    }
    await world.pass(500)
    await urgent(2)
    expect((await preempted()).toSorted((a, b) => a - b)).toEqual([0, 1, 1])
    await world.pass(3_000)
    // Both run again, too short to be asked once more.
    await urgent(2)
    expect((await preempted()).toSorted((a, b) => a - b)).toEqual([1, 1, 1])
    await world.pass(5_000)
    for (let turn = 0; turn < 6; turn++) {
      await urgent(3)
      await world.pass(5_000)
    }
    for (const count of await preempted()) expect(count).toBeLessThanOrEqual(2)
    await world.pass(25_000)
    for (const task of tasks) expect(await world.status(task)).toBe('completed')
    for (const name of ['a', 'b', 'c'])
      expect(steps.get(name)).toEqual(Array.from({ length: 20 }, (_, step) => step))
  })

  test('a task that is preempted can be paused and cancelled meanwhile', async () => {
    const type = long(new Map())
    const world = await World.open(open, [type, quick], { maxConcurrent: 1 })
    const task = await world.until(world.node.submit(type, { name: 'a' }))
    await world.pass(1_000)
    await world.until(world.node.submit(quick, {}, { priority: 100 }))
    await world.pass(1_000)
    expect(await world.status(task)).toBe('queued')
    await world.until(task.pause())
    await world.pass(5_000)
    expect(await world.status(task)).toBe('paused')
    await world.until(task.resume())
    await world.pass(1_000)
    expect(await world.status(task)).toBe('running')
  })

  test('is refused for what would start over', () => {
    const options = { type: 'x', parameters: z.object({}), command: () => ['x'], preemptible: true }
    expect(() => defineCommand(options)).toThrow('pause: "checkpoint"')
    expect(() => defineCommand({ ...options, pause: 'checkpoint' })).not.toThrow()
    expect(() => long(new Map(), { most: 0 })).toThrow('preemptible.most')
  })
})
