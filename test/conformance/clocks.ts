import { describe, expect } from 'vitest'
import { boom } from '../support/tasks.ts'
import * as actions from './actions.ts'
import * as given from './given.ts'
import { one, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const hour = 3_600_000

/** What a store does when the wall clock is set. A shared store uses the clock of its database. */
export function clocks(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('the time at which a task is due', () => {
    test('is known as a given time or as the end of a delay', async (scene) => {
      const [delayed, appointed, atOnce] = await scene.submitAll(
        { delay: 500 },
        { runAt: scene.clock.now() + 500 },
        {},
      )
      expect([delayed?.delay, appointed?.delay, atOnce?.delay]).toEqual([500, null, null])
      for (const task of [delayed, appointed, atOnce]) expect(await scene.task(task!)).toEqual(task)
      const task = await given.running(scene)
      const { task: later } = await scene.settle(task, { kind: 'failed', error: boom, retryIn: 6_000 })
      expect(later).toMatchObject({ delay: 6_000, runAt: scene.clock.now() + 6_000 })
      expect(await scene.task(task)).toEqual(later)
    })
  })

  if (!kind.shared) owned(kind)
}

function owned(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('when the wall clock is set', () => {
    for (const by of [-hour, hour, -366 * 24 * hour]) {
      const way = by < 0 ? 'back' : 'forward'

      test(`${way} by ${Math.abs(by) / hour} h, a delay keeps its length`, async (scene) => {
        const task = await scene.submit({ delay: 10_000 })
        await scene.clock.advance(4_000)
        setBy(scene, by)
        expect(await scene.promote()).toEqual([])
        expect((await scene.task(task)).runAt).toBe(scene.clock.now() + 6_000)
        await scene.clock.advance(5_999)
        expect(await scene.promote()).toEqual([])
        await scene.clock.advance(1)
        expect(await scene.promote()).toMatchObject([{ task: { id: task.id } }])
      })

      test(`${way} by ${Math.abs(by) / hour} h, the next attempt starts after its back-off`, async (scene) => {
        const task = await given.running(scene)
        await scene.settle(task, { kind: 'failed', error: boom, retryIn: 6_000 })
        setBy(scene, by)
        // The store notices the new time with the next write, whatever it is.
        await scene.submit({ type: 'other', delay: 6_000 })
        await scene.clock.advance(5_999)
        expect(await scene.promote()).toEqual([])
        await scene.clock.advance(1)
        expect(await scene.promote()).toHaveLength(2)
      })

      test(`${way} by ${Math.abs(by) / hour} h, a task that was answered and then paused continues once it is resumed`, async (scene) => {
        for (const isPausedFirst of [true, false]) {
          const task = await given.awaitsAnswer(scene)
          await actions.answer(scene, task)
          if (isPausedFirst) await scene.control('pause', task)
          setBy(scene, by)
          if (!isPausedFirst) await scene.control('pause', task)
          expect(await scene.control('resume', task)).toMatchObject({ task: { status: 'queued' } })
        }
      })

      test(`${way} by ${Math.abs(by) / hour} h, a task paused in its delay keeps the rest of it`, async (scene) => {
        const task = await scene.submit({ delay: 10_000 })
        await scene.control('pause', task)
        setBy(scene, by)
        expect(await scene.control('resume', task)).toMatchObject({ task: { status: 'scheduled' } })
        await scene.clock.advance(9_999)
        expect(await scene.promote()).toEqual([])
        await scene.clock.advance(1)
        expect(await scene.promote()).toHaveLength(1)
      })

      test(`${way} by ${Math.abs(by) / hour} h, the time to start keeps its length`, async (scene) => {
        const [task, paused] = await scene.submitAll({ expiresIn: 10_000 }, { expiresIn: 10_000 })
        await scene.clock.advance(4_000)
        await scene.control('pause', paused!)
        await scene.clock.advance(1_000)
        setBy(scene, by)
        expect(await scene.control('resume', paused!)).toMatchObject({
          task: { expiresAt: scene.clock.now() + 6_000 },
        })
        expect((await scene.task(task!)).expiresAt).toBe(scene.clock.now() + 5_000)
        await scene.clock.advance(4_999)
        expect(await scene.expire()).toEqual([])
        await scene.clock.advance(1)
        expect(await scene.expire()).toMatchObject([{ task: { id: task!.id } }])
        await scene.clock.advance(1_000)
        expect(await scene.expire()).toMatchObject([{ task: { id: paused!.id } }])
      })

      test(`${way} by ${Math.abs(by) / hour} h, waiting times are elapsed times`, async (scene) => {
        const [queued, paused] = [await given.queued(scene), await given.paused(scene)]
        await scene.clock.advance(1_000)
        setBy(scene, by)
        await scene.clock.advance(500)
        expect((await scene.claimOne(queued)).task.queuedMs).toBe(1_500)
        expect(await scene.control('resume', paused)).toMatchObject({ task: { pausedMs: 1_500 } })
      })

      test(`${way} by ${Math.abs(by) / hour} h, the active time of a lost run is elapsed time`, async (scene) => {
        const task = await given.running(scene)
        await scene.clock.advance(1_000)
        setBy(scene, by)
        await scene.clock.advance(500)
        await scene.store.save(scene.node, [{ id: task.id, fence: task.fence, checkpoint: '1' }])
        await scene.startNode()
        expect(one(await scene.reap()).task.activeMs).toBe(1_500)
      })
    }

    test('back, a given time is waited for by the wall clock', async (scene) => {
      const task = await scene.submit({ runAt: scene.clock.now() + 10_000 })
      setBy(scene, -hour)
      await scene.clock.advance(hour + 9_999)
      expect(await scene.promote()).toEqual([])
      await scene.clock.advance(1)
      expect(await scene.promote()).toMatchObject([{ task: { id: task.id, runAt: task.runAt } }])
    })

    test('forward, a given time has come', async (scene) => {
      const task = await scene.submit({ runAt: scene.clock.now() + hour })
      setBy(scene, hour)
      expect(await scene.promote()).toMatchObject([{ task: { id: task.id, runAt: task.runAt } }])
    })

    test('back, a task whose delay is over is not postponed when it is paused and resumed', async (scene) => {
      const [waiting, run] = [await delayOver(scene), await delayOver(scene)]
      const running = (await scene.claimOne(run)).task
      setBy(scene, -hour)
      await scene.control('pause', waiting)
      expect(await scene.control('resume', waiting)).toMatchObject({ task: { status: 'queued' } })
      await scene.control('pause', running)
      await scene.settle(running, { kind: 'released', why: 'drain' })
      expect(await scene.control('resume', running)).toMatchObject({ task: { status: 'queued' } })
    })

    test('there and back, nothing has changed', async (scene) => {
      const task = await scene.submit({ delay: 10_000 })
      for (const by of [hour, -hour, -2 * hour, 2 * hour]) {
        setBy(scene, by)
        expect(await scene.promote()).toEqual([])
      }
      expect(await scene.task(task)).toEqual(task)
    })

    test('back, delays follow once, even if a write of the same turn is refused', async (scene) => {
      const task = await scene.submit({ delay: 10_000 })
      const bad = Symbol('what no store can keep') as unknown as string
      setBy(scene, -hour)
      const [later, refused] = await Promise.allSettled([
        scene.store.submit([scene.draft({ delay: 10_000 })], { by: 'api', maxQueued: 10 }),
        scene.store.submit([scene.draft({ parameters: bad })], { by: 'api', maxQueued: 10 }),
      ])
      expect([later.status, refused.status]).toEqual(['fulfilled', 'rejected'])
      expect((await scene.task(task)).runAt).toBe(scene.clock.now() + 10_000)
      await scene.clock.advance(10_000)
      expect(await scene.promote()).toHaveLength(2)
    })

    test('forward, finished tasks are kept for their retention period', async (scene) => {
      await given.completed(scene)
      await scene.clock.advance(1_000)
      setBy(scene, 24 * hour)
      await given.completed(scene)
      expect(await scene.store.prune(hour, 10)).toBe(0)
      await scene.clock.advance(hour - 1_000)
      expect(await scene.store.prune(hour, 10)).toBe(0)
      await scene.clock.advance(1)
      expect(await scene.store.prune(hour, 10)).toBe(1)
      await scene.clock.advance(1_000)
      expect(await scene.store.prune(hour, 10)).toBe(1)
    })

    test('back, no finished task is deleted early', async (scene) => {
      await given.completed(scene)
      setBy(scene, -24 * hour)
      await scene.store.promote(1)
      await given.completed(scene)
      await scene.clock.advance(hour)
      expect(await scene.store.prune(hour, 10)).toBe(0)
      await scene.clock.advance(1)
      expect(await scene.store.prune(hour, 10)).toBe(1)
      // By the wall clock, the first task ended a day after the second.
      await scene.clock.advance(24 * hour)
      expect(await scene.store.prune(hour, 10)).toBe(1)
    })

    test('by less than a second, everything follows it', async (scene) => {
      const task = await scene.submit({ delay: 10_000 })
      setBy(scene, 900)
      await scene.store.promote(1)
      expect(await scene.task(task)).toEqual(task)
      expect(scene.store.now()).toBe(scene.clock.now())
    })

    test('back by an unnoticeable step after a larger one, no time is invented', async (scene) => {
      setBy(scene, -hour)
      const task = await given.queued(scene)
      setBy(scene, -60)
      expect((await scene.claimOne(task)).task.queuedMs).toBe(0)
    })

    test('it is the time of the store once something is written', async (scene) => {
      const before = scene.clock.now()
      setBy(scene, hour)
      expect(scene.store.now()).toBe(before)
      expect((await scene.submit()).createdAt).toBe(before + hour)
      expect(scene.store.now()).toBe(before + hour)
    })

    if (kind.durable) {
      test('back while no store was open, a delay takes at most its full length', async (scene) => {
        const [waiting, appointed] = await scene.submitAll(
          { delay: 10_000 },
          { runAt: scene.clock.now() + 10_000 },
        )
        const paused = await scene.submit({ delay: 10_000 })
        await scene.control('pause', paused)
        await scene.close()
        await scene.clock.advance(4_000)
        setBy(scene, -hour)
        await scene.reopen()
        await scene.startNode()
        await scene.control('resume', paused)
        expect((await scene.task(waiting!)).runAt).toBe(scene.clock.now() + 10_000)
        expect(await scene.task(appointed!)).toEqual(appointed)
        await scene.clock.advance(9_999)
        expect(await scene.promote()).toEqual([])
        await scene.clock.advance(1)
        expect(await scene.promote()).toHaveLength(2)
      })
    }

    if (kind.durable) {
      test('back while no store was open, the time to start is at most its full length', async (scene) => {
        const [task, paused] = await scene.submitAll({ expiresIn: 10_000 }, { expiresIn: 10_000 })
        await scene.clock.advance(3_000)
        await scene.control('pause', paused!)
        await scene.close()
        setBy(scene, -hour)
        await scene.reopen()
        await scene.startNode()
        expect((await scene.task(task!)).expiresAt).toBe(scene.clock.now() + 10_000)
        expect(await scene.control('resume', paused!)).toMatchObject({
          task: { expiresAt: scene.clock.now() + 7_000 },
        })
      })
    }

    test('by a sleep of the machine, delays end as they should', async (scene) => {
      const task = await scene.submit({ delay: hour })
      await given.completed(scene)
      scene.clock.sleep(8 * hour)
      expect(await scene.promote()).toMatchObject([{ task: { id: task.id } }])
      expect(await scene.store.prune(hour, 10)).toBe(1)
    })
  })
}

function setBy({ clock }: Scene, ms: number): void {
  clock.set(clock.now() + ms)
}

async function delayOver(scene: Scene) {
  const task = await scene.submit({ type: scene.ownType(), delay: 1_000 })
  await scene.clock.advance(1_000)
  await scene.promote()
  return task
}
