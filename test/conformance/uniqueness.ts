import { describe, expect } from 'vitest'
import type { Submission } from '../../src/core/task.ts'
import type { ConflictAction, UniqueRequest } from '../../src/core/unique-options.ts'
import { by, debouncedBy, fromApi } from '../support/tasks.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

/** A submit with this key, if it is not said otherwise while its task is unfinished. */
function keyed(onConflict: ConflictAction, more: Partial<UniqueRequest> = {}): Partial<Submission> {
  return { unique: { key: 'key \0 \uFFFF', while: 'unfinished', for: null, onConflict, ...more } }
}

const isNew = { kind: 'accepted', tasks: [{ replayed: false }] }
const existing = (id: string) => ({ tasks: [{ replayed: true, existing: true, task: { id } }] })

export function uniqueness(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a unique key', () => {
    test('is on the task, and returns the task that has it, in its current state', async (scene) => {
      const task = await scene.submit(keyed('return'))
      expect(task.unique).toEqual({ key: 'key \0 \uFFFF', while: 'unfinished', for: null })
      const { task: claimed } = await scene.claimOne(task)
      expect(await submit(scene, keyed('return'))).toEqual({
        kind: 'accepted',
        tasks: [{ task: claimed, replayed: true, existing: true }],
      })
      expect(await scene.audit.check()).toHaveLength(1)
    })

    test('rejects, and names the task that has it', async (scene) => {
      const { id } = await scene.submit(keyed('return'))
      expect(await submit(scene, {}, keyed('reject'))).toEqual({ kind: 'taken', index: 1, id })
      expect(await scene.audit.check()).toHaveLength(1)
    })

    test('replaces a task that waits, scheduled, queued or paused', async (scene) => {
      const now = scene.clock.now()
      let before = await scene.submit({ ...keyed('replace'), runAt: now + 1_000 })
      for (const pause of [false, true, false]) {
        if (pause) await scene.control('pause', before)
        const answer = await submit(scene, keyed('replace'))
        if (answer.kind !== 'accepted') return expect.unreachable(answer.kind)
        const [made] = answer.tasks
        expect(answer.moved).toMatchObject([
          { before: { id: before.id }, task: { id: before.id, status: 'cancelled' } },
        ])
        const { task, timeline } = await scene.record(before)
        expect(task).toMatchObject({ status: 'cancelled', requestedControl: 'cancel', endedBy: null })
        expect(timeline.at(-1)).toMatchObject({
          event: 'cancelled',
          by: 'api',
          why: expect.stringContaining(made!.task.id),
        })
        before = made!.task
      }
      expect(await scene.claim(10)).toMatchObject([{ task: { id: before.id } }])
    })

    test('replaces no task whose code may be alive', async (scene) => {
      const { task } = await scene.claimOne(await scene.submit(keyed('replace')))
      const taken = { kind: 'taken', index: 0, id: task.id }
      expect(await submit(scene, keyed('replace'))).toEqual(taken)
      const { version } = await scene.task(task)
      await scene.control('pause', task)
      await scene.settle(task, { kind: 'paused', controlVersion: version + 1 })
      expect(await submit(scene, keyed('replace'))).toEqual(taken)
      await scene.store.unpark(scene.node, [{ ...task, why: 'room was needed' }])
      expect(await submit(scene, keyed('replace'))).toMatchObject(isNew)
      expect(await scene.task(task)).toMatchObject({ status: 'cancelled' })
    })

    test('is one of its type', async (scene) => {
      await scene.submit(keyed('reject'))
      expect(await submit(scene, { ...keyed('reject'), type: 'other' })).toMatchObject(isNew)
      expect(await submit(scene, keyed('reject', { key: 'another' }))).toMatchObject(isNew)
    })

    test('lasts until the end in every unfinished state', async (scene) => {
      const task = await scene.submit({ ...keyed('reject'), runAt: scene.clock.now() + 10 })
      const taken = { kind: 'taken', index: 0, id: task.id }
      const isTaken = async () => expect(await submit(scene, keyed('reject'))).toEqual(taken)
      await isTaken()
      await scene.control('pause', task)
      await isTaken()
      await scene.control('resume', task)
      await scene.clock.advance(10)
      await scene.promote()
      await isTaken()
      const { task: running } = await scene.claimOne(task)
      await isTaken()
      await scene.settle(running, {
        kind: 'failed',
        error: { code: 'A', name: 'B', message: 'c' },
        retryIn: 5,
      })
      await isTaken()
      await scene.clock.advance(5)
      await scene.promote()
      const { task: again } = await scene.claimOne(task)
      await scene.control('cancel', again)
      await isTaken()
      await scene.settle(again, { kind: 'cancelled', endedBy: 'cooperative' })
      expect(await submit(scene, keyed('reject'))).toMatchObject(isNew)
    })

    test('lasts until the first start only, if so asked', async (scene) => {
      const queued = keyed('return', { while: 'queued' })
      const first = await scene.submit(queued)
      expect(await submit(scene, queued)).toMatchObject(existing(first.id))
      await scene.control('pause', first)
      expect(await submit(scene, queued)).toMatchObject(existing(first.id))
      await scene.control('resume', first)
      const { task } = await scene.claimOne(first)
      const [second] = await scene.submitAll(queued)
      expect(second?.id).not.toBe(first.id)
      // Back in the queue, it has started nonetheless.
      await scene.settle(task, { kind: 'released', why: 'drain' })
      expect(await submit(scene, queued)).toMatchObject(existing(second!.id))
      await scene.control('cancel', task)
      expect(await submit(scene, queued)).toMatchObject(existing(second!.id))
    })

    test('is free after its time, and the task that had it frees nothing when it ends', async (scene) => {
      const brief = keyed('reject', { for: 1_000 })
      const first = await scene.submit(brief)
      await scene.clock.advance(999)
      expect(await submit(scene, brief)).toEqual({ kind: 'taken', index: 0, id: first.id })
      await scene.clock.advance(1)
      const second = await scene.submit(brief)
      await scene.control('cancel', first)
      expect(await submit(scene, brief)).toEqual({ kind: 'taken', index: 0, id: second.id })
      await scene.clock.advance(1_000)
      await scene.control('cancel', second)
      expect(await submit(scene, brief)).toMatchObject(isNew)
    })

    test('is free once its task is lost for good, and stays taken while it runs again', async (scene) => {
      const task = await scene.submit(keyed('reject'))
      for (const _ of [1, 2]) {
        await scene.claimOne(task)
        await scene.startNode()
        await scene.reap({ poisonLimit: 1 })
        if ((await scene.task(task)).status === 'failed') break
        expect(await submit(scene, keyed('reject'))).toEqual({ kind: 'taken', index: 0, id: task.id })
      }
      await scene.claim(1)
      await scene.startNode()
      await scene.reap({ poisonLimit: 0 })
      expect((await scene.task(task)).status).toBe('failed')
      expect(await submit(scene, keyed('reject'))).toMatchObject(isNew)
    })

    test('twice in one batch does what two submits do', async (scene) => {
      const ids = { first: { id: 'first' }, second: { id: 'second' } }
      const batch = (action: ConflictAction, key: string) =>
        submit(
          scene,
          { ...keyed('return', { key }), id: `first ${key}` },
          { ...keyed(action, { key }), id: `second ${key}` },
          { ...keyed('return', { key }), id: `third ${key}` },
        )
      expect(await batch('return', 'a')).toMatchObject({
        tasks: [
          { replayed: false },
          { existing: true, task: { id: `${ids.first.id} a` } },
          { existing: true, task: { id: `${ids.first.id} a` } },
        ],
      })
      expect(await batch('replace', 'b')).toMatchObject({
        tasks: [
          { replayed: false },
          { replayed: false, task: { id: `${ids.second.id} b` } },
          { existing: true, task: { id: `${ids.second.id} b` } },
        ],
        moved: [{ task: { id: `${ids.first.id} b`, status: 'cancelled' } }],
      })
      expect(await batch('reject', 'c')).toEqual({ kind: 'taken', index: 1, id: `${ids.first.id} c` })
      expect(await scene.store.get('first c')).toBeNull()
      expect(await scene.task({ id: 'first b' })).toMatchObject({ status: 'cancelled', version: 2 })
      expect(await scene.claim(10)).toMatchObject([{ task: { id: 'first a' } }, { task: { id: 'second b' } }])
    })

    test('is taken again by a retry, which is refused while another task has it', async (scene) => {
      const first = await scene.submit(keyed('return'))
      await scene.control('cancel', first)
      const second = await scene.submit(keyed('reject'))
      expect(await scene.control('retry', first)).toMatchObject({ kind: 'taken', by: second.id })
      await scene.control('cancel', second)
      expect(await scene.control('retry', first)).toMatchObject({ kind: 'moved' })
      expect(await submit(scene, keyed('reject'))).toEqual({ kind: 'taken', index: 0, id: first.id })
      const both = [first, second].map(({ id }) => ({ id, control: 'retry', by: 'api' }) as const)
      await scene.control('cancel', first)
      expect(await scene.store.control(both)).toMatchObject([
        { kind: 'moved' },
        { kind: 'taken', by: first.id },
      ])
    })

    test('hands over to the next one within one call', async (scene) => {
      const first = await scene.submit(keyed('return'))
      await scene.control('cancel', first)
      const second = await scene.submit(keyed('reject'))
      const answers = await scene.store.control([
        { id: second.id, control: 'cancel', by: 'api' },
        { id: first.id, control: 'retry', by: 'api' },
      ])
      expect(answers).toMatchObject([{ kind: 'moved' }, { kind: 'moved' }])
      expect(await submit(scene, keyed('reject'))).toEqual({ kind: 'taken', index: 0, id: first.id })
    })

    test('is nothing that an idempotency key changes', async (scene) => {
      const once = { idempotencyKey: 'once', requestHash: 'hash' }
      const first = await scene.submit({ ...keyed('replace'), ...once })
      expect(await submit(scene, { ...keyed('replace'), ...once })).toMatchObject({
        tasks: [{ replayed: true, task: first }],
      })
      // A submit that led to an existing task has not used its key.
      const other = { idempotencyKey: 'other', requestHash: 'hash' }
      expect(await submit(scene, { ...keyed('return'), ...other })).toMatchObject(existing(first.id))
      await scene.control('cancel', first)
      expect(await submit(scene, { ...keyed('return'), ...other })).toMatchObject(isNew)
    })

    test('is taken for callers who may not see its task', async (scene) => {
      const { id } = await scene.submit({ ...keyed('return'), tags: ['red'] })
      const drafts = (['return', 'replace'] as const).map((action) =>
        scene.draft({ ...keyed(action), tags: ['blue'] }),
      )
      for (const draft of drafts) {
        expect(await scene.store.submit([draft], { ...fromApi, tags: ['blue'] })).toEqual({
          kind: 'taken',
          index: 0,
          id,
        })
      }
      const same = scene.draft({ ...keyed('return'), tags: ['red'] })
      expect(await scene.store.submit([same], { ...fromApi, tags: ['red', 'blue'] })).toMatchObject(
        existing(id),
      )
    })

    test('leads to no task in a full queue that is not there', async (scene) => {
      const { id } = await scene.submit(keyed('return'))
      const full = { by: 'api', maxQueued: 1 }
      expect(await scene.store.submit([scene.draft(keyed('return'))], full)).toMatchObject(existing(id))
      expect(await scene.store.submit([scene.draft()], full)).toEqual({ kind: 'full' })
    })

    test('records the cancel of a replaced task in the audit log', async (scene) => {
      const { id } = await scene.submit(keyed('return'))
      const [draft] = [scene.draft(keyed('replace'))]
      await scene.store.submit([draft], { ...fromApi, audit: by('alice') })
      const { entries } = await scene.store.audit.read({ filter: {}, after: null, scan: 10 })
      expect(entries).toMatchObject([
        { action: 'task.submit', taskId: draft.id },
        { action: 'task.cancel', taskId: id, caller: { name: 'alice' } },
      ])
    })

    if (kind.shared) {
      test('has one task, however many submit at the same moment', async (scene) => {
        const drafts = Array.from({ length: 10 }, () => scene.draft(keyed('return')))
        const answers = await Promise.all(drafts.map((draft) => scene.store.submit([draft], fromApi)))
        const ids = answers.map((answer) =>
          answer.kind === 'accepted' ? answer.tasks[0]!.task.id : answer.kind,
        )
        expect(new Set(ids).size).toBe(1)
      })
    }
  })

  describe('a debounce key', () => {
    const minute = 60_000
    const newer = (parameters: string, more: Partial<Submission> = {}, max: number | null = null) => ({
      ...debouncedBy('work', { max }),
      parameters,
      ...more,
    })

    test('gives the task the newest parameters, and lets it wait again', async (scene) => {
      const first = await scene.submit(newer('{"n":1}', { priority: 5 }))
      expect(first).toMatchObject({ status: 'scheduled', runAt: scene.clock.now() + minute })
      await scene.clock.advance(minute - 1)
      const answer = await submit(scene, newer('{"n":2}', { priority: 7, delay: 10_000 }))
      expect(answer).toMatchObject({
        tasks: [{ replayed: true, existing: true, task: { id: first.id, version: 2 } }],
        moved: [{ before: first, task: { id: first.id }, entry: { event: 'debounced', by: 'api' } }],
      })
      const { task, parameters, timeline } = await scene.record(first)
      expect({ task, parameters }).toMatchObject({
        task: { priority: 5, version: 2, runAt: scene.clock.now() + 10_000, delay: 10_000 },
        parameters: '{"n":2}',
      })
      expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'debounced'])
      await scene.clock.advance(9_999)
      expect(await scene.promote()).toEqual([])
      await scene.clock.advance(1)
      expect(await scene.promote()).toMatchObject([{ task: { id: first.id } }])
      expect(await scene.claim(10)).toMatchObject([{ task: { id: first.id }, parameters: '{"n":2}' }])
      expect(await submit(scene, newer('{"n":3}'))).toMatchObject(isNew)
    })

    test('waits no longer than its limit from the first submit', async (scene) => {
      const max = 90_000
      const { id, createdAt } = await scene.submit(newer('{"n":0}', {}, max))
      for (const [passed, left] of [
        [50_000, 40_000],
        [30_000, 10_000],
        [9_999, 1],
        [2, 0],
      ] as const) {
        await scene.clock.advance(passed)
        await submit(scene, newer(`{"n":${passed}}`, {}, max))
        const { task, parameters } = await scene.record({ id })
        expect(task.runAt).toBe(scene.clock.now() + left)
        expect(parameters).toBe(`{"n":${passed}}`)
      }
      expect((await scene.task({ id })).runAt).toBe(createdAt + max + 1)
      expect(await scene.promote()).toHaveLength(1)
    })

    test('changes a task in the queue, in its place, and a paused one', async (scene) => {
      const task = await scene.submit(newer('{"n":1}'))
      await scene.clock.advance(minute)
      await scene.promote()
      const { queuePosition } = await scene.task(task)
      await submit(scene, newer('{"n":2}'))
      expect(await scene.task(task)).toMatchObject({ status: 'queued', queuePosition })
      await scene.control('pause', task)
      await submit(scene, newer('{"n":3}'))
      expect(await scene.record(task)).toMatchObject({ task: { status: 'paused' }, parameters: '{"n":3}' })
      await scene.control('resume', task)
      expect(await scene.task(task)).toMatchObject({ status: 'scheduled', runAt: scene.clock.now() + minute })
    })

    test('twice in one batch is one task with the last parameters', async (scene) => {
      const answer = await submit(scene, newer('{"n":1}'), newer('{"n":2}'), newer('{"n":3}'))
      if (answer.kind !== 'accepted') return expect.unreachable(answer.kind)
      expect(answer.tasks.map(({ replayed }) => replayed)).toEqual([false, true, true])
      const [id, ...others] = answer.tasks.map(({ task }) => task.id)
      expect(others).toEqual([id, id])
      expect(await scene.record({ id: id! })).toMatchObject({ task: { version: 3 }, parameters: '{"n":3}' })
      expect(await scene.store.get('task-2')).toBeNull()
    })

    test('is not that of a task which is unique otherwise', async (scene) => {
      const { id } = await scene.submit(keyed('return', { key: 'work' }))
      expect(await submit(scene, newer('{"n":1}'))).toEqual({ kind: 'taken', index: 0, id })
      await scene.control('cancel', { id })
      const debounced = await scene.submit(newer('{"n":1}'))
      expect(await submit(scene, keyed('return', { key: 'work' }))).toMatchObject(existing(debounced.id))
      expect(await submit(scene, keyed('replace', { key: 'work' }))).toMatchObject(isNew)
    })

    test('is counted as a submit in the audit log, and invisible to others', async (scene) => {
      const { id } = await scene.submit(newer('{"n":1}', { tags: ['red'] }))
      const foreign = scene.draft(newer('{"n":2}', { tags: ['blue'] }))
      expect(await scene.store.submit([foreign], { ...fromApi, tags: ['blue'] })).toEqual({
        kind: 'taken',
        index: 0,
        id,
      })
      await scene.store.submit([scene.draft(newer('{"n":3}'))], { ...fromApi, audit: by('alice') })
      const { entries } = await scene.store.audit.read({ filter: {}, after: null, scan: 10 })
      expect(entries).toMatchObject([{ action: 'task.submit', taskId: id, count: 1 }])
      expect(await scene.record({ id })).toMatchObject({ parameters: '{"n":3}' })
    })
  })

  describe('a queue of unique tasks', () => {
    test('claims what replaced and what was replaced once', async (scene) => {
      for (let round = 0; round < 3; round++) await scene.submit(keyed('replace'))
      expect(await scene.claim(10, [anyNumberOf('work')])).toHaveLength(1)
    })
  })
}

function submit(scene: Scene, ...drafts: Partial<Submission>[]) {
  return scene.store.submit(
    drafts.map((draft) => scene.draft(draft)),
    fromApi,
  )
}
