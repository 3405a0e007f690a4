import { describe, expect } from 'vitest'
import { StoreUnavailable } from '../../src/core/errors.ts'
import { activeTime, pausedTime, queueTime, type Json } from '../../src/core/task.ts'
import { logLimit, timelineLimit } from '../../src/store/store.ts'
import { boom, fromApi } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function recording(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('the log', () => {
    const lines = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        at: from + index,
        attempt: 1,
        text: `line ${from + index} \u0000 🎵`,
      }))
    const numbers = async (scene: Scene, id: string) =>
      (await scene.store.log(id, 0, 5_000))?.map(({ number }) => number)

    test('keeps lines in order, from saves and settlements, and continues their numbers', async (scene) => {
      const task = await given.running(scene)
      const save = (log: ReturnType<typeof lines>) =>
        scene.store.save(scene.node, [{ id: task.id, fence: task.fence, log }])
      await Promise.all([save(lines(1, 2)), save(lines(3, 1))])
      await scene.settle(task, { kind: 'completed', result: '1' }, { log: lines(4, 1) })
      const kept = lines(1, 4).map((line, index) => ({ ...line, number: index + 1 }))
      expect(await scene.store.log(task.id, 0, 10)).toEqual(kept)
      expect(await scene.store.log(task.id, 1, 2)).toEqual(kept.slice(1, 3))
      expect(await scene.store.log(task.id, 4, 10)).toEqual([])
    })

    test('keeps the newest lines, and their numbers', async (scene) => {
      const task = await given.running(scene)
      for (let from = 1; from <= logLimit + 500; from += 300) {
        await scene.store.save(scene.node, [{ id: task.id, fence: task.fence, log: lines(from, 300) }])
      }
      const last = 300 * Math.ceil((logLimit + 500) / 300)
      expect(await numbers(scene, task.id)).toEqual(
        Array.from({ length: logLimit }, (_, index) => last - logLimit + 1 + index),
      )
    })

    test('accepts nothing from an older fence, and is deleted with its task', async (scene) => {
      const task = await given.running(scene)
      await scene.store.save(scene.node, [{ id: task.id, fence: task.fence - 1, log: lines(1, 1) }])
      expect(await numbers(scene, task.id)).toEqual([])
      await scene.settle(task, { kind: 'completed', result: '1' }, { log: lines(1, 1) })
      expect(await numbers(scene, task.id)).toEqual([1])
      await scene.store.purge([task.id])
      expect(await scene.store.log(task.id, 0, 10)).toBeNull()
    })
  })

  describe('the timeline', () => {
    test('costs the same for every retry, however long an error is: only the row has all of it', async (scene) => {
      const error = { ...boom, message: 'm'.repeat(4_096), stack: 's'.repeat(8_192) }
      const task = await scene.submit({ maxAttempts: 1_000 })
      for (let attempt = 1; attempt <= 120; attempt++) {
        const { task: claimed } = await scene.claimOne(task)
        await scene.settle(claimed, { kind: 'failed', error, retryIn: 0 })
      }
      const record = await scene.record(task)
      expect(record.task.error).toEqual({ ...error, fingerprint: expect.any(String) })
      expect(record.timeline.at(-1)).toMatchObject({
        error: { code: 'BOOM', message: `${'m'.repeat(299)}…` },
      })
      expect(JSON.stringify(record.timeline).length).toBeLessThan(100_000)
    })

    test('records what happened, when, by whom and why', async (scene) => {
      const start = scene.clock.now()
      const task = await scene.submit()
      await scene.clock.advance(10)
      const { task: claimed } = await scene.claimOne(task)
      await scene.clock.advance(10)
      await scene.settle(claimed, { kind: 'failed', error: boom, retryIn: 100 })
      await scene.control('cancel', task, { by: 'Änne', why: 'not "needed"' })
      const line = (
        version: number,
        at: number,
        event: string,
        status: string,
        attempt: number,
        by: string,
      ) => ({ version, at, event, status, attempt, by })
      expect((await scene.record(task)).timeline).toEqual([
        line(1, start, 'submitted', 'queued', 0, 'api'),
        line(2, start + 10, 'claimed', 'running', 1, scene.node),
        { ...line(3, start + 20, 'retry_scheduled', 'scheduled', 1, scene.node), error: boom },
        { ...line(4, start + 20, 'cancelled', 'cancelled', 1, 'Änne'), why: 'not "needed"' },
      ])
    })

    test('repeats a recurring error', async (scene) => {
      const task = await scene.submit()
      for (let failure = 0; failure < 2; failure++) {
        const { task: claimed } = await scene.claimOne(task)
        await scene.settle(claimed, { kind: 'failed', error: boom, retryIn: 0 })
      }
      const { timeline } = await scene.record(task)
      expect(timeline.filter(({ error }) => error !== undefined)).toHaveLength(2)
    })

    test('keeps the first entry and the newest', async (scene) => {
      const task = await scene.submit()
      const turns = 160
      for (let turn = 0; turn < turns; turn++) {
        await scene.store.control([
          { id: task.id, control: 'pause', by: 'api' },
          { id: task.id, control: 'resume', by: 'api' },
        ])
      }
      const { timeline, task: now } = await scene.record(task)
      expect(now.version).toBe(1 + 2 * turns)
      const newest = Array.from({ length: timelineLimit - 1 }, (_, index) => now.version - index).toReversed()
      expect(timeline.map(({ version }) => version)).toEqual([1, ...newest])
    })

    test('is left out of a brief read, like checkpoint and result', async (scene) => {
      const { id } = await given.completed(scene)
      const { task, parameters } = await scene.record({ id })
      const brief = { task, parameters, checkpoint: null, result: null, timeline: [] }
      expect(await scene.store.read(id, { brief: true })).toEqual(brief)
      expect(await scene.store.get(id)).toEqual(task)
    })
  })

  describe('time', () => {
    test('in the queue, running and paused adds up', async (scene) => {
      const times = async () => {
        const task = await scene.task({ id: 'task-1' })
        const now = scene.clock.now()
        return [queueTime(task, now), activeTime(task, now), pausedTime(task, now)]
      }
      const task = await scene.submit()
      await scene.clock.advance(1)
      expect(await times()).toEqual([1, 0, 0])
      const { task: first } = await scene.claimOne(task)
      await scene.clock.advance(20)
      expect(await times()).toEqual([1, 20, 0])
      await park(scene, 20)
      await scene.clock.advance(300)
      expect(await times()).toEqual([1, 20, 300])
      await scene.control('resume', task)
      await scene.clock.advance(4)
      expect(await times()).toEqual([5, 20, 300])
      const { task: second } = await scene.claimOne(first)
      await scene.clock.advance(50)
      await scene.settle(second, { kind: 'completed', result: '1' }, { activeMs: 70 })
      await scene.clock.advance(6_000)
      expect(await times()).toEqual([5, 70, 300])
    })

    test('of a run continues while a pause is requested, and after it is withdrawn', async (scene) => {
      const { id } = await given.running(scene)
      const active = async () => activeTime(await scene.task({ id }), scene.clock.now())
      for (const control of ['pause', 'resume', 'pause', 'cancel'] as const) {
        const before = await active()
        await scene.clock.advance(10)
        await scene.control(control, { id })
        expect(await active()).toBe(before + 10)
      }
    })

    test('of a lost run counts up to its last sign of life', async (scene) => {
      const { id, fence } = await given.running(scene)
      await scene.clock.advance(10)
      await scene.control('pause', { id })
      await scene.clock.advance(20)
      await scene.store.save(scene.node, [{ id, fence, checkpoint: '1' }])
      await scene.clock.advance(5_000)
      await scene.startNode()
      await scene.reap()
      expect(await scene.task({ id })).toMatchObject({ activeMs: 30, status: 'paused' })
    })

    test('for a timeout starts over with each attempt, and continues after a pause', async (scene) => {
      const task = await scene.submit()
      const { task: first } = await scene.claimOne(task)
      await park(scene, 30)
      await scene.control('resume', task)
      const { task: resumed } = await scene.claimOne(first)
      expect(resumed).toMatchObject({ activeMs: 30, attemptBaseMs: 0 })
      await scene.settle(resumed, { kind: 'failed', error: boom, retryIn: 0 }, { activeMs: 42.4 })
      const { task: second } = await scene.claimOne(task)
      expect(second).toMatchObject({ activeMs: 42, attemptBaseMs: 42 })
    })
  })

  describe('promote', () => {
    test('moves due tasks, earliest first, and returns the time until the next one', async (scene) => {
      const now = scene.clock.now()
      const due = (id: string, ms: number) => ({ id, runAt: now + ms })
      await scene.submitAll(due('third', 30), due('first', 10), due('second', 20), due('late', 1_000))
      expect(await scene.store.promote(10)).toEqual({ moved: [], dueIn: 10 })
      await scene.clock.advance(30)
      const { moved, dueIn } = await scene.store.promote(2)
      expect(moved.map(({ task }) => task.id)).toEqual(['first', 'second'])
      expect(dueIn).toBe(0)
      expect(await scene.store.promote(10)).toMatchObject({ moved: [{}], dueIn: 970 })
      const claimed = await scene.claim()
      expect(claimed.map(({ task }) => task.id)).toEqual(['first', 'second', 'third'])
      await scene.control('cancel', { id: 'late' })
      expect(await scene.store.promote(10)).toEqual({ moved: [], dueIn: null })
    })
  })

  describe('a document', () => {
    const documents: [string, unknown][] = [
      ['with a null character', 'a\u0000b'],
      ['with half a surrogate pair', { '\uD83C': '\uDF88' }],
      ['with letters of all planes', ['é', '漢', '🎈', '\u2028', '\uFFFF']],
      ['of a mebibyte', 'x'.repeat(1_048_576)],
      ['of a deep nest', Array.from({ length: 500 }).reduce((inner: unknown) => [inner], 1)],
      ['of nothing', null],
    ]
    for (const [name, value] of documents) {
      test(`${name} is restored unchanged`, async (scene) => {
        const text: Json = JSON.stringify(value)
        const task = await scene.submit({ parameters: text })
        const { task: claimed, parameters } = await scene.claimOne(task)
        expect(parameters === text).toBe(true)
        await scene.settle(claimed, { kind: 'completed', result: text }, { checkpoint: text })
        const record = await scene.record(task)
        expect([record.parameters, record.checkpoint, record.result].every((each) => each === text)).toBe(
          true,
        )
      })
    }

    test('in an error or a progress message is restored unchanged', async (scene) => {
      const task = await given.running(scene)
      const odd = 'null \u0000, half \uD83C, whole 🎈'
      const error = { ...boom, message: odd }
      const progress = { current: 1, message: odd, at: 0 }
      await scene.settle(task, { kind: 'failed', error, retryIn: null }, { progress })
      const { task: failed, timeline } = await scene.record(task)
      expect(failed).toMatchObject({ error, progress })
      // A timeline keeps errors in short form, as well-formed text that every reader can show.
      expect(timeline.at(-1)).toMatchObject({ error: { ...error, message: odd.toWellFormed() } })
    })
  })

  describe('writes of one turn', () => {
    const bad = Symbol('what no store can keep') as unknown as Json

    test('are all answered', async (scene) => {
      const submits = Array.from({ length: 200 }, () => scene.store.submit([scene.draft()], fromApi))
      const answers = await Promise.all(submits)
      expect(answers.every(({ kind }) => kind === 'accepted')).toBe(true)
      expect(await scene.audit.check()).toHaveLength(200)
    })

    test('are not affected by a bad one among them', async (scene) => {
      const [done, stuck] = [await given.running(scene), await given.running(scene)]
      const complete = ({ id, fence }: given.Known, result: Json) =>
        scene.store.settle(scene.node, [{ id, fence, activeMs: 0, outcome: { kind: 'completed', result } }])
      const answers = await Promise.allSettled([
        scene.store.submit([scene.draft({ id: 'before' })], fromApi),
        scene.store.submit([scene.draft(), scene.draft({ id: 'bad', parameters: bad })], fromApi),
        complete(done, '1'),
        complete(stuck, bad),
        scene.store.save(scene.node, [{ id: stuck.id, fence: stuck.fence, checkpoint: bad }]),
        scene.store.submit([scene.draft({ id: 'after' })], fromApi),
      ])
      expect(answers.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
        'rejected',
        'fulfilled',
      ])
      expect(await scene.task(stuck)).toMatchObject({ status: 'running', version: stuck.version })
      const records = await scene.audit.check()
      expect(records.map(({ task }) => task.id).toSorted()).toEqual(['after', 'before', done.id, stuck.id])
      // Queue positions are not affected either.
      const [before, after] = [await scene.task({ id: 'before' }), await scene.task({ id: 'after' })]
      expect(before.queuePosition).toBeLessThan(after.queuePosition)
    })
  })

  describe('a store that was closed', () => {
    test('has answered calls in progress, and refuses the rest', async (scene) => {
      const { store } = scene
      const underWay = store.submit([scene.draft()], fromApi)
      await store[Symbol.asyncDispose]()
      expect(await underWay).toMatchObject({ kind: 'accepted' })
      await expect(store.submit([scene.draft()], fromApi)).rejects.toThrow(StoreUnavailable)
      await expect(store.get('task-1')).rejects.toThrow(StoreUnavailable)
      await scene.reopen()
      if (!kind.durable) await scene.startNode()
      else expect(await scene.task({ id: 'task-1' })).toMatchObject({ status: 'queued' })
    })
  })
}

/** Pauses the running task at a pause point after this active time. */
async function park(scene: Scene, activeMs: number): Promise<void> {
  const id = 'task-1'
  await scene.control('pause', { id })
  const task = await scene.task({ id })
  await scene.settle(task, { kind: 'paused', controlVersion: task.version }, { activeMs })
}
