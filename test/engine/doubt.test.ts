import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StoreUnavailable } from '../../src/core/errors.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { defineTask } from '../../src/registry/define.ts'
import { HandlerRun } from '../../src/execution/executors/task-context.ts'
import type { Ended, Executor } from '../../src/execution/executors/executor.ts'
import type { Store } from '../../src/store/store.ts'
import { withVerbs, type LabOptions } from '../../src/testing/lab.ts'
import { fromApi, submission } from '../support/tasks.ts'
import { door, type OpenStore, parking, stores, works, World } from './world.ts'

const none = z.object({})

/** Sleeps, and can be paused while it does. */
const sleeper = defineTask({
  type: 'sleeper',
  parameters: none,
  async run(_, task) {
    await task.checkpoint({})
    await works(task, 10)
    return task.fence
  },
})

/** The first settlement of this kind is recorded, but reported as in doubt. */
async function inDoubt(open: OpenStore, kind: Outcome['kind'], types = [sleeper], executor?: Executor) {
  const world = await World.open(open, types, { maxConcurrent: 0 })
  let doubted = false
  const settle: Store['settle'] = async (node, settlements) => {
    const answer = await world.store.settle(node, settlements)
    if (doubted || settlements[0]?.outcome.kind !== kind) return answer
    doubted = true
    throw new StoreUnavailable('in doubt', { unknown: true })
  }
  const store = withVerbs(world.store, { settle, [Symbol.asyncDispose]: async () => {} })
  await world.startNode({ maxConcurrent: 1, store, ...(executor === undefined ? {} : { executor }) })
  return world
}

describe.each(stores)('a commit in doubt on $name', ({ open }) => {
  test('that paused a task leaves its handler parked, and a resume continues in it', async () => {
    const world = await inDoubt(open, 'paused')
    const task = await world.node.submit(sleeper, {})
    await world.pass(4_000)
    expect(await world.control(task.id, 'pause')).toBe('paused')
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 1 })
    expect(await world.control(task.id, 'resume')).toBe('running')
    expect(await world.until(task.result(), 6_000)).toBe(2)
    expect(await world.moves(task)).toBe('submitted claimed pause_requested paused resumed claimed completed')
  })

  test('that paused a task does not keep a cancel waiting forever', async () => {
    const world = await inDoubt(open, 'paused')
    const task = await world.node.submit(sleeper, {})
    await world.pass()
    expect(await world.control(task.id, 'pause')).toBe('paused')
    expect(await world.control(task.id, 'cancel')).toBe('cancelled')
  })

  test.each(['cancel', 'drain'] as const)(
    'that paused a task counts its active time once if a %s comes before the pause is repeated',
    async (then) => {
      const world = await inDoubt(open, 'paused')
      const task = await world.node.submit(sleeper, {})
      await world.pass(4_000)
      await world.node.control(task.id, 'pause')
      await world.pass()
      expect(await world.status(task)).toBe('paused')
      if (then === 'cancel') await world.node.control(task.id, 'cancel')
      else await world.until(world.node.close(), 10_000)
      await world.pass(10_000)
      expect(await task.task()).toMatchObject({
        status: then === 'cancel' ? 'cancelled' : 'paused',
        activeMs: 4_000,
      })
    },
  )

  test('that completed a paused task counts its active time once', async () => {
    const stubborn = defineTask({
      type: 'stubborn',
      parameters: none,
      run: (_, task) =>
        works(task, 10).then(
          () => 1,
          () => 2,
        ),
    })
    const world = await inDoubt(open, 'paused', [stubborn])
    const task = await world.node.submit(stubborn, {})
    await world.pass(4_000)
    await world.node.control(task.id, 'pause')
    await world.pass()
    await world.until(world.node.close(), 10_000)
    expect(await task.task()).toMatchObject({ status: 'completed', activeMs: 4_000 })
  })

  test('that completed a task whose handler was suspended leaves nothing of it in memory', async () => {
    const gate = door()
    const racer = defineTask({
      type: 'racer',
      parameters: none,
      async run(_, task) {
        await Promise.race([gate.opened, task.sleep('10m')])
        return 1
      },
    })
    const world = await inDoubt(open, 'completed', [racer])
    const task = await world.node.submit(racer, {})
    await world.pass(1_000)
    expect(await world.status(task)).toBe('waiting')
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 1 })
    gate.open()
    await world.pass(1_000)
    expect(await world.status(task)).toBe('completed')
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
  })

  test('that raised the fence before a kill is followed by the kill and its record', async () => {
    const deaf = defineTask({ type: 'deaf', parameters: none, run: () => new Promise<number>(() => {}) })
    const world = await inDoubt(open, 'fenced', [deaf], killable)
    const task = await world.node.submit(deaf, {})
    await world.pass()
    await world.control(task.id, 'cancel')
    await world.pass(10_000)
    expect(await task.task()).toMatchObject({ status: 'cancelled', endedBy: 'terminated' })
    expect(world.node.state.slotsInUse).toBe(0)
  })
})

