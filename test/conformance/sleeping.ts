import { describe, expect } from 'vitest'
import type { Outcome, Settlement } from '../../src/core/outcome.ts'
import { answerOf, by, sleepOf, waitOf } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const minute = 60_000

export function sleeping(kind: StoreKind): void {
  const test = testsOn(kind)

  const sleep = async (scene: Scene, task: given.Known, own: Partial<Settlement> = {}) => {
    const outcome = { ...sleepOf(minute, scene.clock.now()), sleeps: { over: 1, after: [0, 50] } }
    return scene.settle(task, outcome, own)
  }

  describe('a task that sleeps', () => {
    test('has its checkpoint, its time and what it has slept in one commit', async (scene) => {
      const task = await given.running(scene)
      const now = scene.clock.now()
      expect((await sleep(scene, task, { checkpoint: '{"at":1}' })).verdict).toBe('settled')
      const record = await scene.record(task)
      expect(record.checkpoint).toBe('{"at":1}')
      expect(record.task).toMatchObject({
        status: 'waiting',
        runAt: now + minute,
        delay: minute,
        sleeps: { over: 1, after: [0, 50] },
        ownerNode: task.ownerNode,
        fence: task.fence,
        attemptOpen: true,
      })
    })

    test('is told what it has slept by its next claim, until it stores a checkpoint', async (scene) => {
      const task = await given.running(scene)
      await sleep(scene, task)
      await scene.clock.advance(minute)
      await scene.promote()
      const { task: claimed } = await scene.claimOne(task)
      expect(claimed).toMatchObject({ attempt: 1, sleeps: { over: 1, after: [0, 50] } })
      const save = { id: claimed.id, fence: claimed.fence }
      expect(await scene.store.save(claimed.ownerNode!, [{ ...save, log: [] }])).toEqual([true])
      expect((await scene.task(task)).sleeps).not.toBeNull()
      expect(await scene.store.save(claimed.ownerNode!, [{ ...save, checkpoint: '2' }])).toEqual([true])
      expect((await scene.task(task)).sleeps).toBeNull()
    })

    test('whose code has ended belongs to nobody, and is queued instead if what it waits for has come', async (scene) => {
      const gone = (outcome: Outcome) => ({ ...outcome, gone: true }) as Outcome
      const asleep = await given.running(scene)
      const outcome = gone(sleepOf(minute, scene.clock.now()))
      expect((await scene.settle(asleep, outcome)).task).toMatchObject({ status: 'waiting', ownerNode: null })
      await scene.clock.advance(minute)
      await scene.promote()
      expect((await scene.claimOne(asleep)).task).toMatchObject({ attempt: 1, sleeps: { over: 0 } })

      const [informed, paused] = [await given.reached(scene), await given.reached(scene)]
      const cancelled = await given.running(scene)
      for (const { id } of [informed, paused])
        await scene.store.waits.answer({ id, answer: answerOf('1') }, by('ada'))
      await scene.control('pause', paused)
      await scene.control('cancel', cancelled)
      const settled = async (task: given.Known) =>
        (await scene.settle(task, gone(waitOf(0)), { checkpoint: '{"at":2}' })).task
      expect(await settled(informed)).toMatchObject({ status: 'queued', ownerNode: null, crashes: 0 })
      expect(await scene.claimOne(informed)).toMatchObject({ checkpoint: '{"at":2}', task: { attempt: 1 } })
      expect(await settled(paused)).toMatchObject({ status: 'paused', ownerNode: null })
      expect(await settled(cancelled)).toMatchObject({ status: 'cancelled', ownerNode: null })
    })

    test('keeps what it has slept over a retry, except for one from the start', async (scene) => {
      const task = await given.running(scene)
      await sleep(scene, task)
      await scene.store.unpark(task.ownerNode!, [{ id: task.id, fence: task.fence, why: 'room was needed' }])
      await scene.control('cancel', task)
      await scene.control('retry', task)
      expect(await scene.task(task)).toMatchObject({ status: 'queued', runAt: null, sleeps: { over: 1 } })
      await scene.control('cancel', task)
      await scene.store.control([{ id: task.id, control: 'retry', by: 'api', fromStart: true }])
      expect((await scene.task(task)).sleeps).toBeNull()
    })

    test('is woken in the order of its time, together with what is due', async (scene) => {
      const asleep = await given.asleep(scene)
      await scene.clock.advance(1)
      const scheduled = await given.scheduled(scene)
      await scene.clock.advance(1)
      const last = await given.asleep(scene)
      expect((await scene.store.promote(10)).dueIn).toBe(minute - 2)
      await scene.clock.advance(minute)
      const first = await scene.store.promote(2)
      expect(first.moved.map((move) => move.task.id)).toEqual([asleep.id, scheduled.id])
      expect(first.dueIn).toBe(0)
      const second = await scene.store.promote(2)
      expect(second.moved.map((move) => move.task.id)).toEqual([last.id])
      expect(second.dueIn).toBeNull()
    })

    test('does not wake a task that waits for others', async (scene) => {
      const task = await given.waiting(scene)
      await scene.clock.advance(minute)
      expect(await scene.store.promote(10)).toEqual({ moved: [], dueIn: null })
      expect((await scene.task(task)).status).toBe('waiting')
    })

    test('moves on once, whatever comes at its end, on two nodes at once', async (scene) => {
      for (let round = 0; round < 10; round++) {
        const task = await given.overslept(scene)
        const { id, fence, ownerNode } = task
        const awake: Settlement = { id, fence, outcome: { kind: 'awake' }, activeMs: 0 }
        const done: Settlement = { id, fence, outcome: { kind: 'completed', result: '1' }, activeMs: 0 }
        await Promise.all([
          scene.store.promote(10),
          scene.store.settle(ownerNode!, [awake]),
          scene.store.promote(10),
          scene.store.control([{ id, control: 'cancel', by: 'api' }]),
          scene.store.settle(ownerNode!, [done]),
          scene.store.control([{ id, control: 'pause', by: 'api' }]),
          scene.store.unpark(ownerNode!, [{ id, fence, why: 'room was needed' }]),
        ])
        await scene.audit.check()
        const { task: row, timeline } = await scene.record(task)
        const events = timeline.map(({ event }) => event)
        expect(events.filter((event) => event === 'woken').length).toBeLessThanOrEqual(1)
        expect(events.filter((event) => event === 'completed' || event === 'cancelled')).toHaveLength(1)
        expect(['completed', 'cancelled']).toContain(row.status)
        await scene.store.purge([id])
      }
    })
  })
}
