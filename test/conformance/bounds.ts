import { describe, expect } from 'vitest'
import type { Submission } from '../../src/core/task.ts'
import { boom, debouncedBy, fromApi, sleepOf } from '../support/tasks.ts'
import { anyNumberOf, one, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

/** How many tasks may wait of a type, and under a limit. */
export function bounds(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a maximum of tasks that wait', () => {
    test('of a type counts whatever waits for a start, and refuses the first one beyond it', async (scene) => {
      const few = { maxOfType: 3 }
      const predecessor = await scene.submit({ type: 'other' })
      const predecessors = { ids: [predecessor.id], onFailure: 'cancel' } as const
      await scene.submitAll(few, { ...few, delay: 60_000 }, { ...few, predecessors })
      expect(await submit(scene, few)).toEqual({ kind: 'crowded', index: 0, limit: null, max: 3 })
      expect(await submit(scene, { type: 'other', ...few })).toMatchObject({ kind: 'accepted' })
      expect(await submit(scene, {})).toMatchObject({ kind: 'accepted' })
      expect(await submit(scene, { maxOfType: 5 })).toMatchObject({ kind: 'accepted' })
      await scene.claim(2)
      expect(await submit(scene, few)).toMatchObject({ kind: 'crowded' })
      await scene.claim(1)
      expect(await submit(scene, few)).toMatchObject({ kind: 'accepted' })
    })

    test('of a limit counts for each of its keys', async (scene) => {
      await maximum(scene, 2)
      await scene.submitAll(under('a'), under('a'), under('b'))
      expect(await submit(scene, under('a'))).toEqual({
        kind: 'crowded',
        index: 0,
        limit: { name: 'few', key: 'a' },
        max: 2,
      })
      expect(await submit(scene, under('b'), { type: 'other', ...under('b') })).toMatchObject({
        kind: 'crowded',
        index: 1,
        limit: { key: 'b' },
      })
      await scene.submit(under('b'))
      const started = await scene.claim(1)
      const { key } = one(started[0]!.task.admission!.limits)
      expect(await submit(scene, under(key))).toMatchObject({ kind: 'accepted' })
      expect(await submit(scene, under(key))).toMatchObject({ kind: 'crowded' })
    })

    test('holds for a whole batch or none of it', async (scene) => {
      await maximum(scene, 2)
      expect(await submit(scene, under('a'), {}, under('a'), under('a'))).toEqual({
        kind: 'crowded',
        index: 3,
        limit: { name: 'few', key: 'a' },
        max: 2,
      })
      expect(await submit(scene, { maxOfType: 1 }, { maxOfType: 1 })).toMatchObject({
        kind: 'crowded',
        index: 1,
        limit: null,
      })
      expect(await scene.audit.check()).toEqual([])
      expect(await submit(scene, under('a'), under('a'), under('b'))).toMatchObject({ kind: 'accepted' })
    })

    test('counts what is paused, ended, resumed and retried as it is now', async (scene) => {
      await maximum(scene, 1)
      const isFull = async () => (await submit(scene, under('a'))).kind === 'crowded'
      const task = await scene.submit({ type: 'other', ...under('a') })
      expect(await isFull()).toBe(true)
      await scene.control('pause', task)
      const second = await scene.submit({ type: 'second', ...under('a') })
      await scene.control('resume', task)
      await scene.control('cancel', second)
      expect(await isFull()).toBe(true)
      const { task: run } = await scene.claimOne(task)
      await scene.settle(run, { kind: 'failed', error: boom, retryIn: 1_000 })
      expect(await isFull()).toBe(true)
      await scene.clock.advance(1_000)
      await scene.promote()
      const { task: again } = await scene.claimOne(task)
      await scene.control('pause', again)
      await scene.settle(again, { kind: 'released', why: 'drain' })
      await scene.control('cancel', again)
      expect(await submit(scene, { type: 'third', ...under('a') })).toMatchObject({ kind: 'accepted' })
      await scene.control('retry', second)
      await scene.claim(1, [anyNumberOf('third')])
      expect(await isFull()).toBe(true)
      await scene.claimOne(second)
      expect(await isFull()).toBe(false)
    })

    test('does not count what sleeps until it is queued again', async (scene) => {
      await maximum(scene, 1)
      const few = { maxOfType: 1, ...under('a') }
      const first = await scene.submit(few)
      await scene.claim(1)
      await scene.settle(await scene.task(first), sleepOf(60_000, scene.clock.now()))
      expect(await scene.task(first)).toMatchObject({ status: 'waiting' })
      expect(await submit(scene, few, few)).toMatchObject({ kind: 'crowded', index: 1, limit: null })
      expect(await submit(scene, few)).toMatchObject({ kind: 'accepted' })
      expect(await submit(scene, few)).toEqual({ kind: 'crowded', index: 0, limit: null, max: 1 })
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'crowded', limit: { key: 'a' } })
      await scene.claim(1)
      await scene.clock.advance(60_000)
      await scene.store.promote(10)
      expect(await scene.task(first)).toMatchObject({ status: 'queued' })
      expect(await submit(scene, few)).toMatchObject({ kind: 'crowded', limit: null })
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'crowded', limit: { key: 'a' } })
      await scene.claim(1)
      expect(await submit(scene, few)).toMatchObject({ kind: 'accepted' })
    })

    test('does not count what a submit replaces, returns or debounces', async (scene) => {
      await maximum(scene, 1)
      const unique = { key: 'u', while: 'unfinished', for: null } as const
      const replacing = { ...under('a'), maxOfType: 1, unique: { ...unique, onConflict: 'replace' } } as const
      const first = await scene.submit(replacing)
      expect(await submit(scene, replacing)).toMatchObject({
        kind: 'accepted',
        moved: [{ task: { id: first.id } }],
      })
      const returning = { ...replacing, unique: { ...unique, onConflict: 'return' } } as const
      expect(await submit(scene, returning)).toMatchObject({ tasks: [{ existing: true }] })
      expect(await submit(scene, { ...under('a'), type: 'other' })).toMatchObject({ kind: 'crowded' })
      expect(await submit(scene, replacing, replacing)).toMatchObject({ kind: 'accepted' })
      const debounced = { ...debouncedBy('third'), maxOfType: 1 }
      await scene.submit(debounced)
      expect(await submit(scene, debounced)).toMatchObject({ tasks: [{ existing: true }] })
    })

    test('of a limit can be set and taken away while tasks wait', async (scene) => {
      await scene.submitAll(under('a'), under('a'), under('a'))
      await maximum(scene, 2)
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'crowded', max: 2 })
      await maximum(scene, 4)
      expect(await scene.store.limits.list()).toMatchObject([{ limit: { name: 'few', maxQueued: 4 } }])
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'accepted' })
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'crowded', max: 4 })
      await scene.store.limits.remove('few')
      expect(await submit(scene, under('a'))).toMatchObject({ kind: 'accepted' })
    })

    test('makes ticks of a schedule wait', async (scene) => {
      await maximum(scene, 2)
      const submissions = [1, 2, 3].map(() => scene.draft({ maxOfType: 2 }))
      expect(await scene.store.submit(submissions, fromApi)).toMatchObject({ kind: 'crowded', index: 2 })
      expect(await scene.store.submit(submissions.slice(0, 2), fromApi)).toMatchObject({ kind: 'accepted' })
    })

    if (kind.durable) {
      test('is as full as before when the store is opened again', async (scene) => {
        await maximum(scene, 2)
        await scene.submitAll(under('a'), under('a'))
        await scene.reopen()
        await scene.startNode()
        expect(await submit(scene, under('a'))).toMatchObject({ kind: 'crowded' })
        expect(await submit(scene, { maxOfType: 2 })).toMatchObject({ kind: 'crowded' })
      })
    }

    test('is exact, however many submit at once', async (scene) => {
      await maximum(scene, 7)
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          scene.store.submit(
            [scene.draft(index % 2 === 0 ? under('a') : { type: 'other', maxOfType: 5 })],
            fromApi,
          ),
        ),
      )
      expect(answers.filter(({ kind: answer }) => answer === 'accepted')).toHaveLength(12)
      const { byType } = await scene.store.counts()
      expect(byType).toEqual({ work: { queued: 7 }, other: { queued: 5 } })
    })
  })
}

async function maximum(scene: Scene, maxQueued: number): Promise<void> {
  const limit = {
    name: 'few',
    concurrency: null,
    rate: null,
    maxQueued,
    scope: 'global',
    origin: 'api',
  } as const
  await scene.store.limits.put(limit)
}

function under(key: string): Partial<Submission> {
  return { admission: { limits: [{ name: 'few', key }], fairnessKey: null, weight: 1, aging: null } }
}

async function submit(scene: Scene, ...own: Partial<Submission>[]) {
  const answer = await scene.store.submit(
    own.map((each) => scene.draft(each)),
    fromApi,
  )
  await scene.audit.check()
  return answer
}
