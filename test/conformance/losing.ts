import { describe, expect } from 'vitest'
import type { Submission, Task } from '../../src/core/task.ts'
import { boom } from '../support/tasks.ts'
import * as given from './given.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function losing(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('reap', () => {
    test('does not touch tasks of live nodes or without a node', async (scene) => {
      await given.queued(scene)
      await given.running(scene)
      await given.parked(scene)
      await given.completed(scene)
      expect(await scene.reap()).toEqual([])
    })

    test('takes each task of a dead node immediately, with a higher fence', async (scene) => {
      const situations = [given.running, given.pausing, given.cancelling, given.parked, given.parkedInQueue]
      const before: given.Known[] = []
      for (const situation of situations) before.push(await situation(scene))
      await scene.startNode()
      const moved = await scene.reap()
      expect(moved.map(({ task }) => task.status).toSorted()).toEqual([
        'cancelled',
        'paused',
        'paused',
        'queued',
        'queued',
      ])
      for (const known of before) {
        expect(await scene.task(known)).toMatchObject({ fence: known.fence + 1, ownerNode: null })
      }
      expect(await scene.reap()).toEqual([])
    })

    test('takes the tasks of a node that ended', async (scene) => {
      const task = await given.running(scene)
      await scene.store.endNode(scene.node)
      expect(await scene.reap()).toHaveLength(1)
      expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: 1 })
    })

    test('returns the tasks in their queue order', async (scene) => {
      await scene.submitAll({ id: '1' }, { id: '2' }, { id: '3' })
      await scene.claim(1)
      // Node ids are in no particular order.
      await scene.joinNode('a later node')
      const request = { node: 'a later node', limit: 1, types: [anyNumberOf('work')] }
      expect(await scene.store.claim(request)).toMatchObject([{ task: { id: '2' } }])
      await scene.startNode()
      await scene.reap()
      const claimed = await scene.claim()
      expect(claimed.map(({ task }) => task.id)).toEqual(['3', '1', '2'])
    })

    test('keeps the requested control: a task that was asked to pause is paused, one that was asked to stop is cancelled', async (scene) => {
      const [pausing, cancelling] = [await given.pausing(scene), await given.cancelling(scene)]
      await scene.startNode()
      await scene.reap()
      expect(await scene.task(pausing)).toMatchObject({
        status: 'paused',
        requestedControl: 'pause',
        crashes: 1,
      })
      expect(await scene.task(cancelling)).toMatchObject({ status: 'cancelled', endedBy: 'killed' })
    })
  })

  describe('a task that crashes its node', () => {
    test('fails after more than three losses', async (scene) => {
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
      await scene.startNode()
      await scene.reap({ poisonLimits: new Map([['fragile', 0]]) })
      expect(await scene.task(fragile)).toMatchObject({ status: 'failed' })
      expect(await scene.task(sturdy)).toMatchObject({ status: 'queued' })
    })

    test('does not fail while it advances: a new checkpoint resets the count', async (scene) => {
      const task = await scene.submit()
      for (let loss = 1; loss <= 3; loss++) await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const save = { id: task.id, fence: claimed.fence, checkpoint: '"further"' }
      expect(await scene.store.save(scene.node, [save])).toEqual([true])
      expect(await scene.task(task)).toMatchObject({ crashes: 0 })
      await scene.startNode()
      await scene.reap()
      expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: 1 })
    })

    test('gains nothing by progress without a checkpoint', async (scene) => {
      const task = await scene.submit()
      await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const progress = { current: 1, at: scene.clock.now() }
      await scene.store.save(scene.node, [{ id: task.id, fence: claimed.fence, progress }])
      expect(await scene.task(task)).toMatchObject({ crashes: 1 })
    })

    test('is reset by a checkpoint in a settlement', async (scene) => {
      const task = await scene.submit()
      await lose(scene, task)
      const { task: claimed } = await scene.claimOne(task)
      const outcome = { kind: 'failed', error: boom, retryIn: 0 } as const
      await scene.settle(claimed, outcome, { checkpoint: '"further"' })
      expect(await scene.task(task)).toMatchObject({ crashes: 0, failures: 1 })
    })
  })

  describe('a suspect, which was lost twice without a new checkpoint,', () => {
    const all = [anyNumberOf('work'), anyNumberOf('other')]

    /** Queued suspects, in this order. */
    async function suspects(scene: Scene, ...own: Partial<Submission>[]): Promise<Task[]> {
      const tasks = await scene.submitAll(...own)
      for (let loss = 0; loss < 2; loss++) {
        expect(await scene.claim(own.length, all)).toHaveLength(own.length)
        await scene.startNode()
        await scene.reap()
      }
      return tasks
    }

    test('runs as the only one on its node, beside others', async (scene) => {
      await suspects(scene, { id: 'a' }, { id: 'b' })
      await scene.submitAll({ id: '1' }, { id: '2' })
      expect(idsOf(await scene.claim(3))).toEqual(['a', '1', '2'])
      expect(await scene.claim()).toEqual([])
      await scene.settle(await scene.task({ id: 'a' }), { kind: 'completed', result: '1' })
      expect(idsOf(await scene.claim())).toEqual(['b'])
    })

    test('gives up its turn to the next one with a new checkpoint', async (scene) => {
      await suspects(scene, { id: 'a' }, { id: 'b' })
      const [first] = await scene.claim()
      if (first === undefined) return expect.unreachable()
      const save = { id: 'a', fence: first.task.fence, checkpoint: '1' }
      expect(await scene.store.save(scene.node, [save])).toEqual([true])
      expect(idsOf(await scene.claim())).toEqual(['b'])
    })

    test('keeps its turn while it is asked to pause or stop', async (scene) => {
      await suspects(scene, { id: 'a' }, { id: 'b' }, { id: 'c' })
      expect(idsOf(await scene.claim())).toEqual(['a'])
      await scene.control('pause', { id: 'a' })
      expect(await scene.claim()).toEqual([])
      const pausing = await scene.task({ id: 'a' })
      await scene.settle(pausing, { kind: 'paused', controlVersion: pausing.version })
      expect(idsOf(await scene.claim())).toEqual(['b'])
      await scene.control('resume', { id: 'a' })
      await scene.control('cancel', { id: 'b' })
      expect(await scene.claim()).toEqual([])
      await scene.settle(await scene.task({ id: 'b' }), { kind: 'cancelled', endedBy: 'cooperative' })
      expect(idsOf(await scene.claim())).toEqual(['c'])
    })

    test('has its turn by priority and queue position, whatever its type', async (scene) => {
      await suspects(scene, { id: 'a', type: 'other', priority: -1 }, { id: 'b' }, { id: 'c', type: 'other' })
      await scene.submitAll({ id: 'low', priority: -1 }, { id: 'high', priority: 1 })
      expect(idsOf(await scene.claim(1, all))).toEqual(['high'])
      const queued = await Promise.all(['a', 'b', 'c', 'low'].map((id) => scene.task({ id })))
      const ahead = queued.map((task) => scene.store.ahead(task, ['work', 'other'], 10))
      expect(await Promise.all(ahead)).toEqual([2, 0, 1, 3])
      expect(idsOf(await scene.claim(3, all))).toEqual(['b', 'low'])
    })

    test('counts toward the limit of its type, and is subject to a hold', async (scene) => {
      await suspects(scene, { id: 'a' }, { id: 'b', type: 'other' })
      await scene.submitAll({ id: '1' }, { id: '2' })
      const limited = [{ type: 'work', concurrency: 2 }, anyNumberOf('other')]
      await scene.store.hold('work', true, 'api')
      expect(idsOf(await scene.claim(1, limited))).toEqual(['b'])
      await scene.store.hold('work', false, 'api')
      await scene.settle(await scene.task({ id: 'b' }), { kind: 'completed', result: '1' })
      expect(idsOf(await scene.claim(10, limited))).toEqual(['a', '1'])
    })

    test('yields to the suspect of another type when its own has no room', async (scene) => {
      await suspects(scene, { id: 'a' }, { id: 'b', type: 'other' })
      await scene.submit({ id: 'first', priority: 1 })
      const limited = [{ type: 'work', concurrency: 1 }, anyNumberOf('other')]
      expect(idsOf(await scene.claim(10, limited))).toEqual(['first', 'b'])
    })

    test('is blamed for its next losses, and those beside it are not', async (scene) => {
      await suspects(scene, { id: 'guilty' })
      for (let loss = 1; loss <= 2; loss++) {
        await scene.submitAll({ id: `beside-${loss}` }, { id: `also-${loss}` })
        await scene.claim()
        await scene.startNode()
        await scene.reap()
      }
      expect(await scene.task({ id: 'guilty' })).toMatchObject({
        status: 'failed',
        error: { code: 'POISON' },
      })
      for (const id of ['beside-1', 'also-1', 'beside-2', 'also-2'])
        expect(await scene.task({ id })).toMatchObject({ status: 'queued' })
    })

    test('is not created by one loss, and nothing is blamed before, whatever the limit of the type', async (scene) => {
      const tasks = await scene.submitAll({}, {})
      const poisonLimits = new Map([['work', 1]])
      for (let loss = 1; loss <= 2; loss++) {
        expect(await scene.claim()).toHaveLength(2)
        await scene.startNode()
        await scene.reap({ poisonLimits })
        for (const task of tasks)
          expect(await scene.task(task)).toMatchObject({ status: 'queued', crashes: loss })
      }
    })
  })

  describe('prune', () => {
    test('deletes only tasks that ended before the retention period', async (scene) => {
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
      expect(await scene.store.prune(1_000, 100)).toBe(0)
      expect(await scene.store.prune(999, 100)).toBe(3)
      for (const { id } of old) expect(await scene.store.read(id)).toBeNull()
      expect(await scene.task(young)).toMatchObject({ status: 'completed' })
      expect(await scene.audit.check()).toHaveLength(keep.length + 1)
    })

    test('deletes at most this many, oldest first', async (scene) => {
      const ended: given.Known[] = []
      for (let count = 0; count < 3; count++) {
        ended.push(await given.failed(scene))
        await scene.clock.advance(10)
      }
      // Make the first one the last to end.
      const [first] = ended
      if (first === undefined) return expect.unreachable()
      await scene.control('retry', first)
      await scene.control('cancel', first)
      await scene.clock.advance(10)
      const prune = () => scene.store.prune(0, 2)
      expect(await prune()).toBe(2)
      expect(await scene.task(first)).toMatchObject({ status: 'cancelled' })
      expect(await prune()).toBe(1)
      expect(await prune()).toBe(0)
    })

    test('of a task whose fenced-off code still runs leaves its slot taken until the code returns', async (scene) => {
      const { id, fence, type } = await given.failedWithCodeAlive(scene)
      await scene.store.prune(-1, 1)
      expect((await scene.store.counts()).fencedOff).toEqual({ [type]: 1 })
      await scene.store.releaseSlots(scene.node, [{ id, fence, why: 'it returned' }])
      expect(await scene.store.counts()).toEqual({ byType: {}, fencedOff: {}, held: {} })
    })
  })
}

function idsOf(claimed: readonly { task: { id: string } }[]): string[] {
  return claimed.map(({ task }) => task.id)
}

/** Claims the task, and lets its node die. */
async function lose(scene: Scene, task: Task): Promise<void> {
  await scene.claimOne(task)
  await scene.startNode()
  await scene.reap()
}
