import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import { door, parking, stores, World } from './world.ts'

const minute = 60_000

/** A type whose handler does this. */
function doing(run: (task: TaskContext<unknown>) => Promise<unknown>) {
  return defineTask({ type: 'asks', parameters: z.object({}), attempts: 3, run: (_, task) => run(task) })
}

describe.each(stores)('a wait on $name', ({ open }) => {
  const begun = async (run: (task: TaskContext<unknown>) => Promise<unknown>, options = {}) => {
    const type = doing(run)
    const world = await World.open(open, [type], options)
    const task = await world.node.submit(type, {})
    return { world, task }
  }

  test('frees the slot, and returns the answer in memory', async () => {
    let runs = 0
    const { world, task } = await begun(
      async (context) => {
        runs += 1
        return context.wait('ok', { schema: z.object({ ship: z.boolean() }) })
      },
      { maxConcurrent: 1 },
    )
    await world.pass(1_000)
    expect(await world.store.get(task.id)).toMatchObject({
      status: 'waiting',
      runAt: null,
      awaits: { waits: ['ok'] },
    })
    expect(await world.node.waits.answer(task.id, 'ok', { ship: true })).toMatchObject({ status: 'answered' })
    await world.pass(10)
    expect(await task.result()).toEqual({ ship: true })
    expect(await world.moves(task)).toBe('submitted claimed wait_started answered claimed completed')
    expect(runs).toBe(1)
  })

  test('returns the answer to a run on another node', async () => {
    let runs = 0
    const { world, task } = await begun(async (context) => {
      runs += 1
      return [await context.wait('first'), await context.wait('second')]
    })
    await world.pass(1_000)
    await world.node.waits.answer(task.id, 'first', 1)
    await world.pass(1_000)
    await world.startNode()
    await world.node.waits.answer(task.id, 'second', 2)
    await world.pass(1_000)
    expect(await task.result()).toEqual([1, 2])
    expect(runs).toBe(2)
  })

  test('that is answered just before its task falls asleep is not lost', async () => {
    const { world, task } = await begun((context) => context.wait('ok'))
    await world.pass(100)
    expect(await world.status(task)).toBe('running')
    await world.node.waits.answer(task.id, 'ok', 'now')
    await world.pass(10)
    expect(await task.result()).toBe('now')
    expect(await world.moves(task)).toBe('submitted claimed answered completed')
  })

  test('times out, and a late answer is refused', async () => {
    const { world, task } = await begun(async (context) => {
      const first = await context.wait('ok', { timeout: '10m' })
      return [first, await context.wait('more')]
    })
    await world.pass(5 * minute)
    expect(await world.status(task)).toBe('waiting')
    await world.pass(5 * minute + 1_000)
    await expect(world.node.waits.answer(task.id, 'ok', 1)).rejects.toMatchObject({ code: 'WAIT_ANSWERED' })
    await world.node.waits.answer(task.id, 'more', 2)
    await world.pass(1_000)
    expect(await task.result()).toEqual([{ timedOut: true }, 2])
  })

  test('times out after the node has died', async () => {
    const { world, task } = await begun((context) => context.wait('ok', { timeout: '10m' }))
    await world.pass(minute)
    await world.startNode()
    await world.pass(8 * minute)
    await world.pass(30_000)
    expect(await world.status(task)).toBe('waiting')
    await world.pass(minute)
    expect(await task.result()).toEqual({ timedOut: true })
  })

  test('that is answered while its task is paused continues after a resume', async () => {
    const { world, task } = await begun((context) => context.wait('ok'))
    await world.pass(1_000)
    await task.pause()
    await world.node.waits.answer(task.id, 'ok', 7)
    await world.pass(minute)
    expect(await world.status(task)).toBe('paused')
    await task.resume()
    await world.pass(10)
    expect(await task.result()).toBe(7)
  })

  test('goes on after a pause and a resume without an answer', async () => {
    const { world, task } = await begun((context) => context.wait('ok'))
    await world.pass(100)
    await task.pause()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('paused')
    await task.resume()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('waiting')
    await world.node.waits.answer(task.id, 'ok', 7)
    await world.pass(10)
    expect(await task.result()).toBe(7)
  })

  test('ends when its task is cancelled', async () => {
    const { world, task } = await begun((context) => context.wait('ok'))
    await world.pass(1_000)
    await task.cancel()
    await world.pass(10)
    expect(await world.status(task)).toBe('cancelled')
    await expect(world.node.waits.answer(task.id, 'ok', 1)).rejects.toMatchObject({ code: 'WAIT_UNKNOWN' })
  })

  test('beside a running step is answered at once, and does not free the slot', async () => {
    const work = door()
    const seen: unknown[] = []
    const { world, task } = await begun(async (context) => {
      const waiting = context.wait('ok').then((answer) => seen.push(answer))
      await context.step('work', () => work.opened)
      await waiting
    })
    await world.pass(minute)
    expect(await world.status(task)).toBe('running')
    await world.node.waits.answer(task.id, 'ok', 1)
    await world.pass(10)
    expect(seen).toEqual([1])
    work.open()
    await world.pass(10)
    expect(await world.status(task)).toBe('completed')
  })

  test('frees the slot once the work beside it has ended', async () => {
    const work = door()
    const { world, task } = await begun(async (context) => {
      const waiting = context.wait('ok')
      await context.step('work', () => work.opened)
      return waiting
    })
    await world.pass(minute)
    work.open()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('waiting')
    await world.node.waits.answer(task.id, 'ok', 1)
    await world.pass(10)
    expect(await task.result()).toBe(1)
  })

  test('beside another one and a sleep continues with whatever comes first', async () => {
    const { world, task } = await begun(async (context) => {
      const order: unknown[] = []
      const note = (what: unknown) => order.push(what)
      await Promise.all([
        context.wait('a').then(note),
        context.wait('b', { timeout: '20m' }).then(note),
        context.sleep('10m').then(() => note('slept')),
      ])
      return order
    })
    await world.pass(minute)
    await world.node.waits.answer(task.id, 'a', 'a')
    await world.pass(minute)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'waiting', awaits: { waits: ['b'] } })
    await world.pass(9 * minute)
    expect(await world.status(task)).toBe('waiting')
    await world.pass(10 * minute)
    expect(await task.result()).toEqual(['a', 'slept', { timedOut: true }])
  })

  test('does not shorten a sleep beside it when its answer comes in a later run', async () => {
    const ended: number[] = []
    const { world, task } = await begun(
      async (context) => {
        const slept = context.sleep('1h').then(() => ended.push(world.clock.now()))
        slept.catch(() => undefined)
        await context.wait('a')
        await slept
      },
      { maxParked: parking(1) },
    )
    const began = world.clock.now()
    await world.pass(10 * minute)
    await world.startNode()
    await world.node.waits.answer(task.id, 'a', 1)
    await world.pass(40 * minute)
    expect(await world.status(task)).toBe('waiting')
    await world.pass(11 * minute)
    expect(await world.status(task)).toBe('completed')
    expect(ended.at(-1)! - began).toBeGreaterThanOrEqual(60 * minute)
  })

  test('uses answers of its name in order, also in a later run', async () => {
    const { world, task } = await begun(async (context) => {
      const answers = []
      for (let i = 0; i < 3; i++) answers.push(await context.wait('next'))
      return answers
    })
    for (let i = 0; i < 3; i++) {
      await world.pass(1_000)
      await world.node.waits.answer(task.id, 'next', i)
      if (i === 1) {
        await world.startNode()
      }
    }
    await world.pass(1_000)
    expect(await task.result()).toEqual([0, 1, 2])
  })

  test('takes an answer that came before it, and drops one that does not fit', async () => {
    const { world, task } = await begun(async (context) => {
      await context.sleep('1m')
      return [await context.wait('good', { schema: z.int() }), await context.wait('bad', { schema: z.int() })]
    })
    await world.pass(1_000)
    await world.node.waits.answer(task.id, 'good', 1)
    await world.node.waits.answer(task.id, 'bad', 'text')
    await world.pass(2 * minute)
    expect(await world.store.get(task.id)).toMatchObject({ status: 'waiting', awaits: { waits: ['bad'] } })
    expect((await world.store.log(task.id, 0, 10))?.map(({ text }) => text).join()).toContain('is dropped')
    await world.node.waits.answer(task.id, 'bad', 2)
    await world.pass(1_000)
    expect(await task.result()).toEqual([1, 2])
  })

  test('refuses an answer that does not fit, and names what is wrong', async () => {
    const { world, task } = await begun((context) =>
      context.wait('ok', { schema: z.object({ ship: z.boolean() }), message: 'Ship it?' }),
    )
    await world.pass(1_000)
    await expect(world.node.waits.answer(task.id, 'ok', { ship: 'yes' })).rejects.toMatchObject({
      code: 'ANSWER_INVALID',
      issues: [{ path: 'answer.ship' }],
    })
    const { waits } = await world.node.waits.list({ state: 'open' })
    expect(waits).toMatchObject([{ id: task.id, name: 'ok', message: 'Ship it?', answeredAt: null }])
    const { token } = waits[0]!
    await world.node.waits.answerToken(token!, { ship: true })
    await expect(world.node.waits.answerToken(token!, { ship: false })).rejects.toMatchObject({
      code: 'WAIT_ANSWERED',
    })
    await expect(world.node.waits.answerToken('wait_nothing', 1)).rejects.toMatchObject({
      code: 'WAIT_UNKNOWN',
    })
    await world.pass(10)
    expect(await task.result()).toEqual({ ship: true })
  })

  test('needs a name, a valid timeout and a schema that is one', async () => {
    const { world, task } = await begun(async (context) => {
      const messages = []
      for (const call of [
        () => context.wait(''),
        () => context.wait('x', { timeout: 'soon' }),
        () => context.wait('x', { message: 'x'.repeat(5_000) }),
        () => context.wait('x', { schema: z.date() }),
      ])
        messages.push(await call().catch((error: Error) => error.message))
      return messages
    })
    await world.pass(1_000)
    expect(await task.result()).toEqual([
      'The name of a wait must have 1 to 200 characters.',
      'task.wait: "soon" is not a duration; use seconds or text like "10s"',
      'The message of a wait exceeds the limit of 4000 bytes.',
      expect.stringContaining('the schema has no JSON schema'),
    ])
  })
})
