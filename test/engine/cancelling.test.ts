import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { StoreUnavailable } from '../../src/core/errors.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { door, stores, works, World } from './world.ts'

const none = z.object({})
const sleeper = defineTask({
  type: 'sleeper',
  parameters: none,
  async run(_, task) {
    await task.checkpoint({ here: true })
    await works(task, 60)
    return 'slept'
  },
})

/** Ignores its signal, and works until its door opens. */
const stubborn = (work: ReturnType<typeof door>, own: { timeout?: number; attempts?: number } = {}) =>
  defineTask({ type: 'stubborn', parameters: none, ...own, run: () => work.opened.then(() => 'late') })

describe.each(stores)('cancelling on $name', ({ open }) => {
  test('a running handler is told by its signal, and the task records that it cooperated', async () => {
    const world = await World.open(open, [sleeper])
    const task = await world.node.submit(sleeper, {})
    await world.pass(100)
    expect(await world.control(task.id, 'cancel')).toBe('cancelled')
    expect((await task.task()).endedBy).toBe('cooperative')
    await expect(task.result()).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
  })

  test('queued, scheduled and long-parked tasks are cancelled without any node', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    const queued = await world.node.submit(sleeper, {})
    const later = await world.node.submit(sleeper, {}, { delay: '1h' })
    const paused = await world.node.submit(sleeper, {})
    await world.control(paused.id, 'pause')
    for (const task of [queued, later, paused])
      expect(await world.control(task.id, 'cancel')).toBe('cancelled')
    const { version } = await queued.task()
    expect(await world.control(queued.id, 'cancel')).toBe('cancelled')
    expect((await queued.task()).version).toBe(version)
  })

  test('a parked handler is unwound by a cancel', async () => {
    const world = await World.open(open, [sleeper])
    const task = await world.node.submit(sleeper, {})
    await world.pass()
    await world.control(task.id, 'pause')
    expect(await world.control(task.id, 'cancel')).toBe('cancelled')
    expect(await world.moves(task)).toBe(
      'submitted claimed pause_requested paused cancel_requested cancelled',
    )
    expect(world.node.state).toMatchObject({ slotsInUse: 0, parked: 0 })
  })

  test('a cancel overrides a pause that has not taken effect', async () => {
    const world = await World.open(open, [sleeper])
    const task = await world.node.submit(sleeper, {})
    await world.pass()
    const pause = world.node.control(task.id, 'pause')
    const cancel = world.node.control(task.id, 'cancel')
    await world.pass()
    await Promise.all([pause, cancel])
    expect(await world.status(task)).toBe('cancelled')
  })

  test('finished work wins the race', async () => {
    const work = door()
    const type = stubborn(work)
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass()
    work.open()
    const cancel = world.node.control(task.id, 'cancel', { wait: 2_000 })
    expect((await world.until(cancel)).status).toBe('completed')
    expect(await world.until(task.result())).toBe('late')
  })

  test('a handler that ignores its signal is fenced off after the grace period, and keeps its slot until it returns', async () => {
    const work = door()
    const type = stubborn(work)
    const world = await World.open(open, [type, sleeper], { maxConcurrent: 1 })
    const task = await world.node.submit(type, {})
    await world.pass()
    expect(await world.control(task.id, 'cancel')).toBe('cancelling')
    await world.pass(5_000)
    expect(await task.task()).toMatchObject({ status: 'cancelled', endedBy: 'abandoned', fence: 2 })
    expect(world.warnings.join()).toContain('ignores its signal')

    const next = await world.node.submit(sleeper, {})
    await world.pass(1_000)
    expect(await world.status(next)).toBe('queued')
    expect((await world.store.counts()).fencedOff).toEqual({ stubborn: 1 })
    await expect(world.node.control(task.id, 'retry')).rejects.toMatchObject({ code: 'CONTROL_REFUSED' })

    work.open()
    await world.pass()
    expect(await world.status(next)).toBe('running')
    expect(await world.status(task)).toBe('cancelled')
    expect((await task.details()).result).toBeNull()
    expect((await world.store.counts()).fencedOff).toEqual({})
    expect(await world.control(task.id, 'retry')).toBe('queued')
  })

  test('a cancel while the pause is being settled still ends a handler that ignores it', async () => {
    const work = door()
    const slow = defineTask({
      type: 'slow',
      parameters: none,
      async run(_, task) {
        await task.sleep(1)
        await task.checkpoint().catch(() => work.opened)
      },
    })
    const world = await World.open(open, [slow])
    const task = await world.node.submit(slow, {})
    await world.pass()
    const both = [world.node.control(task.id, 'pause'), world.node.control(task.id, 'cancel')]
    await world.pass()
    await Promise.all(both)
    await world.pass(5_000)
    expect(['cancelled']).toContain(await world.status(task))
    work.open()
    await world.pass()
    expect(world.node.state.slotsInUse).toBe(0)
  })
})

