import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import { door, parking, stores, waitsAt, works, World } from './world.ts'

const none = z.object({})

/** Works in steps of a second, and records them. */
const steps = (done: string[] = []) =>
  defineTask({
    type: 'steps',
    parameters: z.object({ name: z.string().default('it'), count: z.number().default(10) }),
    state: z.object({ step: z.number() }),
    async run({ name, count }, task) {
      for (let step = task.state?.step ?? 0; step < count; step++) {
        await task.checkpoint({ step })
        await task.sleep(1)
        done.push(`${name}${step}`)
      }
      return done.length
    },
  })

describe.each(stores)('pausing on $name', ({ open }) => {
  test('a paused task holds no slot: three slots, three paused, and the fourth runs', async () => {
    const type = steps()
    const world = await World.open(open, [type])
    const three = await Promise.all([1, 2, 3].map(() => world.node.submit(type, {})))
    const fourth = await world.node.submit(type, {})
    await world.pass()
    expect(await world.status(fourth)).toBe('queued')
    for (const one of three) expect(await world.control(one.id, 'pause')).toBe('paused')
    expect(await world.status(fourth)).toBe('running')
    expect(world.node.state).toMatchObject({ slotsInUse: 1, parked: 3 })
  })

  test('a resume continues in the same handler, inside its sleep, with a higher fence', async () => {
    const done: string[] = []
    const type = steps(done)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, { count: 2 })
    await world.pass(600)
    expect(await world.control(task.id, 'pause')).toBe('paused')
    await world.pass(60_000)
    expect(done).toEqual([])
    expect(await world.control(task.id, 'resume')).toBe('running')
    await world.pass(399)
    expect(done).toEqual([])
    await world.pass(1)
    expect(done).toEqual(['it0'])
    expect(await world.until(task.result(), 1_000)).toBe(2)
    const { task: row } = await task.details()
    expect(row).toMatchObject({ fence: 2, attempt: 1, activeMs: 2_000, pausedMs: 60_000 })
  })

  test('a resume without a free slot returns queued, and continues when one is free', async () => {
    const type = steps()
    const world = await World.open(open, [type], { maxConcurrent: 1 })
    const first = await world.node.submit(type, { count: 3 })
    await world.pass()
    await world.control(first.id, 'pause')
    const second = await world.node.submit(type, { count: 1 })
    await world.pass()
    expect(await world.status(second)).toBe('running')
    expect(await world.control(first.id, 'resume')).toBe('queued')
    await world.pass(1_000)
    expect(await world.status(second)).toBe('completed')
    expect(await world.status(first)).toBe('running')
  })

  test('between two pause points a task is pausing, and its status says so', async () => {
    const work = door()
    const type = waitsAt(work)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await world.control(task.id, 'pause')).toBe('pausing')
    work.open()
    await world.pass()
    expect(await world.status(task)).toBe('paused')
  })

  test('a pause withdrawn before the pause point never stops the handler', async () => {
    const work = door()
    const type = waitsAt(work)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    await world.control(task.id, 'pause')
    expect(await world.control(task.id, 'resume')).toBe('running')
    work.open()
    expect(await world.until(task.result())).toBe('done')
    expect(await world.moves(task)).toBe('submitted claimed pause_requested pause_withdrawn completed')
  })

  test('a pause, a resume and a pause in one turn end paused', async () => {
    const type = steps()
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(500)
    const controls = (['pause', 'resume', 'pause'] as const).map((control) =>
      world.node.control(task.id, control),
    )
    await world.pass()
    await Promise.all(controls)
    expect(await world.status(task)).toBe('paused')
    await world.pass(60_000)
    expect(await world.status(task)).toBe('paused')
    expect(await world.control(task.id, 'resume')).toBe('running')
  })

  test('a resume at the moment of the settled pause continues', async () => {
    const type = steps()
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, { count: 2 })
    await world.pass(500)
    for (let round = 0; round < 5; round++) {
      const paused = world.node.control(task.id, 'pause')
      const resumed = paused.then(() => world.node.control(task.id, 'resume'))
      await world.pass()
      await resumed
      expect(await world.status(task)).toBe('running')
    }
    expect(await world.until(task.result(), 2_000)).toBeGreaterThanOrEqual(2)
  })

  test('a pause that loses to the end returns the final status', async () => {
    const work = door()
    const type = defineTask({ type: 'short', parameters: none, run: () => work.opened.then(() => 1) })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    const answer = world.node.control(task.id, 'pause', { wait: 2_000 })
    await world.pass()
    work.open()
    expect((await world.until(answer)).status).toBe('completed')
    await expect(world.node.control(task.id, 'pause')).rejects.toMatchObject({ code: 'CONTROL_REFUSED' })
  })

  test('every call of a paused handler suspends, including branches and floating checkpoints', async () => {
    const seen: string[] = []
    const branch = async (name: string, task: TaskContext<unknown>) => {
      for (let turn = 0; turn < 4; turn++) {
        await task.sleep(1)
        seen.push(`${name}${turn}`)
        void task.checkpoint({ turn })
      }
    }
    const type = defineTask({
      type: 'branches',
      parameters: none,
      run: (_, task) => Promise.all([branch('a', task), branch('b', task)]).then(() => 'done'),
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(1_500)
    expect(await world.control(task.id, 'pause')).toBe('paused')
    await world.pass(30_000)
    expect(seen).toEqual(['a0', 'b0'])
    await world.control(task.id, 'resume')
    expect(await world.until(task.result(), 4_000)).toBe('done')
    expect(seen.length).toBe(8)
  })

  test('a parked handler that returns has completed', async () => {
    const work = door()
    const type = defineTask({
      type: 'floating',
      parameters: none,
      async run(_, task) {
        void task.checkpoint()
        await work.opened
        return 'done all the same'
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    await world.control(task.id, 'pause')
    // The call without `await` has already returned, so there may be no pause point left.
    const status = await world.status(task)
    expect(['pausing', 'paused']).toContain(status)
    work.open()
    expect(await world.until(task.result())).toBe('done all the same')
  })

  test('at the parking limit the oldest copy with a checkpoint makes room, and resumes from it', async () => {
    const done: string[] = []
    const type = steps(done)
    const world = await World.open(open, [type], { maxParked: parking(1) })
    const [first, second] = [
      await world.node.submit(type, { name: 'a' }),
      await world.node.submit(type, { name: 'b' }),
    ]
    await world.pass(1_500)
    expect(await world.control(first.id, 'pause')).toBe('paused')
    expect(await world.control(second.id, 'pause')).toBe('paused')
    await world.pass()
    expect(world.node.state.parked).toBe(1)
    expect(await world.moves(first)).toBe('submitted claimed pause_requested paused unparked')
    await world.control(first.id, 'resume')
    await world.pass(1_000)
    expect(done).toEqual(['a0', 'b0', 'a1'])
    expect((await first.task()).attempt).toBe(1)
  })

  test('a copy without a checkpoint is never unwound voluntarily; the next pause waits', async () => {
    const type = defineTask({ type: 'blank', parameters: none, run: (_, task) => works(task, 60) })
    const world = await World.open(open, [type], { maxParked: parking(1) })
    const [first, second] = [await world.node.submit(type, {}), await world.node.submit(type, {})]
    await world.pass()
    expect(await world.control(first.id, 'pause')).toBe('paused')
    expect(await world.control(second.id, 'pause')).toBe('pausing')
    await world.control(first.id, 'resume')
    await world.pass()
    expect(await world.status(second)).toBe('paused')
  })

  test('queued and scheduled tasks pause immediately, and resume to where they belong', async () => {
    const type = steps()
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    const queued = await world.node.submit(type, {})
    const later = await world.node.submit(type, {}, { delay: 60 })
    expect(await world.control(queued.id, 'pause')).toBe('paused')
    expect(await world.control(later.id, 'pause')).toBe('paused')
    expect(await world.control(queued.id, 'resume')).toBe('queued')
    expect(await world.control(later.id, 'resume')).toBe('scheduled')
    await world.control(later.id, 'pause')
    await world.pass(60_000)
    expect(await world.control(later.id, 'resume')).toBe('queued')
  })

  test('paused tasks stay paused across a crash, and continue from their checkpoints', async () => {
    const done: string[] = []
    const type = steps(done)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, { count: 3 })
    await world.pass(1_500)
    await world.control(task.id, 'pause')
    await world.startNode()
    expect(await world.status(task)).toBe('paused')
    await world.control(task.id, 'resume')
    await world.pass(2_000)
    expect(done).toEqual(['it0', 'it1', 'it2'])
    expect(await world.status(task)).toBe('completed')
    expect(await world.moves(task)).toBe(
      'submitted claimed pause_requested paused park_lost resumed claimed completed',
    )
  })
})
