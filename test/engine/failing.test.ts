import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { NonRetryableError, StoreUnavailable } from '../../src/core/errors.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, works, World } from './world.ts'

const none = z.object({})

const failing = (error: () => unknown, attempts = 3) =>
  defineTask({
    type: 'failing',
    parameters: none,
    attempts,
    backoff: { base: 1, factor: 2 },
    run() {
      throw error()
    },
  })

describe.each(stores)('failures on $name', ({ open }) => {
  test('a failure is retried after its back-off until no attempts are left', async () => {
    const type = failing(() => Object.assign(new Error('no luck'), { code: 'E_LUCK' }))
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await task.task()).toMatchObject({ status: 'scheduled', failures: 1, error: { code: 'E_LUCK' } })
    await world.pass(1_000)
    expect(await task.task()).toMatchObject({ status: 'scheduled', failures: 2 })
    await world.pass(2_000)
    expect(await task.task()).toMatchObject({ status: 'failed', failures: 3, attempt: 3 })
    await expect(task.result()).rejects.toMatchObject({
      code: 'TASK_FAILED',
      message: expect.stringContaining('no luck'),
    })
    expect(await world.moves(task)).toBe(
      'submitted claimed retry_scheduled due claimed retry_scheduled due claimed failed',
    )
  })

  test('a NonRetryableError is final', async () => {
    const type = failing(() => new NonRetryableError('never'))
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await task.task()).toMatchObject({
      status: 'failed',
      failures: 1,
      error: { name: 'NonRetryableError' },
    })
  })

  test('anything can be thrown', async () => {
    for (const thrown of [null, undefined, 'text', 7n, { toString: () => 'odd' }, Symbol('s')]) {
      const type = failing(() => thrown, 1)
      const world = await World.open(open, [type])
      const task = await world.node.submit(type, {})
      await world.pass()
      expect(await world.status(task)).toBe('failed')
    }
  })

  test.each([
    ['a BigInt', () => 1n, 'NOT_JSON'],
    ['a function', () => () => 1, 'NOT_JSON'],
    [
      'a cycle',
      () => {
        const a: unknown[] = []
        a.push(a)
        return a
      },
      'NOT_JSON',
    ],
    ['eleven megabytes', () => 'x'.repeat(11_000_000), 'TOO_LARGE'],
  ])('a result that is %s fails the task with a clear error', async (_, make, code) => {
    const type = defineTask({ type: 'odd', parameters: none, run: (): unknown => make() })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code } })
  })

  test.each([
    [
      'a Map',
      () => ({ items: [1, 2, 3, new Map()] }),
      'result.items[3]: a Map cannot be stored as JSON; use Object.fromEntries(map).',
    ],
    ['no number', () => ({ mean: 0 / 0 }), 'result.mean: NaN cannot be stored as JSON; use null or a text.'],
  ])('a result with %s is refused, with its place', async (_, make, message) => {
    const type = defineTask({ type: 'odd', parameters: none, run: (): unknown => make() })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code: 'NOT_JSON', message } })
  })

  test('parameters that JSON would change are refused', async () => {
    const type = defineTask({ type: 'any', parameters: z.object({ a: z.unknown() }), run: () => 1 })
    const world = await World.open(open, [type])
    for (const [a, message] of [
      [new Set([1]), 'parameters.a: a Set'],
      [[Number.POSITIVE_INFINITY], 'parameters.a[0]: Infinity'],
    ] as const) {
      await expect(world.node.submit(type, { a })).rejects.toMatchObject({
        code: 'NOT_JSON',
        message: expect.stringContaining(message),
      })
    }
  })

  test('a checkpoint that does not match the state schema is refused when it is written', async () => {
    const refused: unknown[] = []
    const type = defineTask({
      type: 'strict',
      parameters: none,
      state: z.object({ next: z.number(), at: z.coerce.date() }),
      async run(_, task) {
        for (const state of [
          { next: 'old', at: new Date(0) },
          { next: 1 },
          { next: new Map(), at: new Date(0) },
        ]) {
          await task
            .checkpoint(state as never, { durable: refused.length > 0 })
            .catch((error: unknown) => refused.push(error))
        }
        await task.checkpoint({ next: 2, at: new Date(0) })
        throw new Error('again')
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(refused).toMatchObject([
      {
        code: 'CHECKPOINT_INVALID',
        message: expect.stringMatching(
          /^The checkpoint does not match the state schema of its type: next: .+/,
        ),
      },
      { code: 'CHECKPOINT_INVALID', message: expect.stringContaining(': at: ') },
      {
        code: 'NOT_JSON',
        message: 'checkpoint.next: a Map cannot be stored as JSON; use Object.fromEntries(map).',
      },
    ])
    expect((await task.details()).checkpoint).toBe('{"next":2,"at":"1970-01-01T00:00:00.000Z"}')
  })

  test('a checkpoint that is not JSON or too large fails the task, and is not stored', async () => {
    for (const [state, code] of [
      [{ n: 1n }, 'NOT_JSON'],
      ['x'.repeat(2_000_000), 'TOO_LARGE'],
    ] as const) {
      const type = defineTask({ type: 'odd', parameters: none, run: (_, task) => task.checkpoint(state) })
      const world = await World.open(open, [type])
      const task = await world.node.submit(type, {})
      await world.pass()
      expect(await task.details()).toMatchObject({
        task: { status: 'failed', error: { code } },
        checkpoint: null,
      })
    }
  })

  test('a stored checkpoint that no longer matches its type fails the task before the handler sees it', async () => {
    let ran = 0
    const type = defineTask({
      type: 'changed',
      parameters: none,
      state: z.object({ next: z.number() }),
      run: (_, task) => {
        ran++
        return works(task, 10)
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    await world.store.save(world.node.state.id, [{ id: task.id, fence: 1, checkpoint: '{"next":"old"}' }])
    await world.startNode()
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code: 'STORED_INVALID' } })
    expect(ran).toBe(1)
  })

  test('a failure while a pause is requested keeps the retry for the resume', async () => {
    const work = door()
    const type = defineTask({
      type: 'late',
      parameters: none,
      attempts: 2,
      run: async () => {
        await work.opened
        throw new Error('late')
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await world.control(task.id, 'pause')).toBe('pausing')
    work.open()
    await world.pass()
    expect(await world.moves(task)).toBe('submitted claimed pause_requested retry_scheduled')
    await world.pass(60_000)
    await world.control(task.id, 'resume')
    await world.pass()
    expect(await task.task()).toMatchObject({ status: 'failed', attempt: 2 })
  })

  test('a manual retry continues from the checkpoint, or starts over if requested', async () => {
    const began: unknown[] = []
    const type = defineTask({
      type: 'work',
      parameters: none,
      state: z.object({ at: z.number() }),
      async run(_, task) {
        began.push(task.state?.at ?? 'start')
        await task.checkpoint({ at: 5 }, { durable: true })
        throw new Error('again')
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await world.control(task.id, 'retry')).not.toBe('queued')
    await world.pass()
    await world.until(world.node.control(task.id, 'retry', { fromStart: true }))
    await world.pass()
    expect(began).toEqual(['start', 5, 'start'])
    expect(await task.task()).toMatchObject({ status: 'failed', attempt: 3, failures: 1 })
  })

  test('a result awaited across a retry is that of the retry', async () => {
    const type = defineTask({
      type: 'second-time-lucky',
      parameters: none,
      run(_, task) {
        if (task.attempt === 1) throw new Error('not yet')
        return 'there'
      },
    })
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    let retried = false
    const read: Store['read'] = async (id, options) => {
      if (!retried) await world.node.control(id, 'retry')
      retried = true
      return world.store.read(id, options)
    }
    await world.startNode({ maxConcurrent: 1, store: withVerbs(world.store, { read }) })
    const task = await world.node.submit(type, {})
    expect(await world.until(task.result(), 5_000)).toBe('there')
  })

  test('a task that is lost with its node more than three times without a checkpoint is poison', async () => {
    const type = defineTask({ type: 'killer', parameters: none, run: (_, task) => works(task, 1_000) })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    for (let crash = 0; crash < 3; crash++) {
      await world.startNode()
      expect(await world.status(task)).toBe('running')
    }
    await world.startNode()
    expect(await task.task()).toMatchObject({
      status: 'failed',
      error: { code: 'POISON' },
      endedBy: 'killed',
    })
  })

  test('an outcome is kept while the store is unavailable, and recorded when it is back', async () => {
    const type = defineTask({ type: 'quick', parameters: none, run: () => 42 })
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    let away = true
    const settle: Store['settle'] = (node, settlements) =>
      away
        ? Promise.reject(new StoreUnavailable('away', { unknown: false }))
        : world.store.settle(node, settlements)
    await world.startNode({ maxConcurrent: 1, store: withVerbs(world.store, { settle }) })
    const task = await world.node.submit(type, {})
    await world.pass(2_000)
    expect(await world.status(task)).toBe('running')
    away = false
    expect(await world.until(task.result(), 5_000)).toBe(42)
  })

  test('an outcome whose commit is in doubt is published all the same', async () => {
    const type = defineTask({ type: 'quick', parameters: none, run: () => 42 })
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    let inDoubt = true
    const settle: Store['settle'] = async (node, settlements) => {
      const answer = await world.store.settle(node, settlements)
      if (!inDoubt) return answer
      inDoubt = false
      throw new StoreUnavailable('in doubt', { unknown: true })
    }
    await world.startNode({ maxConcurrent: 1, store: withVerbs(world.store, { settle }) })
    const task = await world.node.submit(type, {})
    expect(await world.until(task.result(), 5_000)).toBe(42)
  })

  test('a claim whose commit is in doubt, and was recorded, does not leave its tasks running nowhere', async () => {
    const type = defineTask({
      type: 'quick',
      parameters: none,
      run: (_, task) => task.sleep(1).then(() => 42),
    })
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    let inDoubt = false
    const claim: Store['claim'] = async (request) => {
      const claimed = await world.store.claim(request)
      if (!inDoubt) return claimed
      inDoubt = false
      throw new StoreUnavailable('in doubt', { unknown: true })
    }
    await world.startNode({ maxConcurrent: 3, store: withVerbs(world.store, { claim }) })
    const before = await world.node.submit(type, {})
    await world.pass()
    inDoubt = true
    const after = await world.node.submit(type, {})
    await world.pass()
    expect(await world.status(after)).toBe('running')
    expect(await world.until(after.result(), 5_000)).toBe(42)
    expect(await world.moves(before)).toBe('submitted claimed completed')
    expect(await world.moves(after)).toBe('submitted claimed released claimed completed')
  })
})
