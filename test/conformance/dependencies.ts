import { describe, expect } from 'vitest'
import type { Outcome } from '../../src/core/outcome.ts'
import type { FailurePolicy, Submission, Task } from '../../src/core/task.ts'
import { boom, fromApi, submission } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const completes: Outcome = { kind: 'completed', result: '1' }
const fails: Outcome = { kind: 'failed', error: boom, retryIn: null }

/** How often the last two predecessors of a task end at once. `DEPENDENCY_RACES=10000` runs longer. */
const races = Number(process.env['DEPENDENCY_RACES'] ?? 20)

export function dependencies(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a task that waits for others', () => {
    test('starts exactly once when its last two predecessors end at once', async (scene) => {
      for (let round = 0; round < races; round++) {
        const [one, other] = await runningTasks(scene, 2)
        const task = await after(scene, [one!, other!])
        const [ended, released] = await Promise.all([
          Promise.all([end(scene, one!, completes), end(scene, other!, completes)]),
          Promise.all([scene.store.release(100), scene.store.release(100)]),
        ])
        expect(ended.map(({ verdict }) => verdict)).toEqual(['settled', 'settled'])
        released.push(...(await Promise.all([scene.store.release(100), scene.store.release(100)])))
        const moves = released.flatMap(({ moved }) => moved).filter((move) => move.task.id === task.id)
        expect(moves.map(({ entry }) => entry.event)).toEqual(['ready'])
        expect(await scene.task(task)).toMatchObject({ status: 'queued', version: 2, missing: 0 })
        await scene.control('cancel', task)
        await scene.store.purge([task.id, one!.id, other!.id])
        await scene.audit.check()
      }
    })

    test('says how many are missing, and which', async (scene) => {
      const [first, second] = await runningTasks(scene, 2)
      const task = await after(scene, [first!, second!])
      expect(task).toMatchObject({ status: 'waiting', missing: 2, queuePosition: 0 })
      await end(scene, first!, completes)
      expect(await release(scene)).toEqual([])
      expect(await scene.task(task)).toMatchObject({ status: 'waiting', missing: 1, version: 1 })
      const missing = await scene.store.predecessors(task.id, 10)
      expect(missing.map(({ id }) => id)).toEqual([second!.id])
      expect(await scene.store.predecessors(task.id, 0)).toEqual([])
    })

    test('is queued at once if all of them have completed', async (scene) => {
      const [done] = await runningTasks(scene, 1)
      await end(scene, done!, completes)
      expect(await after(scene, [done!])).toMatchObject({ status: 'queued', missing: 0 })
    })

    test('is refused if one of them does not exist, was deleted, or would be a task of the same call', async (scene) => {
      const [there] = await runningTasks(scene, 1)
      const [gone] = await runningTasks(scene, 1)
      await end(scene, gone!, completes)
      await scene.audit.check()
      await scene.store.purge([gone!.id])
      const predecessors = (...ids: string[]) => ({ predecessors: { ids, onFailure: 'cancel' as const } })
      const own = scene.draft()
      for (const missing of ['nobody', gone!.id, own.id]) {
        const drafts = [scene.draft(), { ...own, ...predecessors(there!.id, missing) }]
        const answer = await scene.store.submit(drafts, fromApi)
        expect(answer).toEqual({ kind: 'no_predecessor', index: 1, place: 1, id: missing })
      }
      expect(await scene.store.get(own.id)).toBeNull()
    })

    test('is not checked again for a replay', async (scene) => {
      const [done] = await runningTasks(scene, 1)
      const key = { idempotencyKey: 'key', requestHash: 'hash' }
      const task = await after(scene, [done!], 'cancel', key)
      await end(scene, done!, completes)
      await release(scene)
      await scene.store.purge([done!.id])
      const predecessors = { ids: [done!.id], onFailure: 'cancel' } as const
      const again = await scene.store.submit([submission({ id: 'again', ...key, predecessors })], fromApi)
      expect(again).toMatchObject({ kind: 'accepted', tasks: [{ replayed: true, task: { id: task.id } }] })
    })

    test('counts as waiting against the limit of the queue', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      await after(scene, [one!])
      const full = await scene.store.submit([submission({ id: 'more' })], { by: 'api', maxQueued: 1 })
      expect(full).toEqual({ kind: 'full' })
    })

    for (const outcome of ['failed', 'cancelled'] as const) {
      test(`is cancelled, fails or runs when one of them has ${outcome}`, async (scene) => {
        const [one, other] = await runningTasks(scene, 2)
        const policies: FailurePolicy[] = ['cancel', 'fail', 'run']
        const tasks: Task[] = []
        for (const policy of policies) tasks.push(await after(scene, [one!, other!], policy))
        if (outcome === 'failed') await end(scene, one!, fails)
        else await cancel(scene, one!)
        await release(scene)
        const [cancelled, failed, runs] = await Promise.all(tasks.map((task) => scene.record(task)))
        expect(cancelled?.task).toMatchObject({ status: 'cancelled', missing: 0 })
        expect(cancelled?.timeline.at(-1)).toMatchObject({
          by: 'releaser',
          why: expect.stringContaining(one!.id) as string,
        })
        expect(failed?.task).toMatchObject({ status: 'failed', error: { code: 'PREDECESSOR_FAILED' } })
        expect(runs?.task).toMatchObject({ status: 'waiting', missing: 1 })
        await end(scene, other!, completes)
        expect((await release(scene)).map(({ task }) => task.id)).toEqual([tasks[2]!.id])
      })
    }

    test('ends or runs in the same way if one has failed before it was submitted', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      await end(scene, one!, fails)
      const cancelled = await after(scene, [one!], 'cancel')
      expect(cancelled.status).toBe('waiting')
      expect((await after(scene, [one!], 'run')).status).toBe('queued')
      await release(scene)
      expect((await scene.task(cancelled)).status).toBe('cancelled')
    })

    test('takes those that wait for it along when it is cancelled', async (scene) => {
      const [first] = await runningTasks(scene, 1)
      let last: Pick<Task, 'id'> = first!
      for (let link = 0; link < 5; link++) last = await after(scene, [last])
      await end(scene, first!, fails)
      for (let link = 0; link < 5; link++) await release(scene)
      expect((await scene.task(last)).status).toBe('cancelled')
    })

    test('stays paused, counts meanwhile, and goes back to what is missing', async (scene) => {
      const [one, other] = await runningTasks(scene, 2)
      const task = await after(scene, [one!, other!])
      await scene.control('pause', task)
      await end(scene, one!, completes)
      await release(scene)
      expect(await scene.task(task)).toMatchObject({ status: 'paused', missing: 1 })
      await scene.control('resume', task)
      expect((await scene.task(task)).status).toBe('waiting')
      await scene.control('pause', task)
      await end(scene, other!, completes)
      await release(scene)
      expect(await scene.task(task)).toMatchObject({ status: 'paused', missing: 0 })
      await scene.control('resume', task)
      expect((await scene.task(task)).status).toBe('queued')
    })

    test('does not wait again once it is retried', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      const task = await after(scene, [one!])
      await scene.control('cancel', task)
      await scene.control('retry', task)
      expect(await scene.task(task)).toMatchObject({ status: 'queued', missing: 0 })
      await end(scene, one!, fails)
      expect(await release(scene)).toEqual([])
      expect((await scene.task(task)).status).toBe('queued')
    })

    test('waits on if a failed predecessor is retried before its end was counted', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      const task = await after(scene, [one!])
      await end(scene, one!, fails)
      await scene.control('retry', one!)
      expect(await release(scene)).toEqual([])
      await end(scene, (await scene.claimOne(one!)).task, completes)
      await release(scene)
      expect((await scene.task(task)).status).toBe('queued')
    })

    test('keeps its predecessors from being deleted until their ends are counted', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      const task = await after(scene, [one!])
      await end(scene, one!, completes)
      expect(await scene.store.prune(-1, 100)).toBe(0)
      expect(await scene.store.purge([one!.id])).toMatchObject([
        { kind: 'refused', why: expect.any(String) as string },
      ])
      await release(scene)
      expect(await scene.store.prune(-1, 100)).toBe(1)
      expect((await scene.task(task)).status).toBe('queued')
    })

    test('may be deleted before its predecessors end', async (scene) => {
      const [one] = await runningTasks(scene, 1)
      const task = await after(scene, [one!])
      await scene.control('cancel', task)
      await scene.store.purge([task.id])
      await end(scene, one!, completes)
      expect(await release(scene)).toEqual([])
      expect(await scene.store.prune(-1, 100)).toBe(1)
    })

    test('is released in portions, with many before it and many behind it', async (scene) => {
      const before = await runningTasks(scene, 40)
      const join = await after(scene, before)
      const behind = await scene.submitAll(
        ...Array.from({ length: 40 }, () => ({
          predecessors: { ids: [join.id], onFailure: 'cancel' as const },
        })),
      )
      for (const one of before) await end(scene, one, completes)
      let calls = 0
      for (let more = true; more; calls++) more = (await scene.store.release(7)).more
      expect(calls).toBeGreaterThan(5)
      await end(scene, (await scene.claimOne(await scene.task(join))).task, completes)
      const ready = new Set<string>()
      for (let more = true; more;) {
        const released = await scene.store.release(7)
        expect(released.moved.length).toBeLessThanOrEqual(7)
        for (const { task } of released.moved) ready.add(task.id)
        more = released.more
      }
      expect([...ready].sort()).toEqual(behind.map(({ id }) => id).sort())
      expect(await scene.store.release(7)).toEqual({ moved: [], more: false, anyWaits: false })
    })
  })
}

