import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { NonRetryableError, StoreUnavailable } from '../../src/core/errors.ts'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { Save, Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, World } from './world.ts'

const none = z.object({})

/** Every commit of the real store takes a turn. */
async function ends(world: World, task: Readonly<{ id: string }>): Promise<void> {
  for (let turns = 0; turns < 5_000; turns++) {
    const status = await world.status(task)
    if (status === 'completed' || status === 'failed') return
    await world.pass(100)
  }
}

/** A type with this handler. */
function doing(run: (task: TaskContext<unknown>) => unknown, own: { attempts?: number } = {}) {
  return defineTask({
    type: 'doing',
    parameters: none,
    attempts: own.attempts ?? 3,
    backoff: { base: 1, factor: 2 },
    run: (_, task) => run(task),
  })
}

describe.each(stores)('steps on $name', ({ open }) => {
  const stored = async (world: World, id: string) =>
    (await world.store.steps(id, { after: 0, limit: 100, bytes: 1e9 }))?.steps ?? []

  test('run once over failures of the task, and return what is stored', async () => {
    const effects: string[] = []
    const type = doing(async (task) => {
      const first = await task.step('charge', ({ idempotencyKey }) => {
        effects.push(`charge ${idempotencyKey}`)
        return { id: effects.length }
      })
      const second = await task.step('charge', () => effects.push('charge again'))
      if (task.attempt < 3) throw new Error('later')
      return [first, second]
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(10_000)
    expect(await task.result()).toEqual([{ id: 1 }, 2])
    expect(effects).toEqual([`charge ${task.id}:charge:1`, 'charge again'])
    expect(await stored(world, task.id)).toMatchObject([
      { number: 1, name: 'charge', occurrence: 1, status: 'completed', attempts: 1, result: '{"id":1}' },
      { number: 2, name: 'charge', occurrence: 2, status: 'completed', attempts: 1, result: '2' },
    ])
  })

  test('a kill between the effect and the commit repeats the step in flight, and no completed one', async () => {
    const effects: string[] = []
    const type = doing(async (task) => {
      for (const name of ['a', 'b', 'c']) await task.step(name, () => void effects.push(name))
      return effects.length
    })
    const world = await World.open(open, [type])
    let saves = 0
    // The node dies while it writes step b.
    const store = withVerbs(world.store, {
      save: (node, list) => {
        saves += 1
        return saves < 2 ? world.store.save(node, list) : new Promise(() => {})
      },
    })
    await world.startNode({ store })
    const task = await world.node.submit(type, {})
    await world.pass(100)
    expect(effects).toEqual(['a', 'b'])
    expect(await stored(world, task.id)).toMatchObject([{ name: 'a' }])
    await world.startNode()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('completed')
    expect(effects).toEqual(['a', 'b', 'b', 'c'])
    expect((await stored(world, task.id)).map(({ name }) => name)).toEqual(['a', 'b', 'c'])
  })

  test('a step of code that was fenced off is not stored over that of the newer run', async () => {
    const gate = door()
    const results: unknown[] = []
    let runs = 0
    const type = doing(async (task) => {
      const run = ++runs
      const result = await task.step('decide', async () => {
        if (run === 1) await gate.opened
        return `run ${run}`
      })
      results.push(result)
      return result
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(10)
    await world.startNode()
    await world.pass(10)
    gate.open()
    await world.pass(100)
    expect(await task.result()).toBe('run 2')
    expect(await stored(world, task.id)).toMatchObject([{ result: '"run 2"' }])
    expect(results).toEqual(['run 2'])
  })

  test('a pause takes effect once the step is stored; a later run goes on after it, also on another node', async () => {
    const gate = door()
    const effects: string[] = []
    const type = doing(async (task) => {
      await task.step('slow', async () => {
        effects.push('slow')
        await gate.opened
      })
      await task.step('fast', () => void effects.push('fast'))
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(10)
    expect(await world.control(task.id, 'pause')).toBe('pausing')
    gate.open()
    await world.pass(10)
    expect(await world.status(task)).toBe('paused')
    expect(await stored(world, task.id)).toMatchObject([{ name: 'slow' }])
    await world.startNode()
    await world.control(task.id, 'resume')
    await world.pass(100)
    expect(await world.status(task)).toBe('completed')
    expect(effects).toEqual(['slow', 'fast'])
  })

  test('a failing step is called again after the backoff, and its last error is recorded', async () => {
    let calls = 0
    const attempts: number[] = []
    const type = doing(
      async (task) => {
        await task.step(
          'flaky',
          ({ attempt }) => {
            attempts.push(attempt)
            calls += 1
            if (calls < 5) throw Object.assign(new Error(`call ${calls}`), { code: 'E_FLAKY' })
          },
          { retries: 2 },
        )
      },
      { attempts: 2 },
    )
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(3_000)
    expect(await stored(world, task.id)).toMatchObject([
      { status: 'failed', attempts: 3, result: null, error: { code: 'E_FLAKY', message: 'call 3' } },
    ])
    await world.pass(10_000)
    expect(await world.status(task)).toBe('completed')
    expect(attempts).toEqual([1, 2, 3, 4, 5])
    expect(await stored(world, task.id)).toMatchObject([
      { status: 'completed', attempts: 5, result: 'null', error: null },
    ])
  })

  test('a NonRetryableError is not called again', async () => {
    let calls = 0
    const type = doing((task) =>
      task.step(
        'never',
        () => {
          calls += 1
          throw new NonRetryableError('no')
        },
        { retries: 5 },
      ),
    )
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(60_000)
    expect(await task.task()).toMatchObject({ status: 'failed', attempt: 1 })
    expect(calls).toBe(1)
  })

  test('a call that takes too long is aborted, and counts as failed', async () => {
    const aborted: string[] = []
    const type = doing(
      (task) =>
        task.step(
          'slow',
          ({ signal }) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                aborted.push((signal.reason as Error & { code: string }).code)
                reject(signal.reason as Error)
              })
            }),
          { timeout: '5s', retries: 1 },
        ),
      { attempts: 1 },
    )
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(11_500)
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMEOUT' } })
    expect(aborted).toEqual(['STEP_TIMEOUT', 'STEP_TIMEOUT'])
  })

  test('a cancel ends a step at once, and is no failure of it', async () => {
    const type = doing((task) =>
      task.step(
        'endless',
        ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          }),
      ),
    )
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(10)
    expect(await world.control(task.id, 'cancel')).toBe('cancelled')
    expect(await stored(world, task.id)).toEqual([])
  })

  test('side by side, all are stored, and recalled in any order', async () => {
    const effects: number[] = []
    const type = doing(async (task) => {
      const order = task.attempt === 1 ? [0, 1, 2, 3, 4] : [3, 1, 4, 0, 2]
      const results = await Promise.all(order.map((n) => task.step(`part ${n}`, async () => effects.push(n))))
      if (task.attempt === 1) throw new Error('again')
      return results
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(5_000)
    expect(await task.result()).toEqual([4, 2, 5, 1, 3])
    expect(effects).toEqual([0, 1, 2, 3, 4])
  })

  test('more than a page of them are recalled', async () => {
    let calls = 0
    const type = doing(async (task) => {
      for (let n = 0; n < 1_200; n++) await task.step('one', () => ++calls)
      if (task.attempt === 1) throw new Error('again')
      return await task.step('one', () => ++calls)
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await ends(world, task)
    expect(await task.result()).toBe(1_201)
    expect(calls).toBe(1_201)
  })

  test('a step that new code no longer has is reported, once the task has run to its end', async () => {
    let isNew = false
    const type = doing(async (task) => {
      if (!isNew) await task.step('old name', () => 1)
      else await task.step('new name', () => 2)
      if (!isNew) throw new Error('deploy')
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(10)
    isNew = true
    await world.pass(5_000)
    expect(await world.status(task)).toBe('completed')
    expect((await world.node.log(task.id)).map(({ text }) => text)).toEqual([
      'Steps that an earlier run has stored do not occur in this one: "old name".',
    ])
    expect(world.warnings).toContainEqual(expect.stringContaining('stored steps do not occur'))
  })

  test('names and results have limits, with errors that name them', async () => {
    const errors: unknown[] = []
    const type = doing(async (task) => {
      const wrong = [
        () => task.step('', () => 1),
        () => task.step('n'.repeat(201), () => 1),
        () => task.step('odd', () => 1, { retries: -1 }),
        () => task.step('odd', () => 1, { timeout: 'soon' }),
        () => task.step('big', () => 'x'.repeat(1_048_577)),
        () => task.step('not json', () => Number.NaN),
      ]
      for (const call of wrong) await call().catch((error: unknown) => errors.push((error as Error).message))
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(100)
    expect(await world.status(task)).toBe('completed')
    expect(errors).toEqual([
      'The name of a step must have 1 to 200 characters.',
      'The name of a step must have 1 to 200 characters.',
      'task.step: retries must be a whole number from 0',
      'task.step: "soon" is not a duration; use seconds or text like "10s"',
      'The step result exceeds the limit of 1048576 bytes.',
      expect.stringContaining('step result'),
    ])
  })

  test('beyond the limit of steps, each further one is refused, over all runs', async () => {
    let refused = 0
    const type = doing(
      async (task) => {
        const from = task.attempt * 1_000_000
        for (let n = 0; n < 9_999; n++) await task.step(`step ${from + n}`, () => 0)
        for (const name of ['a', 'b'])
          await task
            .step(`${name} ${task.attempt}`, () => 0)
            .catch((error: Error & { code?: string }) => {
              if (error.code === 'TOO_MANY_STEPS') refused += 1
            })
        throw new Error('again')
      },
      { attempts: 1 },
    )
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await ends(world, task)
    expect(await world.status(task)).toBe('failed')
    expect(refused).toBe(1)
  })

  test('wait for a database that is away, and are written once', async () => {
    let calls = 0
    const type = doing((task) => task.step('once', () => ++calls))
    const world = await World.open(open, [type])
    let away = 3
    const written: (readonly Save[])[] = []
    const store: Store = withVerbs(world.store, {
      save: (node, list) => {
        away -= 1
        if (away >= 0) return Promise.reject(new StoreUnavailable('away', { unknown: false }))
        written.push(list)
        return world.store.save(node, list)
      },
    })
    await world.startNode({ store })
    const task = await world.node.submit(type, {})
    await world.pass(5_000)
    expect(await task.result()).toBe(1)
    expect(calls).toBe(1)
    expect(written).toHaveLength(1)
  })
})
