import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { Forbidden, LimitUnknown, OptionsInvalid } from '../../src/core/errors.ts'
import { library } from '../../src/core/caller.ts'
import { defineTask } from '../../src/registry/define.ts'
import { Registry } from '../../src/registry/registry.ts'
import { stores, World } from './world.ts'

const parameters = z.object({ customer: z.string(), name: z.string().optional() })

/** A type whose runs take a second each, and what has started. */
function mail(started: string[], most = { running: 0, ever: 0 }) {
  return defineTask({
    type: 'mail',
    parameters,
    limits: [{ name: 'mail-api', key: ({ customer }) => customer, concurrency: 1 }],
    async run({ customer, name = '' }, task) {
      started.push(`${customer}${name}`)
      most.ever = Math.max(most.ever, ++most.running)
      await task.sleep(1)
      most.running -= 1
    },
  })
}

describe.each(stores)('limits on $name', ({ open }) => {
  test('declared by a type hold for each key, and free their slots', async () => {
    const started: string[] = []
    const type = mail(started)
    const world = await World.open(open, [type], { maxConcurrent: 10 })
    const of = (customer: string, name: string) => ({ customer, name })
    await world.until(
      world.node.submitAll(type, [of('a', '1'), of('a', '2'), of('b', '1'), of('a', '3'), of('b', '2')]),
    )
    await world.pass(10)
    expect(started).toEqual(['a1', 'b1'])
    await world.pass(1_000)
    expect(started).toEqual(['a1', 'b1', 'a2', 'b2'])
    await world.pass(2_000)
    expect(started).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
    expect(await world.node.limits.get('mail-api')).toMatchObject({
      limit: { concurrency: 1, origin: 'mail' },
      running: 0,
    })
  })

  test('refuse submits beyond their maximum of waiting tasks, and those of a type', async () => {
    const bounded = defineTask({
      type: 'bounded',
      parameters,
      maxQueued: 4,
      limits: [{ name: 'per-customer', key: ({ customer }) => customer, maxQueued: 2 }],
      run() {},
    })
    const world = await World.open(open, [bounded], { maxConcurrent: 0 })
    const submit = (...customers: string[]) =>
      world.until(
        world.node.submitAll(
          bounded,
          customers.map((customer) => ({ customer })),
        ),
      )
    await submit('a', 'a')
    await expect(submit('b', 'a')).rejects.toMatchObject({
      code: 'TOO_MANY_QUEUED',
      type: 'bounded',
      limit: { name: 'per-customer', key: 'a' },
      max: 2,
      message: expect.stringContaining('task 1 of the batch'),
    })
    await submit('b', 'b')
    await expect(submit('c')).rejects.toMatchObject({ code: 'TOO_MANY_QUEUED', limit: null, max: 4 })
    expect((await world.node.metrics()).types.get('bounded')).toMatchObject({ submitted: 4, refused: 2 })
    await world.startNode({ maxConcurrent: 2 })
    await world.pass(100)
    await submit('a', 'b')
    const wrong = { type: 'wrong', parameters, run() {} }
    expect(() => defineTask({ ...wrong, maxQueued: 0 })).toThrow('maxQueued')
    expect(() => defineTask({ ...wrong, limits: [{ name: 'x', maxQueued: 10_001 }] })).toThrow('maxQueued')
  })

  test('given on a submit must exist, and replace the key of the type', async () => {
    const started: string[] = []
    const type = mail(started)
    const world = await World.open(open, [type], { maxConcurrent: 10 })
    const refused = world.node.enqueue('mail', { customer: 'a' }, { limits: { none: 'x' } })
    await expect(world.until(refused)).rejects.toThrow(OptionsInvalid)
    await world.until(
      Promise.all([
        world.node.submit(type, { customer: 'a' }, { limits: { 'mail-api': 'x' } }),
        world.node.submit(type, { customer: 'b' }, { limits: { 'mail-api': 'x' } }),
        world.node.submit(type, { customer: 'c' }),
      ]),
    )
    await world.pass(10)
    expect(started.toSorted()).toEqual(['a', 'c'])
  })

  test('set by hand hold at once, replace what a type declares, and give way to it again', async () => {
    const most = { running: 0, ever: 0 }
    const type = mail([], most)
    const world = await World.open(open, [type], { maxConcurrent: 10 })
    const { limits } = world.node
    expect(await world.until(limits.set('mail-api', { concurrency: 3 }))).toMatchObject({
      isNew: false,
      use: { limit: { concurrency: 3, origin: 'api' } },
    })
    await world.until(
      world.node.submitAll(
        type,
        Array.from({ length: 6 }, () => ({ customer: 'a' })),
      ),
    )
    await world.pass(10)
    expect(most.running).toBe(3)
    await world.until(limits.remove('mail-api'))
    expect(await limits.get('mail-api')).toMatchObject({ limit: { concurrency: 1, origin: 'mail' } })
    await world.pass(1_500)
    expect(most.running).toBe(1)
    await expect(world.until(limits.remove('none'))).rejects.toThrow(LimitUnknown)
    await expect(world.until(limits.set('x', {}))).rejects.toThrow(OptionsInvalid)
    await expect(world.until(limits.set('a b', { concurrency: 1 }))).rejects.toThrow(OptionsInvalid)
  })

  test('that a type only names are missed at the start, as long as nobody defines them', async () => {
    const type = defineTask({ type: 'mail', parameters, limits: [{ name: 'smtp' }], async run() {} })
    const world = await World.open(open, [type])
    const missed = () =>
      world.warnings.filter((line) => line.includes('a limit that nobody has defined')).length
    expect(missed()).toBe(1)
    await world.until(world.node.limits.set('smtp', { concurrency: 1 }))
    await world.startNode()
    expect(missed()).toBe(1)
  })

  test('of a rate start the next task in time, without another cause', async () => {
    const started: string[] = []
    const type = defineTask({
      type: 'call',
      parameters,
      limits: [{ name: 'calls', rate: { limit: 2, per: '1s' } }],
      run: ({ customer }) => void started.push(customer),
    })
    const world = await World.open(open, [type], { maxConcurrent: 10 })
    await world.until(
      world.node.submitAll(
        type,
        ['1', '2', '3', '4'].map((customer) => ({ customer })),
      ),
    )
    await world.pass(10)
    expect(started).toEqual(['1', '2'])
    await world.pass(480)
    expect(started).toEqual(['1', '2'])
    await world.pass(20)
    expect(started).toEqual(['1', '2', '3'])
    await world.pass(500)
    expect(started).toEqual(['1', '2', '3', '4'])
  })

  test('are explained: the limit, who holds it, and how many are ahead', async () => {
    const type = mail([])
    const world = await World.open(open, [type], { maxConcurrent: 10 })
    const handles = await world.until(
      world.node.submitAll(
        type,
        Array.from({ length: 3 }, () => ({ customer: 'a' })),
      ),
    )
    await world.pass(10)
    const { reasons, limits } = await world.until(world.node.explain(handles[2]!.id))
    expect(reasons[0]).toEqual({
      code: 'limit_full',
      message: 'Limit mail-api for "a" is full: 1 of 1 slots in use.',
    })
    expect(limits).toMatchObject([{ holders: [handles[0]!.id], ahead: 1 }])
    const some = world.node.as({ ...library, types: ['mail'] })
    expect(await world.until(some.explain(handles[2]!.id))).toMatchObject({ limits: [] })
    await expect(some.limits.list()).rejects.toThrow(Forbidden)
  })

  test('let the tenants of a type take turns by its fairness key', async () => {
    const started: string[] = []
    const type = defineTask({
      type: 'render',
      parameters,
      fairness: { key: ({ customer }) => customer },
      async run({ customer }, task) {
        started.push(customer)
        await task.sleep(1)
      },
    })
    const world = await World.open(open, [type], { maxConcurrent: 1 })
    await world.until(
      world.node.submitAll(
        type,
        Array.from({ length: 50 }, () => ({ customer: 'large' })),
      ),
    )
    await world.pass(3_500)
    await world.until(world.node.submit(type, { customer: 'small' }))
    await world.pass(2_000)
    expect(started.slice(-2)).toContain('small')
  })
})

