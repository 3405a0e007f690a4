import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import { door, parking, stores, World } from './world.ts'

const none = z.object({})
const long = 600_000
const kept = { retention: 24 * long }

type Doing = (task: TaskContext<{ done: number }>) => unknown

/** A type with this handler. */
function doing(run: Doing, own: { attempts?: number; timeout?: string } = {}) {
  return defineTask({
    type: 'doing',
    parameters: none,
    state: z.object({ done: z.int() }),
    attempts: 1,
    backoff: { base: 1, factor: 2 },
    ...own,
    run: (_, task) => run(task),
  })
}

describe.each(stores)('a task that sleeps, on $name', ({ open }) => {
  test('waits without a slot, and continues in memory', async () => {
    const runs: number[] = []
    const type = doing(async (task) => {
      runs.push(task.fence)
      await task.checkpoint({ done: 1 })
      await task.sleep('10m')
      return task.fence
    })
    const world = await World.open(open, [type], { maxConcurrent: 1 })
    const task = await world.node.submit(type, {})
    await world.pass(2_000)
    const row = (await world.store.read(task.id))!
    expect(row.task).toMatchObject({ status: 'waiting', missing: 0, delay: long - 250 })
    expect(row.task.runAt).toBe(row.task.createdAt + long)
    expect(row.checkpoint).toBe('{"done":1}')
    const explained = await world.node.explain(task.id)
    expect(explained).toMatchObject({ startsIn: long - 2_000, position: null })
    expect(explained.reasons[0]).toEqual({
      code: 'sleeping',
      message: `Sleeps until ${new Date(row.task.runAt!).toISOString()}, for another 598 s.`,
    })
    // Its slot is free.
    const other = await world.node.submit(type, {})
    await world.pass(1_000)
    expect(await world.status(other)).toBe('waiting')
    await world.pass(long - 3_001)
    expect(await world.status(task)).toBe('waiting')
    await world.pass(5_000)
    expect(await world.status(task)).toBe('completed')
    expect(await task.result()).toBe(2)
    expect(await world.status(other)).toBe('completed')
    expect(runs).toEqual([1, 1])
    expect(await world.moves(task)).toBe('submitted claimed sleep_started woken claimed completed')
    // The time asleep is no active time.
    expect((await world.store.get(task.id))!.activeMs).toBeLessThan(2_000)
  })

  test('keeps its slot for a second or less', async () => {
    const type = doing(async (task) => {
      for (let round = 0; round < 5; round++) await task.sleep(1)
    })
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(10_000)
    expect(await world.moves(task)).toBe('submitted claimed completed')
  })

  test('survives the death of its node in every sleep, and sleeps each of them once', async () => {
    const times: string[] = []
    const type = doing(async (task) => {
      const done = task.state?.done ?? 0
      const sleeps = async (seconds: number) => {
        await task.sleep(seconds)
        times.push(`${seconds} at ${Math.round((world.clock.now() - start) / 1_000)}`)
      }
      if (done === 0) {
        await sleeps(10)
        await sleeps(20)
        await task.checkpoint({ done: 1 }, { durable: true })
      }
      await sleeps(30)
      await sleeps(10)
      return 'done'
    })
    const world = await World.open(open, [type], kept)
    const start = world.clock.now()
    const task = await world.node.submit(type, {})
    // As by kill -9: the previous node is dead for the store.
    for (let seconds = 0; seconds < 77; seconds += 7) {
      await world.pass(7_000)
      await world.startNode()
    }
    expect(await world.status(task)).toBe('completed')
    // Runs after a death return at once from what is over.
    expect(times).toContain('10 at 10')
    expect(times).toContain('20 at 30')
    expect(times).toContain('30 at 60')
    expect(times.at(-1)).toBe('10 at 70')
    expect(await world.moves(task)).toContain('park_lost')
    expect(await world.store.get(task.id)).toMatchObject({ attempt: 1, crashes: 0 })
  })

  test('does not sleep again after a failure, and does after a checkpoint', async () => {
    const sleeps: number[] = []
    const timed = async (task: TaskContext<{ done: number }>, time: string) => {
      const before = world.clock.now()
      await task.sleep(time)
      sleeps.push(Math.round((world.clock.now() - before) / 1_000))
    }
    const type = doing(
      async (task) => {
        await timed(task, '60s')
        if (task.attempt === 1) throw new Error('once')
        await task.checkpoint({ done: 1 })
        await timed(task, '60s')
        if (task.attempt === 2) throw new Error('twice')
      },
      { attempts: 3 },
    )
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(400_000)
    expect(await world.status(task)).toBe('completed')
    // The sleeps of a run are compared with those after the checkpoint from which it starts, as this one does not notice.
    expect(sleeps).toEqual([60, 0, 60, 0, 60])
  })

  test('can be paused, and sleeps on or is queued when it resumes', async () => {
    const type = doing((task) => task.sleep('10m'))
    const world = await World.open(open, [type], kept)
    const [early, late] = [await world.node.submit(type, {}), await world.node.submit(type, {})]
    await world.pass(5_000)
    expect(await world.control(early.id, 'pause')).toBe('paused')
    expect(await world.control(late.id, 'pause')).toBe('paused')
    expect((await world.node.explain(late.id)).reasons.map(({ code }) => code)).toEqual([
      'paused',
      'sleeping',
    ])
    expect(await world.control(early.id, 'resume')).toBe('waiting')
    await world.pass(long)
    expect(await world.status(early)).toBe('completed')
    expect(await world.status(late)).toBe('paused')
    await world.control(late.id, 'resume')
    await world.pass(1_000)
    expect(await world.status(late)).toBe('completed')
    expect(await world.moves(late)).toBe('submitted claimed sleep_started paused resumed claimed completed')
  })

  test('is cancelled, in memory and as a row only', async () => {
    const type = doing((task) => task.sleep('10m'))
    const world = await World.open(open, [type], kept)
    const [parked, row] = [await world.node.submit(type, {}), await world.node.submit(type, {})]
    await world.pass(5_000)
    await world.control(parked.id, 'cancel')
    await world.pass(1_000)
    expect(await world.status(parked)).toBe('cancelled')
    await world.startNode()
    expect(await world.control(row.id, 'cancel')).toBe('cancelled')
  })

  test('a drain stores what is left of it', async () => {
    const type = doing((task) => task.sleep('10m'))
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(5_000)
    await world.until(world.node.close(), 30_000)
    expect((await world.store.get(task.id))!).toMatchObject({ status: 'waiting', ownerNode: null })
    await world.startNode()
    await world.pass(long)
    expect(await world.status(task)).toBe('completed')
    expect(await world.moves(task)).toBe('submitted claimed sleep_started unparked woken claimed completed')
  })

  test('beyond the limit of parked handlers, only rows are left', async () => {
    const type = doing((task) => task.sleep('10m'))
    const world = await World.open(open, [type], { maxParked: parking(2), maxConcurrent: 1 })
    const tasks = await Promise.all(Array.from({ length: 6 }, () => world.node.submit(type, {})))
    await world.pass(10_000)
    const rows = await Promise.all(tasks.map(({ id }) => world.store.get(id)))
    expect(rows.map((row) => row?.status)).toEqual(rows.map(() => 'waiting'))
    expect(rows.filter((row) => row?.ownerNode !== null)).toHaveLength(2)
    await world.pass(long)
    for (const task of tasks) expect(await world.status(task)).toBe('completed')
  })

  test('without a place to park, it keeps its slot and wakes up in memory', async () => {
    const type = doing((task) => task.sleep('10s'))
    const world = await World.open(open, [type], { maxParked: parking(0) })
    const task = await world.node.submit(type, {})
    await world.pass(11_000)
    expect(await world.status(task)).toBe('completed')
    expect(await world.moves(task)).toBe('submitted claimed completed')
  })

  test('work beside a sleep wakes it once, and then keeps the slot', async () => {
    const steps: number[] = []
    const type = doing(async (task) => {
      const work = async () => {
        for (let step = 0; step < 5; step++) {
          await new Promise<void>((resolve) => world.clock.after(10_000, resolve))
          await task.checkpoint({ done: step })
          steps.push(step)
        }
        return 'worked'
      }
      return Promise.race([work(), task.sleep('10m').then(() => 'slept')])
    })
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(60_000)
    expect(steps).toEqual([0, 1, 2, 3, 4])
    expect(await task.result()).toBe('worked')
    expect(await world.moves(task)).toBe('submitted claimed sleep_started woken claimed completed')
  })

  test('a step that runs beside a sleep keeps the slot', async () => {
    const work = door()
    const type = doing(async (task) => {
      await Promise.race([task.step('work', () => work.opened), task.sleep('10m')])
      return 'done'
    })
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(60_000)
    expect(await world.status(task)).toBe('running')
    work.open()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('completed')
  })

  test('a handler that returns beside a sleep has completed, and one that fails has failed', async () => {
    const ends = (how: 'return' | 'throw') =>
      defineTask({
        type: how,
        parameters: none,
        run: async (_, task) => {
          const work = new Promise((resolve, reject) =>
            world.clock.after(60_000, () => (how === 'return' ? resolve('done') : reject(new Error('no')))),
          )
          return await Promise.race([work, task.sleep('10m')])
        },
      })
    const [returns, throws] = [ends('return'), ends('throw')]
    const world = await World.open(open, [returns, throws])
    const [returned, threw] = [await world.node.submit(returns, {}), await world.node.submit(throws, {})]
    await world.pass(5_000)
    expect(await world.status(returned)).toBe('waiting')
    await world.pass(60_000)
    expect(await world.status(returned)).toBe('completed')
    expect(await world.status(threw)).toBe('failed')
  })

  test('several sleeps wake it one after the other, in memory and after the death of the node', async () => {
    for (const dies of [false, true]) {
      const times: string[] = []
      const type = doing(async (task) => {
        const sleeps = async (seconds: number) => {
          await task.sleep(seconds)
          times.push(`${seconds} at ${Math.floor((world.clock.now() - start) / 1_000)}`)
        }
        await Promise.all([sleeps(30), sleeps(10), sleeps(20)])
        return 'done'
      })
      const world = await World.open(open, [type], kept)
      const start = world.clock.now()
      const task = await world.node.submit(type, {})
      await world.pass(5_000)
      if (dies) await world.startNode()
      await world.pass(30_000)
      expect(await world.status(task)).toBe('completed')
      expect(times).toEqual(['10 at 10', '20 at 20', '30 at 30'])
    }
  })

  test('the clock of the timeout stands still', async () => {
    const type = doing((task) => task.sleep('10m'), { timeout: '10s' })
    const world = await World.open(open, [type], kept)
    const task = await world.node.submit(type, {})
    await world.pass(long + 5_000)
    expect(await world.status(task)).toBe('completed')
  })

  test('a wall clock that is set changes nothing', async () => {
    for (const jump of [-24 * long, 24 * long]) {
      const type = doing((task) => task.sleep('10m'))
      const world = await World.open(open, [type], kept)
      const task = await world.node.submit(type, {})
      await world.pass(5_000)
      world.clock.set(world.clock.now() + jump)
      await world.pass(long - 10_000)
      expect(await world.status(task)).toBe('waiting')
      await world.pass(10_000)
      expect(await world.status(task)).toBe('completed')
    }
  })
})
