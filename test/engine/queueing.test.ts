import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTask } from '../../src/registry/define.ts'
import { stores, World } from './world.ts'

const noted = (order: string[]) =>
  defineTask({
    type: 'noted',
    parameters: z.object({ name: z.string() }),
    async run({ name }, task) {
      order.push(name)
      await task.sleep(1)
    },
  })

describe.each(stores)('queueing on $name', ({ open }) => {
  test('higher priorities start first, and equal ones in submission order', async () => {
    const order: string[] = []
    const type = noted(order)
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    for (const [name, priority] of [
      ['c', 0],
      ['a', 5],
      ['d', 0],
      ['e', -1],
      ['b', 5],
    ] as const) {
      const submitted = world.node.submit(type, { name }, { priority })
      await world.pass()
      await submitted
    }
    await world.startNode({ maxConcurrent: 1 })
    await world.pass(5_000)
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('at most `concurrency` of a type run at once, and other types overtake them', async () => {
    let running = 0
    let most = 0
    const limited = defineTask({
      type: 'limited',
      parameters: z.object({}),
      concurrency: 2,
      async run(_, task) {
        most = Math.max(most, ++running)
        await task.sleep(1)
        running--
      },
    })
    const order: string[] = []
    const other = noted(order)
    const world = await World.open(open, [limited, other], { maxConcurrent: 4 })
    const tasks = await world.until(
      world.node.submitAll(
        limited,
        Array.from({ length: 6 }, () => ({})),
      ),
    )
    await world.until(world.node.submit(other, { name: 'other' }))
    await world.pass()
    expect(order).toEqual(['other'])
    await world.pass(3_100)
    expect(most).toBe(2)
    for (const task of tasks) expect(await world.status(task)).toBe('completed')
  })

  test('a delayed task is scheduled and starts at its time, not before', async () => {
    const order: string[] = []
    const type = noted(order)
    const world = await World.open(open, [type])
    const soon = await world.until(world.node.submit(type, { name: 'soon' }, { delay: '1500ms' }))
    const dated = world.node.submit(type, { name: 'dated' }, { runAt: new Date(world.clock.now() + 400) })
    await world.until(dated)
    expect(await world.status(soon)).toBe('scheduled')
    await world.pass(399)
    expect(order).toEqual([])
    await world.pass(1)
    expect(order).toEqual(['dated'])
    await world.pass(1_100)
    expect(order).toEqual(['dated', 'soon'])
  })

  test('a submit with the same key returns the same task, and is refused if it differs', async () => {
    const type = noted([])
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    const submit = (name: string) =>
      world.until(world.node.enqueue('noted', { name }, { idempotencyKey: 'k', priority: 1 }))
    const first = await submit('a')
    expect(await submit('a')).toMatchObject({ replayed: true, task: { id: first.task.id } })
    await expect(submit('b')).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', id: first.task.id })
    expect((await world.node.counts()).byType).toEqual({ noted: { queued: 1 } })
  })

  test('a type computes unique keys from its parameters, and a submit may have another one', async () => {
    const synced: string[] = []
    const sync = defineTask({
      type: 'sync',
      parameters: z.object({ customer: z.string().default('everyone'), n: z.number() }),
      unique: { key: ({ customer }) => (customer === 'nobody' ? null : customer), while: 'queued' },
      async run({ customer, n }, task) {
        synced.push(`${customer} ${n}`)
        await task.sleep(1)
      },
    })
    const world = await World.open(open, [sync], { maxConcurrent: 1 })
    const submit = (parameters: object, options = {}) =>
      world.until(world.node.enqueue('sync', parameters, options))
    await submit({ customer: 'a', n: 1 })
    await world.pass()
    const { task } = await submit({ customer: 'a', n: 2 })
    expect(await submit({ customer: 'a', n: 3 })).toMatchObject({ existing: true, task: { id: task.id } })
    await submit({ n: 4 })
    expect(await submit({ customer: 'everyone', n: 5 })).toMatchObject({ existing: true })
    await submit({ customer: 'nobody', n: 6 })
    await submit({ customer: 'nobody', n: 7 })
    const unique = { key: 'a', onConflict: 'reject' } as const
    await expect(submit({ customer: 'b', n: 8 }, { unique })).rejects.toMatchObject({
      code: 'UNIQUE_CONFLICT',
      id: task.id,
    })
    await submit({ customer: 'a', n: 9 }, { unique: { key: 'a', onConflict: 'replace' } })
    await world.pass(10_000)
    expect(synced).toEqual(['a 1', 'everyone 4', 'nobody 6', 'nobody 7', 'a 9'])
    expect(await world.status(task)).toBe('cancelled')
    await world.until(world.node.control(task.id, 'retry'))
  })

  test('unique keys of types with sensitive parameters are hashes, and a key that fails names the remedy', async () => {
    const login = (key: (parameters: { user: string }) => string) =>
      defineTask({
        type: 'login',
        parameters: z.object({ user: z.string() }),
        sensitive: ['/user'],
        unique: { key: ({ user }) => key({ user }) },
        run: () => null,
      })
    const world = await World.open(open, [login(({ user }) => user)], { maxConcurrent: 0 })
    const submit = () => world.until(world.node.enqueue('login', { user: 'somebody' }))
    const { task } = await submit()
    expect(task.unique?.key).toMatch(/^[\w-]{43}$/)
    expect(await submit()).toMatchObject({ existing: true })
    const failing = login(({ user }) => {
      throw new Error(`no ${user}`)
    })
    const other = await World.open(open, [failing], { maxConcurrent: 0 })
    await expect(other.node.enqueue('login', { user: 'somebody' })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      issues: [{ path: 'unique', message: expect.not.stringContaining('somebody') }],
    })
    const empty = await World.open(open, [login(() => '')], { maxConcurrent: 0 })
    await expect(empty.node.enqueue('login', { user: 'x' })).rejects.toMatchObject({
      issues: [{ path: 'unique' }],
    })
  })

  test('a full queue refuses submits and loses nothing', async () => {
    const type = noted([])
    const world = await World.open(open, [type], { maxConcurrent: 0, maxQueued: 2 })
    const list = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
    await expect(world.until(world.node.submitAll(type, list))).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    await world.until(world.node.submitAll(type, list.slice(0, 2)))
    await expect(world.until(world.node.submit(type, { name: 'c' }))).rejects.toMatchObject({ limit: 2 })
  })

  test('tasks that finished long ago are deleted, and unfinished ones are kept', async () => {
    const type = noted([])
    const world = await World.open(open, [type])
    const done = await world.node.submit(type, { name: 'done' })
    const paused = await world.node.submit(type, { name: 'paused' })
    await world.pass()
    await world.control(paused.id, 'pause')
    await world.pass(50_000)
    expect(await world.status(done)).toBe('completed')
    await world.pass(20_000)
    expect(await world.status(done)).toBeUndefined()
    await expect(done.details()).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
    expect(await world.status(paused)).toBe('paused')
  })

  test.each([
    [{ priority: 1_001 }, 'priority'],
    [{ priority: 0.5 }, 'priority'],
    [{ delay: 'soon' }, 'delay'],
    [{ delay: 1, runAt: 5 }, 'runAt'],
    [{ runAt: Number.NaN }, 'runAt'],
    [{ timeout: 0 }, 'timeout'],
    [{ maxAttempts: 0 }, 'maxAttempts'],
    [{ backoff: { factor: 0 } }, 'backoff'],
    [{ tags: [''] }, 'tags'],
    [{ idempotencyKey: '' }, 'idempotencyKey'],
    [{ unique: { key: '' } }, 'unique.key'],
    [{ unique: { key: 'k', while: 'always' } as never }, 'unique.while'],
    [{ unique: { key: 'k', for: 0 } }, 'unique.for'],
    [{ unique: { key: 'k', onConflict: 'no' } as never }, 'unique.onConflict'],
  ])('the option %o is refused by its name', async (options, path) => {
    const world = await World.open(open, [noted([])])
    const refused = world.node.enqueue('noted', { name: 'a' }, options)
    await expect(refused).rejects.toMatchObject({ code: 'OPTIONS_INVALID', issues: [{ path }] })
  })

  test('invalid parameters are reported by name, and unknown ones are ignored', async () => {
    const world = await World.open(open, [noted([])])
    await expect(world.node.enqueue('noted', { name: 5 })).rejects.toMatchObject({
      code: 'PARAMETERS_INVALID',
      issues: [{ path: 'name' }],
    })
    await expect(world.node.enqueue('nothing', {})).rejects.toMatchObject({ code: 'TYPE_UNKNOWN' })
    expect((await world.until(world.node.enqueue('noted', { name: 'a', other: 1 }))).task.status).toBe(
      'queued',
    )
  })
})

describe.each(stores)('events on $name', ({ open }) => {
  test('a listener receives every transition once, whenever it starts to listen, and then ends', async () => {
    const type = noted([])
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, { name: 'a' })
    const listen = async (after: number) => {
      const heard: number[] = []
      for await (const event of task.events({ after })) {
        if (event.kind === 'transition') heard.push(event.entry.version)
      }
      return heard
    }
    const early = listen(0)
    await world.pass(500)
    await world.control(task.id, 'pause')
    const late = listen(2)
    await world.control(task.id, 'resume')
    await world.pass(1_000)
    expect(await world.until(early)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await world.until(late)).toEqual([3, 4, 5, 6, 7])
    expect(await world.until(listen(0))).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(await world.until(listen(7))).toEqual([])
  })

  test('progress and log lines arrive in between, and a slow listener gets the latest progress', async () => {
    const type = defineTask({
      type: 'chatty',
      parameters: z.object({}),
      async run(_, task) {
        await task.sleep(1)
        for (let n = 1; n <= 100; n++) task.progress(n, 100)
        task.log('half', { way: true })
        await task.sleep(1)
      },
    })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    const seen: unknown[] = []
    const listening = (async () => {
      for await (const event of task.events()) {
        if (event.kind === 'progress') seen.push(event.progress.current)
        if (event.kind === 'log') seen.push(event.message)
      }
    })()
    await world.until(listening, 2_000)
    expect(seen.at(-1)).toBe('half {"way":true}')
    expect(seen.filter((one) => typeof one === 'number')).toContain(100)
  })

  test('a listener that goes away leaves nothing behind', async () => {
    const type = noted([])
    const world = await World.open(open, [type], { maxConcurrent: 0 })
    const task = await world.node.submit(type, { name: 'a' })
    const leave = new AbortController()
    const listening = (async () => {
      for await (const event of task.events({ signal: leave.signal })) expect(event.kind).toBe('transition')
    })()
    await world.pass()
    leave.abort()
    await world.until(listening)
    await expect(
      (async () => {
        for await (const _ of world.node.events('none')) void _
      })(),
    ).rejects.toMatchObject({ code: 'TASK_UNKNOWN' })
  })
})
