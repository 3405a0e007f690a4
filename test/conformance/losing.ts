import { describe, expect } from 'vitest'
import type { Task } from '../../src/core/task.ts'
import { boom } from '../support/tasks.ts'
import * as given from './given.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function losing(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('reap', () => {
    test('leaves alone what a living node has, and what nobody has', async (scene) => {
      await given.queued(scene)
      await given.running(scene)
      await given.parked(scene)
      await given.completed(scene)
      expect(await scene.reap()).toEqual([])
    })

    test('takes each task of a dead node at once, with a higher fence', async (scene) => {
      const situations = [given.running, given.pausing, given.cancelling, given.parked, given.parkedInQueue]
      const before: given.Known[] = []
      for (const situation of situations) before.push(await situation(scene))
      await scene.startBoot()
      const moved = await scene.reap()
      expect(moved.map(({ task }) => task.status).toSorted()).toEqual([
        'cancelled',
        'paused',
        'paused',
        'queued',
        'queued',
      ])
      for (const known of before) {
        expect(await scene.task(known)).toMatchObject({ fence: known.fence + 1, ownerBoot: null })
      }
      expect(await scene.reap()).toEqual([])
    })

    test('takes the tasks of a node that ended', async (scene) => {
      const task = await given.running(scene)
      await scene.store.endBoot(scene.boot)
      expect(await scene.reap()).toHaveLength(1)
      expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: 1 })
    })

    test('gives the tasks back in the order in which they stood in the queue', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' }, { id: '3' })
      await scene.claim(1)
      // Boots have names in no order.
      await scene.joinBoot('a later boot')
      const request = { boot: 'a later boot', limit: 1, types: [anyNumberOf('work')] }
      expect(await scene.store.claim(request)).toMatchObject([{ task: { id: '2' } }])
      await scene.startBoot()
      await scene.reap()
      const claimed = await scene.claim()
      expect(claimed.map(({ task }) => task.id)).toEqual(['3', '1', '2'])
    })

    test('keeps the wish: a task that was asked to pause is paused, one that was asked to stop is cancelled', async (scene) => {
      const [pausing, cancelling] = [await given.pausing(scene), await given.cancelling(scene)]
      await scene.startBoot()
      await scene.reap()
      expect(await scene.task(pausing)).toMatchObject({ status: 'paused', wish: 'pause', crashes: 1 })
      expect(await scene.task(cancelling)).toMatchObject({ status: 'cancelled', endedBy: 'killed' })
    })
  })

  describe('a task that takes its node with it', () => {
    test('is given up after more than three losses', async (scene) => {
      const task = await scene.submit()
      for (let loss = 1; loss <= 3; loss++) {
        await lose(scene, task)
        expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: loss })
      }
      await lose(scene, task)
      expect(await scene.task(task)).toMatchObject({
        status: 'failed',
        crashes: 4,
        failures: 0,
        error: { code: 'POISON' },
        endedBy: 'killed',
      })
    })

    test('may have a limit of its type', async (scene) => {
      const [fragile, sturdy] = await scene.submitAll({ type: 'fragile' }, { type: 'sturdy' })
      if (fragile === undefined || sturdy === undefined) return expect.unreachable()
      await scene.claim(2, [anyNumberOf('fragile'), anyNumberOf('sturdy')])
      await scene.startBoot()
      await scene.reap({ poisonLimits: new Map([['fragile', 0]]) })
      expect(await scene.task(fragile)).toMatchObject({ status: 'failed' })
      expect(await scene.task(sturdy)).toMatchObject({ status: 'queued' })
    })

    test('is not given up while it gets on: a new checkpoint begins the count anew', async (scene) => {
      const task = await scene.submit()
      for (let loss = 1; loss <= 3; loss++) await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const save = { id: task.id, fence: claimed.fence, checkpoint: '"further"' }
      expect(await scene.store.save(scene.boot, [save])).toEqual([true])
      expect(await scene.task(task)).toMatchObject({ crashes: 0 })
      await scene.startBoot()
      await scene.reap()
      expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: 1 })
    })

    test('gains nothing by progress without a checkpoint', async (scene) => {
      const task = await scene.submit()
      await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const progress = { current: 1, at: scene.clock.now() }
      await scene.store.save(scene.boot, [{ id: task.id, fence: claimed.fence, progress }])
      expect(await scene.task(task)).toMatchObject({ crashes: 1 })
    })

    test('begins anew with a checkpoint that comes with a settlement', async (scene) => {
      const task = await scene.submit()
      await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const outcome = { kind: 'failed', error: boom, retryIn: 0 } as const
      await scene.settle(claimed, outcome, { checkpoint: '"further"' })
      expect(await scene.task(task)).toMatchObject({ crashes: 0, failures: 1 })
    })
  })

  describe('prune', () => {
    test('deletes only what ended before the given time', async (scene) => {
      const keep = [
        given.queued,
        given.scheduled,
        given.running,
        given.paused,
        given.parked,
        given.cancelling,
      ]
      for (const situation of keep) await situation(scene)
      const old = [await given.completed(scene), await given.failed(scene), await given.cancelled(scene)]
      await scene.clock.advance(1_000)
      const young = await given.completed(scene)
      expect(await scene.store.prune(scene.clock.now(), 100)).toBe(3)
      for (const { id } of old) expect(await scene.store.read(id)).toBeNull()
      expect(await scene.task(young)).toMatchObject({ status: 'completed' })
      expect(await scene.audit.check()).toHaveLength(keep.length + 1)
    })

    test('deletes at most so many, the oldest first', async (scene) => {
      const ended: given.Known[] = []
      for (let count = 0; count < 3; count++) {
        ended.push(await given.failed(scene))
        await scene.clock.advance(10)
      }
      // The first one ends last.
      const [first] = ended
      if (first === undefined) return expect.unreachable()
      await scene.control('retry', first)
      await scene.control('cancel', first)
      await scene.clock.advance(10)
      const prune = () => scene.store.prune(scene.clock.now(), 2)
      expect(await prune()).toBe(2)
      expect(await scene.task(first)).toMatchObject({ status: 'cancelled' })
      expect(await prune()).toBe(1)
      expect(await prune()).toBe(0)
    })

    test('of a task whose fenced-off code still runs leaves its slot taken until the code returns', async (scene) => {
      const { id, fence, type } = await given.failedWithCodeAlive(scene)
      await scene.store.prune(scene.clock.now() + 1, 1)
      expect((await scene.store.counts()).fencedOff).toEqual({ [type]: 1 })
      await scene.store.vacate(scene.boot, [{ id, fence, why: 'it returned' }])
      expect(await scene.store.counts()).toEqual({ byType: {}, fencedOff: {}, held: {} })
    })
  })
}

/** The task is claimed, and its node dies. */
async function lose(scene: Scene, task: Task): Promise<void> {
  await scene.claimOne(task)
  await scene.startBoot()
  await scene.reap()
}
