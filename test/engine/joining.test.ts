import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Status, Task } from '../../src/core/task.ts'
import type { Child, TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, parking, stores, World } from './world.ts'

const page = defineTask({
  type: 'page',
  parameters: z.object({ n: z.int(), ms: z.int().default(0), fails: z.boolean().default(false) }),
  backoff: { base: 1, factor: 1 },
  async run({ n, ms, fails }, task) {
    await task.sleep(ms / 1_000)
    if (fails) throw new Error(`page ${n} is broken`)
    return { n, square: n * n }
  },
})

/** A type with this handler. */
function parentOf(run: (task: TaskContext<unknown>) => unknown, attempts = 1) {
  return defineTask({
    type: 'parent',
    parameters: z.object({}),
    attempts,
    backoff: { base: 1, factor: 1 },
    run: (_, task) => run(task),
  })
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise
  } catch (error) {
    const { code, message } = error as Error & { code: string }
    return [code, message]
  }
}

describe.each(stores)('joined children on $name', ({ open }) => {
  const settle = async (world: World, task: Pick<Task, 'id'>, ...wanted: Status[]) => {
    for (let turns = 0; turns < 2_000; turns++) {
      const status = await world.status(task)
      if (status !== undefined && wanted.includes(status)) return
      await world.pass(100)
    }
    expect.unreachable(`the task is ${await world.status(task)}`)
  }
  const counted = async (world: World, task: Pick<Task, 'id'>) =>
    (await world.timeline(task)).filter(({ event }) => event === 'children_ended').length
  const runs = async (world: World, parent: ReturnType<typeof parentOf>, own = {}) => {
    const task = await world.node.submit(parent, {}, own)
    await settle(world, task, 'completed', 'failed', 'cancelled')
    return task
  }

  test('give their results in order, and the parent its slot back meanwhile', async () => {
    const parent = parentOf(async (task) => {
      const first = await task.spawn(page, { n: 3, ms: 2_000 })
      const others = await task.spawnAll(page, [{ n: 1 }, { n: 2, ms: 5_000 }], { name: 'other' })
      return task.all([first, ...others, first])
    })
    const world = await World.open(open, [parent, page], { maxConcurrent: 1 })
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    expect(await task.task()).toMatchObject({ awaits: { children: 3 } })
    await settle(world, task, 'completed')
    expect(await task.result()).toEqual([3, 1, 2, 3].map((n) => ({ n, square: n * n })))
    expect(await counted(world, task)).toBe(1)
    expect((await task.task()).attempt).toBe(1)
  })

  test('of none are there at once, and none of none has completed', async () => {
    const parent = parentOf(async (task) => [
      await task.all([]),
      await task.settled([]),
      await codeOf(task.any([])),
    ])
    const world = await World.open(open, [parent, page])
    expect(await (await runs(world, parent)).result()).toEqual([
      [],
      [],
      ['NO_CHILD_COMPLETED', expect.any(String)],
    ])
  })

  test('let their parent continue with the first that completes', async () => {
    const parent = parentOf(async (task) => {
      const list = [
        { n: 1, ms: 60_000 },
        { n: 2, ms: 500, fails: true },
        { n: 3, ms: 3_000 },
        { n: 4, ms: 9_000 },
      ]
      const children = await task.spawnAll(page, list, { maxAttempts: 1 })
      const { child, result } = await task.any(children)
      return [child.occurrence, result.square]
    })
    const world = await World.open(open, [parent, page])
    const task = await runs(world, parent)
    expect(await task.result()).toEqual([3, 9])
    expect(await counted(world, task)).toBe(1)
  })

  test('of which none completes are an error, which names how many', async () => {
    const parent = parentOf(async (task) =>
      task.any(
        await task.spawnAll(
          page,
          [
            { n: 1, fails: true },
            { n: 2, ms: 2_000, fails: true },
          ],
          { maxAttempts: 1 },
        ),
      ),
    )
    const world = await World.open(open, [parent, page])
    expect((await (await runs(world, parent, { maxAttempts: 5 })).task()).error).toMatchObject({
      code: 'NO_CHILD_COMPLETED',
      message: 'None of the 2 children has completed.',
    })
  })

  test('of which one fails are an error at once, which names it and why, and ends the last attempt', async () => {
    const parent = parentOf(async (task) => {
      const list = [
        { n: 1, ms: 3_600_000 },
        { n: 2, ms: 2_000, fails: true },
      ]
      return task.all(await task.spawnAll(page, list, { maxAttempts: 1 }))
    })
    const world = await World.open(open, [parent, page])
    const task = await runs(world, parent, { maxAttempts: 5 })
    const row = await task.task()
    expect(row).toMatchObject({ attempt: 1, error: { code: 'CHILD_FAILED', name: 'ChildFailed' } })
    const { children } = await world.node.family(task.id)
    expect(row.error?.message).toBe(
      `The child "page" (2), task ${children.tasks[1]!.id}, has failed: page 2 is broken`,
    )
    await settle(world, children.tasks[0]!, 'cancelled')
  })

  test('are told apart by how they ended, if their parent asks for that', async () => {
    const parent = parentOf(async (task) => {
      const list = [{ n: 1 }, { n: 2, fails: true }, { n: 3, ms: 3_600_000 }]
      return task.settled(await task.spawnAll(page, list, { maxAttempts: 1 }))
    })
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await world.pass(1_000)
    const { tasks } = (await world.node.family(task.id)).children
    await world.node.control(tasks[2]!.id, 'cancel')
    await settle(world, task, 'completed')
    const child = (n: number) => ({ id: tasks[n - 1]!.id, type: 'page', name: 'page', occurrence: n })
    expect(await task.result()).toEqual([
      { status: 'completed', child: child(1), result: { n: 1, square: 1 } },
      {
        status: 'failed',
        child: child(2),
        error: { code: expect.any(String) as string, name: 'Error', message: 'page 2 is broken' },
      },
      { status: 'cancelled', child: child(3) },
    ])
  })

  test('can be joined side by side, with other joins, steps and waits', async () => {
    const parent = parentOf(async (task) => {
      const [a, b, c] = await task.spawnAll(page, [
        { n: 1, ms: 3_000 },
        { n: 2, ms: 6_000 },
        { n: 3, ms: 9_000 },
      ])
      const order: string[] = []
      const note = async <T>(name: string, promise: Promise<T>) => {
        const value = await promise
        order.push(name)
        return value
      }
      await Promise.all([
        note('all', task.all([b!, c!])),
        note('any', task.any([a!, c!])),
        note('settled', task.settled([a!, b!])),
        note('answer', task.wait('ok')),
      ])
      return order
    })
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await world.pass(4_000)
    await task.answer('ok', 1)
    await settle(world, task, 'completed')
    expect(await task.result()).toEqual(['any', 'answer', 'settled', 'all'])
  })

  test('are found again by a run that starts over, after a crash or without room for its handler', async () => {
    let starts = 0
    const parent = parentOf(async (task) => {
      starts += 1
      const children = await task.spawnAll(page, [
        { n: 1, ms: 5_000 },
        { n: 2, ms: 20_000 },
      ])
      return (await task.all(children)).map(({ square }) => square)
    })
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await world.startNode({ maxParked: parking(1) })
    await world.pass(8_000)
    expect(await world.status(task)).toBe('waiting')
    await settle(world, task, 'completed')
    expect(await task.result()).toEqual([1, 4])
    expect(starts).toBe(2)
    expect((await world.node.family(task.id)).children.byStatus).toEqual({ completed: 2 })
  })

  test('wake their parent if they end between its look and its sleep', async () => {
    const parent = parentOf(async (task) =>
      task.all(
        await task.spawnAll(page, [
          { n: 1, ms: 2_000 },
          { n: 2, ms: 2_000 },
        ]),
      ),
    )
    const world = await World.open(open, [parent, page])
    const looked = door()
    let looks = 0
    let held = 0
    // Its first look is answered only after its children have ended and have been counted.
    const joins = {
      ...world.store.joins,
      states: world.store.joins.states.bind(world.store.joins),
      outcomes: world.store.joins.outcomes.bind(world.store.joins),
      watched: world.store.joins.watched.bind(world.store.joins),
      watch: async (...request: Parameters<typeof world.store.joins.watch>) => {
        const answer = await world.store.joins.watch(...request)
        looks += 1
        if (looks === 1) await looked.opened
        return answer
      },
    }
    const settleOne: typeof world.store.settle = async (node, list) => {
      const answers = await world.store.settle(node, list)
      for (const { verdict } of answers) held += verdict === 'stale' ? 1 : 0
      return answers
    }
    await world.startNode({ store: withVerbs(world.store, { joins, settle: settleOne }) })
    const task = await world.node.submit(parent, {})
    await world.pass(9_000)
    const { byStatus } = (await world.node.family(task.id)).children
    expect(byStatus).toEqual({ completed: 2 })
    expect(await world.status(task)).toBe('running')
    looked.open()
    await settle(world, task, 'completed')
    expect(looks).toBe(1)
    expect(held).toBe(0)
    expect(await task.result()).toHaveLength(2)
  })

  test('end while their parent is paused, which continues once it is resumed', async () => {
    const parent = parentOf(async (task) => task.all(await task.spawnAll(page, [{ n: 1, ms: 3_000 }])))
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    expect(await task.pause()).toMatchObject({ status: 'paused' })
    await world.pass(10_000)
    expect(await world.status(task)).toBe('paused')
    await task.resume()
    await settle(world, task, 'completed')
  })

  test('let their paused parent wait on, if they have not ended', async () => {
    const parent = parentOf(async (task) => task.all(await task.spawnAll(page, [{ n: 1, ms: 30_000 }])))
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await task.pause()
    await task.resume()
    expect(await world.status(task)).toBe('waiting')
    await settle(world, task, 'completed')
  })

  test('are cancelled with a parent that waits for them', async () => {
    const parent = parentOf(async (task) =>
      task.settled(await task.spawnAll(page, [{ n: 1, ms: 3_600_000 }])),
    )
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await task.cancel()
    await settle(world, task, 'cancelled')
    await world.pass(1_000)
    expect((await world.node.family(task.id)).children.byStatus).toEqual({ cancelled: 1 })
  })

  test('that a person retries give their parent a result after all', async () => {
    let broken = true
    const shaky = defineTask({
      type: 'shaky',
      parameters: z.object({}),
      run: () => {
        if (broken) throw new Error('not yet')
        return 'fine'
      },
    })
    const parent = parentOf(async (task) => task.all([await task.spawn(shaky, {})]))
    const world = await World.open(open, [parent, shaky])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'failed')
    broken = false
    const [child] = (await world.node.family(task.id)).children.tasks
    await world.node.control(child!.id, 'retry')
    await settle(world, child!, 'completed')
    await task.retry()
    await settle(world, task, 'completed')
    expect(await task.result()).toEqual(['fine'])
  })

  test('that are none of its own are refused, and what is no child at all', async () => {
    const parent = parentOf(async (task) => {
      const child = (id: unknown) => ({ id, type: 'page', name: 'page', occurrence: 1 }) as Child
      return [
        await codeOf(task.all([child(task.id)])),
        await codeOf(task.settled([child('nobody')])),
        await codeOf(task.any([child(7)])),
        await codeOf(task.all('page' as never)),
      ].map((error) => (error as string[])[0] ?? (error as string[])[1])
    })
    const world = await World.open(open, [parent, page])
    expect(await (await runs(world, parent)).result()).toEqual([
      'CHILD_UNKNOWN',
      'CHILD_UNKNOWN',
      'What is joined must be children, as spawn returns them.',
      'The children to join must be a list.',
    ])
  })

  test('are named by the explanation while they have not ended', async () => {
    const parent = parentOf(async (task) =>
      task.settled(
        await task.spawnAll(page, [
          { n: 1, ms: 2_000 },
          { n: 2, ms: 60_000 },
        ]),
      ),
    )
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await world.pass(5_000)
    const [, second] = (await world.node.family(task.id)).children.tasks
    expect((await world.node.explain(task.id)).reasons).toEqual([
      { code: 'children', message: `Waits for one child to end: ${second!.id} (waiting).` },
    ])
  })

  test('of a large family are joined in portions', async () => {
    const small = defineTask({ type: 'small', parameters: z.object({ n: z.int() }), run: ({ n }) => n })
    const parent = parentOf(async (task) => {
      const children = await task.spawnAll(
        small,
        Array.from({ length: 1_201 }, (_, n) => ({ n })),
      )
      return (await task.all(children)).reduce((sum, n) => sum + n, 0)
    })
    const world = await World.open(open, [parent, small], { maxQueued: 5_000, maxConcurrent: 100 })
    const task = await runs(world, parent)
    expect(await task.result()).toBe(600 * 1_201)
    expect(await counted(world, task)).toBeLessThanOrEqual(2)
  })
})