async function runningTasks(scene: Scene, count: number): Promise<Task[]> {
  const type = scene.ownType()
  await scene.submitAll(...Array.from({ length: count }, () => ({ type })))
  const claimed = await scene.claim(count, [{ type, concurrency: null }])
  expect(claimed).toHaveLength(count)
  return claimed.map(({ task }) => task)
}

function after(
  scene: Scene,
  predecessors: readonly Pick<Task, 'id'>[],
  onFailure: FailurePolicy = 'cancel',
  own: Partial<Submission> = {},
): Promise<Task> {
  const ids = predecessors.map(({ id }) => id)
  return scene.submit({ type: scene.ownType(), predecessors: { ids, onFailure }, ...own })
}

/** The settlement is not followed by an audit: two of them may be made at once. */
async function end(scene: Scene, { id, fence }: Pick<Task, 'id' | 'fence'>, outcome: Outcome) {
  const [settled] = await scene.store.settle(scene.node, [{ id, fence, outcome, activeMs: 0 }])
  return settled!
}

async function cancel(scene: Scene, task: Task): Promise<void> {
  await scene.control('cancel', task)
  await end(scene, task, { kind: 'cancelled', endedBy: 'cooperative' })
}

/** Counts all that has ended. */
async function release(scene: Scene) {
  const { moved } = await scene.store.release(100)
  await scene.audit.check()
  return moved
}
