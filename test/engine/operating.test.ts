import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fromLibrary } from '../../src/core/caller.ts'
import { StoreUnavailable } from '../../src/core/errors.ts'
import type { Filter } from '../../src/core/filter.ts'
import { mostOperations } from '../../src/engine/bulk.ts'
import { defineTask } from '../../src/registry/define.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, World } from './world.ts'

const work = defineTask({ type: 'work', parameters: z.object({}), run: () => 'done' })
const other = defineTask({ type: 'other', parameters: z.object({}), run: () => 'done' })

const idle = { maxConcurrent: 0 }
const submit = async (world: World, count: number) => {
  const handles = await world.until(
    world.node.submitAll(
      work,
      Array.from({ length: count }, () => ({})),
    ),
  )
  return handles.map(({ id }) => id)
}

/** A store whose second batch of controls waits at a door. */
function haltingStore(world: World, work: ReturnType<typeof door>) {
  let batches = 0
  const control: typeof world.store.control = async (commands) => {
    if (++batches === 2) await work.opened
    return world.store.control(commands)
  }
  return withVerbs(world.store, { control, [Symbol.asyncDispose]: async () => {} })
}

/** Runs the operation to its end. */
async function ended(world: World, id: string) {
  for (let turn = 0; turn < 500; turn++) {
    await world.pass(10)
    const operation = await world.node.operation(id)
    if (operation.status !== 'running') return operation
  }
  return expect.unreachable('the operation should have ended by now')
}