test.each(stores)(
  'code on $name that returns before it is recorded as fenced off leaves no slot behind',
  async ({ open }) => {
    const work = door()
    const deaf = defineTask({ type: 'deaf', parameters: none, concurrency: 1, run: () => work.opened })
    const world = await World.open(open, [deaf], { maxConcurrent: 0 })
    let lost = false
    const settle: Store['settle'] = async (node, settlements) => {
      if (lost || settlements[0]?.fencedOff !== true) return world.store.settle(node, settlements)
      lost = true
      throw new StoreUnavailable('in doubt', { unknown: true })
    }
    await world.startNode({ maxConcurrent: 2, store: withVerbs(world.store, { settle }) })
    const first = await world.node.submit(deaf, {})
    await world.pass()
    await world.node.control(first.id, 'cancel')
    await world.pass(5_000)
    expect(lost).toBe(true)
    work.open()
    await world.pass(5_000)
    expect(await world.status(first)).toBe('cancelled')
    const second = await world.node.submit(deaf, {})
    await world.pass(5_000)
    expect(await world.status(second)).toBe('completed')
  },
)

/** A node whose claims and controls fail once after `lose`, although they were recorded. */
async function losing(open: OpenStore, types = [sleeper], own: LabOptions = {}) {
  const world = await World.open(open, types, { maxConcurrent: 0 })
  let lost: 'claim' | 'control' | undefined
  const failing =
    <A extends unknown[], R>(verb: 'claim' | 'control', call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const answer = await call(...args)
      if (lost !== verb || (Array.isArray(answer) && answer.length === 0)) return answer
      lost = undefined
      throw new StoreUnavailable('in doubt', { unknown: true })
    }
  const store = withVerbs(world.store, {
    claim: failing('claim', (request) => world.store.claim(request)),
    control: failing('control', (commands) => world.store.control(commands)),
    [Symbol.asyncDispose]: async () => {},
  })
  await world.startNode({ maxConcurrent: 1, store, ...own })
  return {
    world,
    lose: (verb: 'claim' | 'control') => {
      lost = verb
    },
  }
}

describe.each(stores)('a claim in doubt on $name', ({ open }) => {
  /** A task that is parked here, resumed, and claimed again by a claim whose response was lost. */
  async function claimedUnnoticed() {
    const { world, lose } = await losing(open)
    const task = await world.node.submit(sleeper, {})
    await world.pass(4_000)
    expect(await world.control(task.id, 'pause')).toBe('paused')
    lose('claim')
    await world.node.control(task.id, 'resume')
    await world.pass()
    expect(await world.status(task)).toBe('running')
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 1 })
    return { world, task }
  }

  test('of a task with a parked copy here does not leave it running nowhere', async () => {
    const { world, task } = await claimedUnnoticed()
    expect(await world.until(task.result(), 30_000)).toBe(3)
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
  })

  test.each(['cancel', 'pause'] as const)(
    'of a task whose parked copy is here obeys a %s',
    async (control) => {
      const { world, task } = await claimedUnnoticed()
      await world.node.control(task.id, control)
      await world.pass(10_000)
      expect(await world.status(task)).toBe(control === 'cancel' ? 'cancelled' : 'paused')
      expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
    },
  )

  test('that was recorded after all is found by the next control of its task', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    const task = await world.node.submit(sleeper, {})
    const types = [{ type: 'sleeper', concurrency: null }]
    expect(await world.store.claim({ node: world.node.state.id, limit: 1, types })).toHaveLength(1)
    await world.node.control(task.id, 'cancel')
    await world.pass(2_000)
    expect(await world.status(task)).toBe('cancelled')
  })
})

