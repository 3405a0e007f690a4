import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { childLimits } from '../../src/core/child.ts'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { Status, Task } from '../../src/core/task.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, waitsAt, World } from './world.ts'

const none = z.object({})

/** A type with this handler. */
function parentOf(run: (task: TaskContext<unknown>) => unknown, own: { attempts?: number } = {}) {
  return defineTask({
    type: 'parent',
    parameters: none,
    attempts: own.attempts ?? 1,
    backoff: { base: 1, factor: 2 },
    run: (_, task) => run(task),
  })
}

const page = defineTask({
  type: 'page',
  parameters: z.object({ n: z.int() }),
  run: ({ n }) => n,
})

describe.each(stores)('children on $name', ({ open }) => {
  const childrenOf = async (world: World, { id }: Pick<Task, 'id'>) => {
    const query = {
      filter: { parent: id },
      order: 'oldest',
      after: null,
      limit: 1_000,
      scan: 10_000,
    } as const
    return (await world.store.list(query)).entries
  }
  const settle = async (world: World, task: Pick<Task, 'id'>, ...wanted: Status[]) => {
    for (let turns = 0; turns < 500; turns++) {
      const status = await world.status(task)
      if (status !== undefined && wanted.includes(status)) return
      await world.pass(100)
    }
    expect.unreachable(`the task is ${await world.status(task)}`)
  }

  test('are tasks with a parent, its tags, priority and trace, and a name', async () => {
    const parent = parentOf(async (task) => {
      const one = await task.spawn(page, { n: 1 })
      const two = await task.spawn('page', { n: 2 }, { name: 'second', priority: -5, tags: ['own'] })
      return [one, two]
    })
    const world = await World.open(open, [parent, page])
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const task = await world.node.submit(parent, {}, { tags: ['a', 'b'], priority: 7, traceparent: trace })
    await settle(world, task, 'completed')
    const [one, two] = await childrenOf(world, task)
    expect(await task.result()).toEqual([
      { id: one?.task.id, type: 'page', name: 'page', occurrence: 1 },
      { id: two?.task.id, type: 'page', name: 'second', occurrence: 1 },
    ])
    expect(one).toMatchObject({
      parameters: '{"n":1}',
      task: { tags: ['a', 'b'], priority: 7, createdBy: 'library' },
    })
    expect(one?.task.trace).toContain('0af7651916cd43dd8448eb211c80319c')
    expect(two).toMatchObject({ parameters: '{"n":2}', task: { tags: ['own'], priority: -5 } })
  })

  test('are started once, whatever happens between their commit and the knowledge of their parent', async () => {
    const parent = parentOf(async (task) => {
      const ids: string[] = []
      for (let n = 0; n < 3; n++) ids.push((await task.spawn(page, { n })).id)
      return ids
    })
    const world = await World.open(open, [parent, page])
    let spawns = 0
    // The node dies while it hears of the second child, which is committed.
    const store = withVerbs(world.store, {
      submit: async (list, options) => {
        const answer = await world.store.submit(list, options)
        if (list[0]?.parent === undefined) return answer
        spawns += 1
        return spawns < 2 ? answer : new Promise(() => {})
      },
    })
    await world.startNode({ store })
    const task = await world.node.submit(parent, {})
    await world.pass(100)
    expect(await childrenOf(world, task)).toHaveLength(2)
    await world.startNode()
    await settle(world, task, 'completed')
    const children = await childrenOf(world, task)
    expect(await task.result()).toEqual(children.map(({ task: { id } }) => id))
    expect(children.map(({ parameters }) => parameters)).toEqual(['{"n":0}', '{"n":1}', '{"n":2}'])
  })

  test('are found again by the next attempt, in order, with the parameters of the first', async () => {
    const parent = parentOf(
      async (task) => {
        const all = await task.spawnAll(page, [{ n: task.attempt }, { n: 10 }])
        if (task.attempt < 3) throw new Error('later')
        return all.map(({ id, occurrence }) => [id, occurrence])
      },
      { attempts: 3 },
    )
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'completed')
    const children = await childrenOf(world, task)
    expect(children.map(({ parameters }) => parameters)).toEqual(['{"n":1}', '{"n":10}'])
    expect(await task.result()).toEqual(children.map(({ task: { id } }, index) => [id, index + 1]))
  })

  test('are cancelled with their parent, running or not, and left alone if they shall be', async () => {
    const work = door()
    const waits = waitsAt(work)
    const parent = parentOf(async (task) => {
      await task.spawn(waits, {})
      await task.spawn(page, { n: 1 }, { delay: '1h' })
      await task.spawn(page, { n: 2 }, { delay: '1h', onParentEnd: 'leave', name: 'left' })
      await task.sleep('1h')
    })
    const world = await World.open(open, [parent, page, waits])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'waiting')
    await task.cancel()
    await settle(world, task, 'cancelled')
    await world.pass(2_000)
    work.open()
    const [running] = await childrenOf(world, task)
    await settle(world, running!.task, 'cancelled')
    const children = await childrenOf(world, task)
    expect(children.map(({ task: { status } }) => status)).toEqual(['cancelled', 'cancelled', 'scheduled'])
    const last = (await world.timeline(running!.task)).find(({ event }) => event === 'cancel_requested')
    expect(last?.why).toContain(`its parent, task ${task.id}, was cancelled`)
  })

  test('are refused with the reason of a submit, and the name of what is wrong', async () => {
    const errors: unknown[] = []
    const attempt = async (start: () => Promise<unknown>) => {
      try {
        await start()
      } catch (error) {
        const { code, message } = error as Error & { code: string }
        errors.push([code, message])
      }
    }
    const unique = defineTask({
      type: 'unique',
      parameters: none,
      unique: { key: () => 'only one' },
      run: () => 1,
    })
    const parent = parentOf(async (task) => {
      await attempt(() => task.spawn('nothing', {}))
      await attempt(() => task.spawn(page, { n: 'x' } as never))
      await attempt(() => task.spawnAll(page, [{ n: 1 }, { n: 1.5 }], { name: 'batch' }))
      await attempt(() => task.spawn(page, { n: 1 }, { priority: 5_000 }))
      await attempt(() => task.spawn(page, { n: 1 }, { idempotencyKey: 'x' } as never))
      await attempt(() => task.spawn(page, { n: 1 }, { onParentEnd: 'kill' as never }))
      await attempt(() => task.spawn(page, { n: 1 }, { after: [task.id] }))
      await attempt(() => task.spawn(page, { n: 1 }, { name: '' }))
      await attempt(() => task.spawn(unique, {}))
    })
    const world = await World.open(open, [parent, page, unique])
    await world.node.submit(unique, {}, { delay: '1h' })
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'completed')
    expect(errors.map((error) => (error as string[])[0])).toEqual([
      'TYPE_UNKNOWN',
      'PARAMETERS_INVALID',
      'PARAMETERS_INVALID',
      'OPTIONS_INVALID',
      'OPTIONS_INVALID',
      'OPTIONS_INVALID',
      'OPTIONS_INVALID',
      undefined,
      'UNIQUE_CONFLICT',
    ])
    expect(errors[2]).toEqual(['PARAMETERS_INVALID', expect.stringContaining('tasks.1.n')])
    expect(await childrenOf(world, task)).toEqual([])
  })

  test('cannot take the name of a child of another type', async () => {
    const other = defineTask({ type: 'other', parameters: none, run: () => 1 })
    const parent = parentOf(
      async (task) => {
        const type = task.attempt === 1 ? other : page
        await task.spawn(type as typeof page, { n: 1 }, { name: 'one' })
        throw new Error('later')
      },
      { attempts: 2 },
    )
    const world = await World.open(open, [parent, page, other])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'failed')
    expect((await task.task()).error).toMatchObject({ code: 'CHILD_TAKEN' })
  })

  test('have children of their own down to a limit', async () => {
    const parent = parentOf((task) => task.spawn('parent', {}, { onParentEnd: 'leave' }))
    const world = await World.open(open, [parent])
    let task: Pick<Task, 'id'> = await world.node.submit(parent, {})
    for (let depth = 1; depth <= childLimits.depth; depth++) {
      await settle(world, task, 'completed')
      const [child] = await childrenOf(world, task)
      expect(child?.task.parent?.depth).toBe(depth)
      task = child!.task
    }
    await settle(world, task, 'failed')
    expect((await world.store.get(task.id))?.error).toMatchObject({ code: 'CHILDREN_TOO_DEEP' })
  })

  test('of a paused parent are started once it continues', async () => {
    const work = door()
    const parent = parentOf(async (task) => {
      await work.opened
      return (await task.spawn(page, { n: 1 })).id
    })
    const world = await World.open(open, [parent, page])
    const task = await world.node.submit(parent, {})
    await settle(world, task, 'running')
    await task.pause({ wait: 0 })
    work.open()
    await settle(world, task, 'paused')
    expect(await childrenOf(world, task)).toEqual([])
    await task.resume()
    await settle(world, task, 'completed')
    expect(await childrenOf(world, task)).toHaveLength(1)
  })
})