describe.each(stores)('timeouts on $name', ({ open }) => {
  test('a timeout counts active time and stops in a pause', async () => {
    const world = await World.open(open, [sleeper])
    const task = await world.node.submit(sleeper, {}, { timeout: 10 })
    await world.pass(6_000)
    await world.control(task.id, 'pause')
    await world.pass(36_000)
    await world.control(task.id, 'resume')
    await world.pass(3_900)
    expect(await world.status(task)).toBe('running')
    await world.pass(200)
    expect(await task.task()).toMatchObject({
      status: 'failed',
      error: { code: 'TIMEOUT' },
      endedBy: 'cooperative',
    })
  })

  test('a timeout during the settlement of a pause is not forgotten when the pause is withdrawn', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    let hold: Promise<void> | undefined
    const settle: Store['settle'] = async (...call) => {
      await hold
      return world.store.settle(...call)
    }
    await world.startNode({ maxConcurrent: 1, store: withVerbs(world.store, { settle }) })
    const task = await world.node.submit(sleeper, {}, { timeout: 10 })
    await world.pass(9_000)
    const slow = door()
    hold = slow.opened
    void world.node.control(task.id, 'pause')
    await world.pass(500)
    await world.node.control(task.id, 'resume')
    await world.pass(1_000)
    hold = undefined
    slow.open()
    await world.pass(2_000)
    expect(await task.task()).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT' } })
  })

  test('time in which the store cannot record a pause does not count as active', async () => {
    const world = await World.open(open, [sleeper], { maxConcurrent: 0 })
    let away = false
    const settle: Store['settle'] = (...call) =>
      away ? Promise.reject(new StoreUnavailable('away', { unknown: false })) : world.store.settle(...call)
    await world.startNode({ maxConcurrent: 1, store: withVerbs(world.store, { settle }) })
    const task = await world.node.submit(sleeper, {}, { timeout: 10 })
    await world.pass(2_000)
    away = true
    void world.node.control(task.id, 'pause')
    await world.pass(60_000)
    away = false
    await world.pass(2_000)
    expect(await world.status(task)).toBe('paused')
    await world.control(task.id, 'resume')
    await world.pass(7_900)
    expect(await world.status(task)).toBe('running')
    await world.pass(200)
    expect(await task.task()).toMatchObject({ status: 'failed', activeMs: 10_000 })
  })

  test('a timeout is a failure like others, and the next attempt starts with new time', async () => {
    const world = await World.open(open, [sleeper])
    const task = await world.node.submit(sleeper, {}, { timeout: 10, maxAttempts: 2, backoff: 1 })
    await world.pass(10_100)
    expect(await world.status(task)).toBe('scheduled')
    await world.pass(2_000)
    expect(await task.task()).toMatchObject({ status: 'running', attempt: 2, failures: 1 })
    await world.pass(8_500)
    expect(await world.status(task)).toBe('running')
    await world.pass(1_000)
    expect(await task.task()).toMatchObject({ status: 'failed', failures: 2 })
  })

  test('a handler that ignores its timeout is fenced off too', async () => {
    const work = door()
    const type = stubborn(work, { timeout: 1 })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(6_100)
    expect(await task.task()).toMatchObject({
      status: 'failed',
      error: { code: 'TIMEOUT' },
      endedBy: 'abandoned',
    })
    expect(world.node.state.slotsInUse).toBe(1)
    work.open()
    await world.pass()
    expect(world.node.state.slotsInUse).toBe(0)
  })

  test('a cancel in progress wins over a timeout', async () => {
    const work = door()
    const type = stubborn(work, { timeout: 1 })
    const world = await World.open(open, [type])
    const task = await world.node.submit(type, {})
    await world.pass(1_100)
    await world.control(task.id, 'cancel')
    await world.pass(6_000)
    expect(await world.status(task)).toBe('cancelled')
    work.open()
    await world.pass()
  })
})