describe.each(stores)('operations on $name', ({ open }) => {
  test('do not change tasks submitted after them', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 250)
    await world.pass(5)
    const begun = world.node.bulk('cancel', {})
    await world.pass(5)
    const [late] = await submit(world, 1)
    const { id } = await begun
    expect(await ended(world, id)).toMatchObject({ status: 'completed', changed: 250 })
    expect(await world.status({ id: late! })).toBe('queued')
  })

  test('count and change nothing in a dry run, however often', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 120)
    const operation = await world.until(world.node.bulk('cancel', {}, { dryRun: true, wait: 1_000 }), 2_000)
    expect(operation).toMatchObject({ status: 'completed', matched: 120, changed: 0 })
    expect((await world.store.counts()).byType).toEqual({ work: { queued: 120 } })
  })

  test('stop when cancelled, and keep their changes', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    const gate = door()
    await world.startNode({ ...idle, store: haltingStore(world, gate) })
    const { id } = await world.until(world.node.bulk('cancel', {}))
    await world.pass(100)
    const cancelling = world.node.cancelOperation(id, 2_000)
    gate.open()
    const stopped = await world.until(cancelling, 3_000)
    expect(stopped).toMatchObject({ status: 'cancelled', matched: 200, changed: 200 })
    expect((await world.store.counts()).byType).toEqual({ work: { queued: 300, cancelled: 200 } })
    expect(await world.until(world.node.cancelOperation(id))).toEqual(stopped)
  })

  test.each(['revoked', 'expired'])('end with the key that started them, once it is %s', async (how) => {
    const world = await World.open(open, [work], {
      ...idle,
      adminKey: 'the-key-of-the-administrator-of-this-server',
    })
    await submit(world, 500)
    const gate = door()
    await world.startNode({
      ...idle,
      store: haltingStore(world, gate),
      adminKey: 'the-key-of-the-administrator-of-this-server',
    })
    const { access } = world.node
    const expiresAt = how === 'expired' ? world.store.now() + 2_000 : null
    const draft = {
      name: 'ci',
      scopes: ['control'],
      types: ['work'],
      tags: null,
      expiresAt,
      rateLimit: null,
    } as const
    const { key, text } = await access.create(draft, fromLibrary)
    const session = await access.session(text)
    const { id } = await world.until(world.node.as(session.caller).bulk('cancel', {}))
    await world.pass(100)
    // With another secret, it is the same key.
    await access.rotate(key.id, 0, fromLibrary)
    if (how === 'revoked') await access.revoke(key.id, fromLibrary)
    else await world.pass(2_000)
    gate.open()
    expect(await ended(world, id)).toMatchObject({
      status: 'cancelled',
      changed: 200,
      by: 'ci',
      error: 'The key that started it was revoked or has expired.',
    })
    expect((await world.store.counts()).byType).toEqual({ work: { queued: 300, cancelled: 200 } })
    expect((await world.store.operation(id))?.error).toContain('revoked')
  })

  test('outlive a rotation of their key', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    const gate = door()
    await world.startNode({ ...idle, store: haltingStore(world, gate) })
    const { access } = world.node
    const draft = {
      name: 'ci',
      scopes: ['admin'],
      types: null,
      tags: null,
      expiresAt: null,
      rateLimit: null,
    } as const
    const { key, text } = await access.create(draft, fromLibrary)
    const session = await access.session(text)
    const { id } = await world.until(world.node.as(session.caller).bulk('cancel', {}))
    await world.pass(100)
    await access.rotate(key.id, 0, fromLibrary)
    gate.open()
    expect(await ended(world, id)).toMatchObject({ status: 'completed', changed: 500, error: null })
  })

  test('wait while the store is unavailable, and continue', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 150)
    let away = true
    const find: typeof world.store.find = async (query) => {
      if (away) throw new StoreUnavailable('away', { unknown: false })
      return world.store.find(query)
    }
    await world.startNode({
      ...idle,
      store: withVerbs(world.store, { find, [Symbol.asyncDispose]: async () => {} }),
    })
    const { id } = await world.until(world.node.bulk('cancel', {}))
    await world.pass(3_000)
    expect(await world.node.operation(id)).toMatchObject({ status: 'running', changed: 0 })
    away = false
    expect(await ended(world, id)).toMatchObject({ status: 'completed', changed: 150 })
  })

  test('are interrupted when their node stops', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    const gate = door()
    await world.startNode({ ...idle, store: haltingStore(world, gate) })
    const { id } = await world.until(world.node.bulk('pause', {}))
    await world.pass(100)
    const closing = world.node.close()
    gate.open()
    await world.until(closing, 30_000)
    await world.startNode(idle)
    expect(await world.until(world.node.operation(id))).toMatchObject({ status: 'interrupted', changed: 200 })
  })

  test('are found interrupted when their node has died', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    await world.startNode({ ...idle, store: haltingStore(world, door()) })
    const { id } = await world.until(world.node.bulk('cancel', {}))
    await world.pass(100)
    await world.startNode(idle)
    const seen = await world.until(world.node.operation(id))
    expect(seen).toMatchObject({ status: 'interrupted', changed: 100 })
    await expect(world.node.operation('nothing')).rejects.toMatchObject({ code: 'OPERATION_UNKNOWN' })
  })

  test('are limited in number', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    const begun = Array.from({ length: mostOperations }, () =>
      world.node.bulk('cancel', {}, { dryRun: true }),
    )
    await expect(world.node.bulk('cancel', {})).rejects.toMatchObject({ code: 'TOO_MANY_OPERATIONS' })
    await world.until(Promise.all(begun), 1_000)
    await world.pass(1_000)
    expect(await world.until(world.node.bulk('cancel', {}, { wait: 5_000 }), 6_000)).toMatchObject({
      changed: 500,
    })
  })

  test('that purge delete finished tasks in the statuses of the filter, and no others', async () => {
    const world = await World.open(open, [work])
    const done = await submit(world, 120)
    await world.pass(5_000)
    await world.startNode(idle)
    const [gone, waiting] = [await submit(world, 130), await submit(world, 3)]
    for (const id of gone) await world.until(world.node.control(id, 'cancel'))
    const purge = (filter: Filter, dryRun = false) =>
      world.until(world.node.bulk('purge', filter, { dryRun, wait: 5_000 }), 6_000)

    expect(await purge({ statuses: ['queued', 'cancelled'] }, true)).toMatchObject({
      filter: { statuses: ['cancelled'] },
      matched: 130,
      changed: 0,
    })
    expect(await purge({ statuses: ['queued', 'running'] })).toMatchObject({ matched: 0, changed: 0 })
    expect((await world.store.counts()).byType).toEqual({
      work: { completed: 120, cancelled: 130, queued: 3 },
    })

    expect(await purge({ statuses: ['queued', 'cancelled'] })).toMatchObject({
      status: 'completed',
      matched: 130,
      changed: 130,
    })
    expect((await world.store.counts()).byType).toEqual({ work: { completed: 120, queued: 3 } })
    const all = await purge({})
    expect(all).toMatchObject({ matched: 120, changed: 120, unchanged: 0, refused: 0 })
    expect(all.filter.statuses).toEqual(['completed', 'failed', 'cancelled'])
    for (const id of [...done, ...gone]) expect(await world.status({ id })).toBeUndefined()
    for (const id of waiting) expect(await world.status({ id })).toBe('queued')
  })

  test('that purge keep a task that was retried before its turn, and count one that is gone', async () => {
    const world = await World.open(open, [work], idle)
    const [retried, again, gone, left] = await submit(world, 4)
    for (const id of [retried!, again!, gone!, left!]) await world.until(world.node.control(id, 'cancel'))
    const gate = door()
    const purge: typeof world.store.purge = async (...request) => {
      await gate.opened
      return world.store.purge(...request)
    }
    const store = withVerbs(world.store, { purge, [Symbol.asyncDispose]: async () => {} })
    await world.startNode({ maxConcurrent: 1, store })
    const { id } = await world.until(world.node.bulk('purge', { statuses: ['cancelled'] }))
    await world.pass(100)
    await world.until(world.node.control(again!, 'retry'))
    await world.pass(1_000)
    await world.until(world.node.hold('work'))
    await world.until(world.node.control(retried!, 'retry'))
    await world.store.purge([gone!])
    gate.open()
    expect(await ended(world, id)).toMatchObject({
      status: 'completed',
      matched: 4,
      changed: 1,
      unchanged: 1,
      refused: 2,
    })
    expect(await world.status({ id: retried! })).toBe('queued')
    // It has ended again, but no longer matches the filter.
    expect(await world.status({ id: again! })).toBe('completed')
    expect(await world.status({ id: left! })).toBeUndefined()
  })

  test('that purge wait while the store is unavailable, stop when cancelled, and are interrupted by a crash', async () => {
    const world = await World.open(open, [work], idle)
    await submit(world, 500)
    await world.until(world.node.bulk('cancel', {}, { wait: 5_000 }), 6_000)
    let batches = 0
    let away = false
    let gate = door()
    const purge: typeof world.store.purge = async (...request) => {
      if (away) throw new StoreUnavailable('away', { unknown: false })
      if (++batches % 2 === 0) await gate.opened
      return world.store.purge(...request)
    }
    const store = withVerbs(world.store, { purge, [Symbol.asyncDispose]: async () => {} })
    const left = async () => (await world.store.counts()).byType['work']?.cancelled
    await world.startNode({ ...idle, store })

    const first = await world.until(world.node.bulk('purge', {}))
    await world.pass(100)
    const cancelling = world.node.cancelOperation(first.id, 2_000)
    gate.open()
    const stopped = await world.until(cancelling, 3_000)
    expect(stopped).toMatchObject({ action: 'purge', status: 'cancelled', matched: 200, changed: 200 })
    expect(await left()).toBe(300)

    away = true
    gate = door()
    const second = await world.until(world.node.bulk('purge', {}))
    await world.pass(3_000)
    expect(await world.node.operation(second.id)).toMatchObject({ status: 'running', changed: 0 })
    away = false
    await world.pass(5_000)
    expect(await left()).toBe(200)
    await world.startNode(idle)
    const seen = await world.until(world.node.operation(second.id))
    expect(seen).toMatchObject({ action: 'purge', status: 'interrupted', changed: 100 })
    const rest = await world.until(world.node.bulk('purge', {}, { wait: 5_000 }), 6_000)
    expect(rest).toMatchObject({ status: 'completed', changed: 200 })
    expect(await left()).toBeUndefined()
  })

  test('that resume fill the free slots', async () => {
    const world = await World.open(open, [work])
    await world.until(world.node.hold('work'))
    const ids = await submit(world, 5)
    await world.until(world.node.bulk('pause', { types: ['work'] }, { wait: 1_000 }), 2_000)
    await world.until(world.node.hold('work', false))
    expect(await world.status({ id: ids[0]! })).toBe('paused')
    await world.until(world.node.bulk('resume', {}, { wait: 1_000 }), 2_000)
    await world.pass(2_000)
    for (const id of ids) expect(await world.status({ id })).toBe('completed')
  })
})