describe('a definition is refused', () => {
  const define = (more: object) => () => defineTask({ type: 'x', parameters, run: () => 1, ...more })
  const valid = { name: 'a', concurrency: 1 }

  test.each([
    [
      'limits has more than 8',
      { limits: Array.from({ length: 9 }, (_, n) => ({ ...valid, name: `n${n}` })) },
    ],
    ['limits has a twice', { limits: [valid, valid] }],
    ['concurrency must be a whole number', { limits: [{ name: 'a', concurrency: 0 }] }],
    ['rate.per must be a positive duration', { limits: [{ name: 'a', rate: { limit: 1, per: 'soon' } }] }],
    ['the name of a limit', { limits: [{ name: 'a/b', concurrency: 1 }] }],
    ['must be a function of the parameters', { limits: [{ ...valid, key: 'customer' }] }],
    ['the scope of limit a', { limits: [{ ...valid, scope: 'cluster' }] }],
    ['fairness.key and fairness.weight must be functions', { fairness: { key: 'customer' } }],
    ['aging must be a duration', { aging: 0.5 }],
  ])('%s', (message, more) => {
    expect(define(more)).toThrow(message)
  })

  test('if two types define one limit differently', () => {
    const one = defineTask({ type: 'one', parameters, run: () => 1, limits: [valid] })
    const two = defineTask({ type: 'two', parameters, run: () => 1, limits: [{ ...valid, concurrency: 2 }] })
    const same = defineTask({ type: 'same', parameters, run: () => 1, limits: [valid] })
    expect(() => new Registry([one, two])).toThrow('defined differently by the types one and two')
    expect(new Registry([one, same]).limits).toHaveLength(1)
  })
})
