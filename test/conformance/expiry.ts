import { describe, expect } from 'vitest'
import type { Submission, Task } from '../../src/core/task.ts'
import { boom, debouncedBy, fromApi } from '../support/tasks.ts'
import { anyNumberOf, one, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const minute = 60_000

/** Tasks that must start in time. */
export function expiry(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a task that must start in time', () => {
    test('shows when it expires until it starts, and not any more after that', async (scene) => {
      const task = await scene.submit({ expiresIn: minute })
      expect(task).toMatchObject({ expiresIn: minute, expiresAt: scene.clock.now() + minute })
      expect(await scene.task(task)).toEqual(task)
      const { task: started } = await scene.claimOne(task)
      expect(started).toMatchObject({ expiresIn: minute, expiresAt: null })
      const other = await scene.submit()
      expect(other).toMatchObject({ expiresIn: null, expiresAt: null })
    })

    test('is claimed up to its last millisecond, and not in the next one', async (scene) => {
      await scene.submitAll({ id: 'first', expiresIn: minute }, { id: 'second', expiresIn: minute })
      await scene.clock.advance(minute - 1)
      expect(idsOf(await scene.claim(1))).toEqual(['first'])
      await scene.clock.advance(1)
      expect(await scene.claim()).toEqual([])
    })

    test('does not hold back what is behind it, whether it has been ended yet or not', async (scene) => {
      const expiring = Array.from({ length: 30 }, (_, index) => ({ priority: index % 2, expiresIn: 10 }))
      await scene.submitAll(...expiring, { id: 'alone', priority: -1 }, { id: 'last', priority: -2 })
      await scene.clock.advance(10)
      expect(idsOf(await scene.claim(1))).toEqual(['alone'])
      expect(await scene.expire()).toHaveLength(30)
      expect(idsOf(await scene.claim(1))).toEqual(['last'])
    })

    test('does not hold back what is behind it in its lane, nor in others', async (scene) => {
      await scene.store.limits.put({
        name: 'one',
        concurrency: 1,
        rate: null,
        scope: 'global',
        origin: 'api',
      })
      const of = (fairnessKey: string | null, own: Partial<Submission>): Partial<Submission> => ({
        admission: { limits: [{ name: 'one', key: '' }], fairnessKey, weight: 1, aging: null },
        ...own,
      })
      await scene.submitAll(
        of(null, { expiresIn: 10 }),
        of(null, { expiresIn: 10 }),
        of(null, { id: 'behind' }),
        of('a', { expiresIn: 10 }),
        of('a', { expiresIn: 10, id: 'never' }),
        of('b', { id: 'other' }),
      )
      await scene.clock.advance(10)
      const first = one(await scene.claim(10))
      await scene.settle(first.task, { kind: 'completed', result: '1' })
      expect(await scene.expire()).toHaveLength(4)
      const second = one(await scene.claim(10))
      await scene.settle(second.task, { kind: 'completed', result: '1' })
      expect(idsOf([first, second]).sort()).toEqual(['behind', 'other'])
      expect(await scene.claim(10)).toEqual([])
      const again = await scene.submit(of('a', {}))
      expect(idsOf(await scene.claim(10))).toEqual([again.id])
    })

    test('does not start as a suspect either', async (scene) => {
      const suspect = await scene.submit({ id: 'suspect' })
      for (const _ of [1, 2]) {
        await scene.claimOne(suspect)
        await scene.startNode()
        await scene.reap()
      }
      expect(await scene.task(suspect)).toMatchObject({ crashes: 2, expiresAt: null })
      await scene.submit({ expiresIn: 10 })
      await scene.clock.advance(10)
      expect(idsOf(await scene.claim())).toEqual(['suspect'])
    })

    test('ends as cancelled, whatever it waits for', async (scene) => {
      const predecessor = await scene.submit({ type: 'other' })
      const predecessors = { ids: [predecessor.id], onFailure: 'cancel' } as const
      const all = await scene.submitAll(
        { expiresIn: 10 },
        { expiresIn: 10, delay: minute },
        { expiresIn: 10, predecessors },
      )
      expect(all.map(({ status }) => status)).toEqual(['queued', 'scheduled', 'waiting'])
      expect(await scene.store.expire(10)).toEqual({ moved: [], dueIn: 10 })
      await scene.clock.advance(10)
      expect(await scene.expire()).toHaveLength(3)
      for (const task of all) {
        const { task: now, timeline } = await scene.record(task)
        expect(now).toMatchObject({
          status: 'cancelled',
          endedBy: 'expired',
          attempt: 0,
          missing: 0,
          expiresAt: task.expiresAt,
          completedAt: scene.clock.now(),
        })
        expect(timeline.at(-1)).toMatchObject({ event: 'expired', by: 'expirer', endedBy: 'expired' })
      }
      expect(await scene.store.expire(10)).toEqual({ moved: [], dueIn: null })
      await scene.settle((await scene.claimOne(predecessor)).task, { kind: 'completed', result: '1' })
      expect((await scene.store.release(10)).moved).toEqual([])
    })

    test('ends what waits for it', async (scene) => {
      const first = await scene.submit({ expiresIn: 10 })
      const second = await scene.submit({ predecessors: { ids: [first.id], onFailure: 'cancel' } })
      const third = await scene.submit({ predecessors: { ids: [first.id], onFailure: 'run' } })
      await scene.clock.advance(10)
      await scene.expire()
      await scene.store.release(10)
      expect(await scene.task(second)).toMatchObject({ status: 'cancelled', endedBy: null })
      expect(await scene.task(third)).toMatchObject({ status: 'queued' })
    })

    test('are ended the first ones first, and the rest is known', async (scene) => {
      await scene.submitAll(
        { id: 'b', expiresIn: 20 },
        { id: 'a', expiresIn: 10 },
        { id: 'c', expiresIn: 30 },
        { id: 'd', expiresIn: 1_000 },
      )
      await scene.clock.advance(30)
      expect(await scene.store.expire(2)).toMatchObject({
        moved: [{ task: { id: 'a' } }, { task: { id: 'b' } }],
        dueIn: 0,
      })
      expect(await scene.store.expire(2)).toMatchObject({ moved: [{ task: { id: 'c' } }], dueIn: 970 })
    })

    test('has as much time left after a pause as before it', async (scene) => {
      const task = await scene.submit({ expiresIn: 100 })
      await scene.clock.advance(60)
      await scene.control('pause', task)
      await scene.clock.advance(minute)
      expect(await scene.store.expire(10)).toEqual({ moved: [], dueIn: null })
      expect(await scene.control('resume', task)).toMatchObject({
        task: { status: 'queued', expiresAt: scene.clock.now() + 40 },
      })
      await scene.clock.advance(39)
      expect(await scene.expire()).toEqual([])
      await scene.clock.advance(1)
      expect(await scene.claim()).toEqual([])
      expect(await scene.expire()).toHaveLength(1)
    })

    test('expires at once when it is resumed, if its time was over before it was paused', async (scene) => {
      const task = await scene.submit({ expiresIn: 100 })
      await scene.clock.advance(200)
      await scene.control('pause', task)
      await scene.clock.advance(200)
      await scene.control('resume', task)
      expect(await scene.claim()).toEqual([])
      expect(await scene.expire()).toHaveLength(1)
    })

    test('may wait as long as it must once it has started', async (scene) => {
      const task = await scene.submit({ expiresIn: 100 })
      const { task: first } = await scene.claimOne(task)
      await scene.settle(first, { kind: 'failed', error: boom, retryIn: 1_000 })
      await scene.clock.advance(minute)
      expect(await scene.store.expire(10)).toEqual({ moved: [], dueIn: null })
      await scene.promote()
      const { task: second } = await scene.claimOne(task)
      await scene.control('pause', second)
      await scene.settle(second, { kind: 'released', why: 'drain' })
      await scene.control('resume', second)
      await scene.clock.advance(minute)
      await scene.claimOne(task)
    })

    test('has its whole time again when it is retried, unless it had started', async (scene) => {
      const [never, once] = await scene.submitAll({ expiresIn: 100 }, { expiresIn: 100, type: 'once' })
      const { task: started } = await scene.claimOne(once!)
      await scene.settle(started, { kind: 'failed', error: boom, retryIn: null })
      await scene.clock.advance(100)
      await scene.expire()
      for (const task of [never, once]) await scene.control('retry', task!)
      expect(await scene.task(never!)).toMatchObject({
        status: 'queued',
        endedBy: null,
        expiresAt: scene.clock.now() + 100,
      })
      expect(await scene.task(once!)).toMatchObject({ status: 'queued', expiresAt: null })
      await scene.clock.advance(100)
      expect(await scene.expire()).toMatchObject([{ task: { id: never!.id } }])
      await scene.claimOne(once!)
    })

    test('no longer has its unique key once its time is over', async (scene) => {
      for (const onConflict of ['return', 'reject', 'replace', 'debounce'] as const) {
        const own: Partial<Submission> =
          onConflict === 'debounce'
            ? debouncedBy('work')
            : { unique: { key: onConflict, while: 'unfinished', for: null, onConflict } }
        const before = await scene.submit({ ...own, expiresIn: minute })
        await scene.clock.advance(minute)
        const [made] = await accepted(scene, own)
        expect(made).toMatchObject({ replayed: false })
        expect((await scene.task(before)).status).toBe(before.status)
        // Its end takes nothing from the task that has the key now.
        expect(await scene.expire()).toMatchObject([{ task: { id: before.id } }])
        const [again] = await accepted(scene, { ...own, ...returning(own) })
        expect(again).toMatchObject({ existing: true, task: { id: made!.task.id } })
        expect(await scene.control('retry', before)).toMatchObject({ kind: 'taken', by: made!.task.id })
        await scene.control('cancel', made!.task)
      }
    })

    test('lets a retry have its key again once its time is over', async (scene) => {
      const unique = { key: 'key', while: 'unfinished', for: null, onConflict: 'return' } as const
      const before = await scene.submit({ unique })
      await scene.control('cancel', before)
      const holder = await scene.submit({ unique, expiresIn: 100 })
      expect(await scene.control('retry', before)).toMatchObject({ kind: 'taken', by: holder.id })
      await scene.clock.advance(100)
      expect(await scene.control('retry', before)).toMatchObject({ kind: 'moved' })
      await scene.expire()
      const [again] = await accepted(scene, { unique })
      expect(again).toMatchObject({ existing: true, task: { id: before.id } })
    })

    test('has its whole time again with newer parameters', async (scene) => {
      const own = { ...debouncedBy('work'), expiresIn: 2 * minute }
      const task = await scene.submit(own)
      await scene.clock.advance(30_000)
      await accepted(scene, own)
      expect((await scene.task(task)).expiresAt).toBe(scene.clock.now() + 2 * minute)
      await scene.control('pause', task)
      await scene.clock.advance(minute)
      await accepted(scene, own)
      await scene.clock.advance(minute)
      expect(await scene.control('resume', task)).toMatchObject({
        task: { expiresAt: scene.clock.now() + 2 * minute },
      })
    })

    test('is still the answer to its idempotency key', async (scene) => {
      const own = { idempotencyKey: 'key', requestHash: 'hash', expiresIn: 10 }
      const task = await scene.submit(own)
      await scene.clock.advance(10)
      expect(await accepted(scene, own)).toMatchObject([{ replayed: true, task: { id: task.id } }])
      await scene.expire()
      expect(await accepted(scene, own)).toMatchObject([
        { replayed: true, task: { id: task.id, status: 'cancelled' } },
      ])
    })

    test('makes room in the queue', async (scene) => {
      const few = { ...fromApi, maxQueued: 1 }
      await scene.store.submit([scene.draft({ expiresIn: 10 })], few)
      expect(await scene.store.submit([scene.draft()], few)).toEqual({ kind: 'full' })
      await scene.clock.advance(10)
      await scene.expire()
      expect(await scene.store.submit([scene.draft()], few)).toMatchObject({ kind: 'accepted' })
    })

    if (kind.shared) {
      test('starts on no node at the moment at which another one ends it', async (scene) => {
        const other = await scene.joinNode('other')
        const tasks = await scene.submitAll(...Array.from({ length: 50 }, () => ({ expiresIn: 10 })))
        await scene.clock.advance(9)
        const claims = Promise.all(
          [scene.node, other].map((node) =>
            scene.store.claim({ node, limit: 10, types: [anyNumberOf('work')] }),
          ),
        )
        await scene.clock.advance(1)
        const [claimed, { moved }] = await Promise.all([claims, scene.store.expire(100)])
        await scene.expire()
        for (const { task } of claimed.flat()) expect(task.startedAt).toBeLessThan(tasks[0]!.expiresAt!)
        const ended = await Promise.all(tasks.map((task) => scene.task(task)))
        const started = new Set(idsOf(claimed.flat()))
        for (const { id, status } of ended) expect(status).toBe(started.has(id) ? 'running' : 'cancelled')
        expect(moved.every(({ task }) => !started.has(task.id))).toBe(true)
      })
    }
  })
}

function returning({ unique }: Partial<Submission>): Partial<Submission> {
  if (unique === undefined || unique.onConflict === 'debounce') return {}
  return { unique: { ...unique, onConflict: 'return' } }
}

async function accepted(scene: Scene, own: Partial<Submission>) {
  const answer = await scene.store.submit([scene.draft(own)], fromApi)
  await scene.audit.check()
  if (answer.kind !== 'accepted') return expect.unreachable(answer.kind)
  return answer.tasks
}

function idsOf(claimed: readonly Readonly<{ task: Task }>[]): string[] {
  return claimed.map(({ task }) => task.id)
}