describe.each(stores)('a hold on $name', ({ open }) => {
  test('survives restarts, and holds only its type', async () => {
    const world = await World.open(open, [work, other])
    await world.until(world.node.hold('work'))
    const [held] = await submit(world, 1)
    await world.startNode()
    const free = await world.until(world.node.submit(other, {}))
    await world.pass(2_000)
    expect([await world.status({ id: held! }), await world.status(free)]).toEqual(['queued', 'completed'])
    expect(await world.node.explain(held!)).toMatchObject({
      reasons: [{ code: 'type_held' }],
      startsIn: null,
    })
    await world.until(world.node.hold('work', false))
    await world.pass()
    expect(await world.status({ id: held! })).toBe('completed')
    await expect(world.node.hold('nothing')).rejects.toMatchObject({ code: 'TYPE_UNKNOWN' })
  })
})

describe.each(stores)('the history on $name', ({ open }) => {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

  test('of a day and of a type continues after a restart, and loses ten seconds when its node is killed', async () => {
    const world = await World.open(open, [work])
    const counted = async () => {
      const [day, type] = [await world.node.history('day'), await world.node.history('hour', 'work')]
      expect(day.happened.completed).toHaveLength(288)
      expect(type.durations?.run.count).toBe(sum(type.happened.completed))
      return [sum(day.happened.completed), sum(type.happened.completed), day.marks.length]
    }
    await submit(world, 3)
    await world.pass(1_000)
    // What is not stored yet counts on its own node.
    expect(await counted()).toEqual([3, 3, 1])
    await world.node.close()
    await world.startNode()
    expect(await counted()).toEqual([3, 3, 2])
    await submit(world, 2)
    await world.pass(10_000)
    await submit(world, 7)
    await world.pass(1_000)
    expect(await counted()).toEqual([12, 12, 2])
    await world.startNode()
    expect(await counted()).toEqual([5, 5, 3])
  })

  test('has no number for a step in which the store did not respond, and continues after it', async () => {
    let down = false
    const world = await World.open(open, [work], idle)
    const counts = async () => {
      if (down) throw new StoreUnavailable('the store is down', { unknown: false })
      return world.store.counts()
    }
    await world.node.close()
    const node = await world.startNode({
      store: withVerbs(world.store, { counts, [Symbol.asyncDispose]: async () => {} }),
    })
    await submit(world, 3)
    await world.pass(10_000)
    down = true
    await world.pass(20_500)
    down = false
    await world.pass(1_000)
    expect(await node.history('hour')).toMatchObject({
      tasks: { queued: [0, 3, null, 3] },
      happened: { submitted: [3, 0, 0, 0] },
    })
    expect(world.warnings).toEqual([])
  })
})
