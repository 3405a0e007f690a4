import { describe, expect } from 'vitest'
import type { Submission } from '../../src/core/task.ts'
import { fromApi } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const keyed = { idempotencyKey: 'key', requestHash: 'hash' }

export function submitting(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('submit', () => {
    test('keeps everything the caller sent, and starts the timeline', async (scene) => {
      const now = scene.clock.now()
      const draft = scene.draft({
        type: 'resize',
        parameters: '{"files":["a.png"]}',
        priority: -7,
        runAt: now,
        timeout: 90_000,
        maxAttempts: 5,
        backoff: { base: 10, factor: 3, max: 100, jitter: 0.5 },
        tags: ['blue', 'größer'],
        ...keyed,
      })
      await scene.store.submit([draft], { ...fromApi, by: 'alice' })
      const { parameters, delay: _, ...kept } = draft
      const record = await scene.record(draft)
      // A stored hash of guessable parameters must need the key as well.
      const requestHash =
        kind.encrypts === true ? (expect.stringMatching(/^enc:/) as string) : kept.requestHash
      expect(record.task).toMatchObject({
        ...kept,
        requestHash,
        status: 'queued',
        version: 1,
        fence: 0,
        attempt: 0,
      })
      expect(record).toMatchObject({ parameters, checkpoint: null, result: null })
      expect(record.timeline).toEqual([
        { version: 1, at: now, event: 'submitted', status: 'queued', attempt: 0, by: 'alice' },
      ])
    })

    test('schedules tasks that are due later, and queues those due now', async (scene) => {
      const now = scene.clock.now()
      const [later, present, past] = await scene.submitAll(
        { runAt: now + 1 },
        { runAt: now },
        { runAt: now - 1 },
      )
      expect([later?.status, present?.status, past?.status]).toEqual(['scheduled', 'queued', 'queued'])
    })

    test('counts a delay from its own time, whatever time its callers have', async (scene) => {
      const [later] = await scene.submitAll({ delay: 500 })
      expect(later).toMatchObject({ status: 'scheduled', runAt: scene.store.now() + 500 })
      expect(await scene.store.promote(10)).toEqual({ moved: [], dueIn: 500 })
      await scene.clock.advance(500)
      expect(await scene.promote()).toMatchObject([{ task: { id: later?.id, status: 'queued' } }])
    })

    test('assigns queue positions in batch order', async (scene) => {
      const tasks = await scene.submitAll({}, {}, {})
      const positions = tasks.map(({ queuePosition }) => queuePosition)
      expect(positions).toEqual(positions.toSorted((a, b) => a - b))
      expect(new Set(positions).size).toBe(3)
    })

    test('of nothing is accepted, even by a full store', async (scene) => {
      expect(await scene.store.submit([], { by: 'api', maxQueued: 0 })).toEqual({
        kind: 'accepted',
        tasks: [],
      })
    })

    test('is all or nothing: an id that is taken refuses the whole batch', async (scene) => {
      const taken = await scene.submit()
      await expect(submit(scene, {}, { id: taken.id }, {})).rejects.toThrow(Error)
      expect(await scene.audit.check()).toHaveLength(1)
      await expect(submit(scene, { id: 'twice' }, { id: 'twice' })).rejects.toThrow(Error)
      expect(await scene.store.get('twice')).toBeNull()
    })
  })

  describe('an idempotency key', () => {
    test('returns the current state of the original task for a replay', async (scene) => {
      const original = await scene.submit(keyed)
      const { task: claimed } = await scene.claimOne(original)
      const expected = { kind: 'accepted', tasks: [{ task: claimed, replayed: true }] }
      expect(await submit(scene, keyed)).toEqual(expected)
      await scene.settle(claimed, { kind: 'completed', result: '1' })
      expect(await submit(scene, keyed)).toMatchObject({ tasks: [{ task: { status: 'completed' } }] })
    })

    test('refuses a different request, and names its task', async (scene) => {
      const { id } = await scene.submit(keyed)
      const answer = await submit(scene, {}, { ...keyed, requestHash: 'another' })
      expect(answer).toEqual({ kind: 'conflict', index: 1, id })
      expect(await scene.audit.check()).toHaveLength(1)
    })

    test('returns the original task in its place in a batch', async (scene) => {
      const original = await scene.submit(keyed)
      const answer = await submit(scene, {}, keyed, {})
      expect(answer).toMatchObject({
        tasks: [{ replayed: false }, { replayed: true, task: original }, { replayed: false }],
      })
      expect(await scene.audit.check()).toHaveLength(3)
    })

    test('twice in one batch is one task', async (scene) => {
      const answer = await submit(scene, { ...keyed, id: 'first' }, { ...keyed, id: 'second' })
      expect(answer).toMatchObject({
        tasks: [
          { replayed: false, task: { id: 'first' } },
          { replayed: true, task: { id: 'first' } },
        ],
      })
      expect(await scene.store.get('second')).toBeNull()
    })

    test('twice in one batch for different requests refuses the batch', async (scene) => {
      const other = { ...keyed, requestHash: 'another' }
      const answer = await submit(scene, {}, { ...keyed, id: 'first' }, other)
      expect(answer).toEqual({ kind: 'conflict', index: 2, id: 'first' })
      expect(await scene.audit.check()).toHaveLength(0)
    })

    test('lives as long as its task', async (scene) => {
      const original = await scene.submit(keyed)
      await scene.control('cancel', original)
      await scene.store.prune(-1, 1)
      const other = await submit(scene, { ...keyed, requestHash: 'another' })
      expect(other).toMatchObject({ tasks: [{ replayed: false }] })
    })
  })

  describe('a full queue', () => {
    const atMost = (maxQueued: number) => ({ by: 'api', maxQueued })

    test('refuses a batch beyond the limit completely', async (scene) => {
      await scene.submitAll({}, { runAt: scene.clock.now() + 1 })
      const two = [scene.draft(), scene.draft()]
      expect(await scene.store.submit(two, atMost(3))).toEqual({ kind: 'full' })
      expect(await scene.audit.check()).toHaveLength(2)
      expect(await scene.store.submit(two.slice(1), atMost(3))).toMatchObject({ kind: 'accepted' })
    })

    test('does not count tasks that are no longer waiting', async (scene) => {
      await scene.submitAll({}, {}, {})
      const [running] = await scene.claim(1)
      await scene.control('pause', { id: 'task-2' })
      await scene.control('cancel', { id: 'task-3' })
      expect(running?.task.id).toBe('task-1')
      expect(await scene.store.submit([scene.draft()], atMost(1))).toMatchObject({ kind: 'accepted' })
    })

    test('still returns originals for replays', async (scene) => {
      const original = await scene.submit(keyed)
      const answer = await scene.store.submit([scene.draft(keyed)], atMost(0))
      expect(answer).toEqual({ kind: 'accepted', tasks: [{ task: original, replayed: true }] })
    })

    test('does not count a replay within the batch', async (scene) => {
      const answer = await scene.store.submit([scene.draft(keyed), scene.draft(keyed)], atMost(1))
      expect(answer).toMatchObject({ tasks: [{ replayed: false }, { replayed: true }] })
    })
  })
}

async function submit(scene: Scene, ...drafts: Partial<Submission>[]) {
  const answer = scene.store.submit(
    drafts.map((draft) => scene.draft(draft)),
    fromApi,
  )
  return answer
}