describe.each(stores)('a claim in doubt on $name', ({ open }) => {
  test('that is recorded long after the first check is released', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    let doubted = false
    const claim: Store['claim'] = (request) => {
      if (doubted) return world.store.claim(request)
      doubted = true
      return Promise.reject(new StoreUnavailable('in doubt', { unknown: true }))
    }
    const store = withVerbs(world.store, { claim, [Symbol.asyncDispose]: async () => {} })
    await world.startNode({ maxConcurrent: 1, store })
    await world.pass(5_000)
    const late = submission({ id: 'late', type: 'sleeper' })
    await world.store.submit([late], fromApi)
    const types = [{ type: 'sleeper', concurrency: null }]
    expect(await world.store.claim({ node: world.node.state.id, limit: 1, types })).toHaveLength(1)
    await world.pass(100_000)
    expect(await world.status(late)).toBe('completed')
  })
})

describe.each(stores)('a control in doubt on $name', ({ open }) => {
  test('is obeyed by the code running here', async () => {
    const { world, lose } = await losing(open)
    const task = await world.node.submit(sleeper, {})
    await world.pass(1_000)
    lose('control')
    await expect(world.node.control(task.id, 'cancel')).rejects.toThrow('in doubt')
    await world.pass(2_000)
    expect(await world.status(task)).toBe('cancelled')
  })
})

describe.each(stores)('while the store is unavailable on $name', ({ open }) => {
  test('the end of a parked copy is kept, so that a later cancel ends', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    let away = false
    const unpark: Store['unpark'] = (...call) =>
      away ? Promise.reject(new StoreUnavailable('away', { unknown: false })) : world.store.unpark(...call)
    const store = withVerbs(world.store, { unpark, [Symbol.asyncDispose]: async () => {} })
    await world.startNode({ maxConcurrent: 3, maxParked: parking(1), store })
    const [first, second] = [await world.node.submit(sleeper, {}), await world.node.submit(sleeper, {})]
    await world.pass(500)
    expect(await world.control(first.id, 'pause')).toBe('paused')
    away = true
    expect(await world.control(second.id, 'pause')).toBe('paused')
    await world.pass(3_000)
    away = false
    await world.pass(3_000)
    expect(await world.control(first.id, 'cancel')).toBe('cancelled')
  })

  test('the end of fenced-off code is recorded eventually, which frees its slot under the type limit', async () => {
    const work = door()
    const deaf = defineTask({ type: 'deaf', parameters: none, concurrency: 1, run: () => work.opened })
    const world = await World.open(open, [deaf], { maxConcurrent: 0 })
    let away = false
    const releaseSlots: Store['releaseSlots'] = (...call) =>
      away
        ? Promise.reject(new StoreUnavailable('away', { unknown: false }))
        : world.store.releaseSlots(...call)
    const store = withVerbs(world.store, { releaseSlots, [Symbol.asyncDispose]: async () => {} })
    await world.startNode({ maxConcurrent: 3, store })
    const first = await world.node.submit(deaf, {})
    const second = await world.node.submit(deaf, {})
    await world.pass()
    await world.control(first.id, 'cancel')
    await world.pass(5_000)
    expect(await world.status(first)).toBe('cancelled')
    away = true
    work.open()
    await world.pass(3_000)
    expect(await world.status(second)).toBe('queued')
    away = false
    await world.pass(3_000)
    expect(await world.status(second)).toBe('completed')
  })
})

/** Runs handlers inline, but can end them by force. */
const killable: Executor = {
  start(run, host) {
    const inside = new HandlerRun(run, host, { now: () => 0, monotonic: () => 0, after: () => () => {} })
    inside.begin()
    let kill = () => {}
    const killed = new Promise<Ended>((resolve) => {
      kill = () => resolve({ kind: 'killed', how: 'terminated' })
    })
    return {
      done: Promise.race([inside.done, killed]),
      pause: () => inside.pause(),
      resume: (fence) => inside.resume(fence),
      news: () => inside.news(),
      abort: (reason) => inside.abort(reason),
      kill,
    }
  },
  hasRoom: () => true,
  close: async () => {},
}
