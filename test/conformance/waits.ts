import { describe, expect } from 'vitest'
import { waitLimits, type WaitReached } from '../../src/core/wait.ts'
import { tokenHashOf } from '../../src/store/wait-token.ts'
import type { WaitQuery } from '../../src/store/wait-store.ts'
import { answerOf, by, reachedOk, waitOf } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const minute = 60_000
const all: WaitQuery = { filter: {}, order: 'oldest', after: null, limit: 100, scan: 100 }

export function waits(kind: StoreKind): void {
  const test = testsOn(kind)

  const reach = (scene: Scene, task: given.Known, own: Partial<WaitReached> = {}) =>
    scene.store.waits.reach(task.ownerNode!, {
      id: task.id,
      fence: task.fence,
      reached: reachedOk(task.id, own),
    })
  const answer = (
    scene: Scene,
    { id }: given.Known,
    text: string,
    own: Parameters<typeof answerOf>[1] = {},
  ) => scene.store.waits.answer({ id, answer: answerOf(text, own) }, by('alice'))

  describe('a wait', () => {
    test('is stored when a run first comes to it, and stays as it was', async (scene) => {
      const task = await given.running(scene)
      const now = scene.clock.now()
      const first = await reach(scene, task, { timeout: minute })
      const wait = {
        name: 'ok',
        occurrence: 1,
        status: 'open',
        question: reachedOk(task.id).question,
        createdAt: now,
        timeout: minute,
        expiresAt: now + minute,
        answer: null,
      }
      expect(first).toMatchObject({ wait, news: 0, now })
      await scene.clock.advance(1_000)
      expect(await reach(scene, task, { question: '{}', tokenHash: 'another', timeout: 5 })).toMatchObject({
        wait,
        now: now + 1_000,
      })
      const found = await scene.store.waits.find(tokenHashOf(`token of ${task.id}`))
      expect(found).toMatchObject({ task: { id: task.id, status: 'running' }, wait })
      expect(await scene.store.waits.find('nothing')).toBeNull()
    })

    test('is not stored for a run that is not the newest, or not active', async (scene) => {
      const task = await given.running(scene)
      const reached = reachedOk(task.id)
      const { waits } = scene.store
      expect(await waits.reach('another', { id: task.id, fence: task.fence, reached })).toBeNull()
      expect(await waits.reach(task.ownerNode!, { id: task.id, fence: task.fence - 1, reached })).toBeNull()
      expect(await waits.reach(task.ownerNode!, { id: 'nobody', fence: 1, reached })).toBeNull()
      const parked = await given.parked(scene)
      expect(await reach(scene, parked)).toBeNull()
      expect((await waits.list(all)).waits).toEqual([])
    })

    test('keeps its first answer, with who gave it, and queues its task', async (scene) => {
      const task = await given.awaitsAnswer(scene)
      await scene.clock.advance(5)
      const result = await answer(scene, task, '{"ship":"\\u0000"}')
      const wait = {
        status: 'answered',
        answer: '{"ship":"\\u0000"}',
        answeredBy: 'alice',
        answeredAt: scene.clock.now(),
      }
      expect(result).toMatchObject({ kind: 'answered', wait, move: { task: { status: 'queued', news: 1 } } })
      expect(await answer(scene, task, 'false')).toMatchObject({ kind: 'late', wait })
      const { task: row, timeline } = await scene.record(task)
      expect(row).toMatchObject({ status: 'queued', awaits: null, runAt: scene.clock.now() })
      expect(timeline.at(-1)).toMatchObject({ event: 'answered', by: 'alice', why: '"ok"' })
      const { task: claimed } = await scene.claimOne(task)
      expect(await reach(scene, claimed)).toMatchObject({ wait, news: 1 })
    })

    test('that a settlement has not seen answered does not let its task fall asleep', async (scene) => {
      const task = await given.reached(scene)
      await answer(scene, task, '1')
      expect(await scene.settle(task, waitOf(0))).toMatchObject({
        verdict: 'stale',
        task: { status: 'running', news: 1 },
      })
      expect((await scene.settle(task, waitOf(1))).verdict).toBe('settled')
    })

    test('that is answered while its task is paused lets a resume queue it', async (scene) => {
      const task = await given.pausedForAnswer(scene)
      expect((await answer(scene, task, '1')).kind).toBe('answered')
      expect(await scene.task(task)).toMatchObject({ status: 'paused', news: 1 })
      await scene.control('resume', task)
      expect(await scene.task(task)).toMatchObject({ status: 'queued', awaits: null })
    })

    test('times out once a run says so, unless it is answered', async (scene) => {
      const [late, never] = [await given.reached(scene), await given.reached(scene)]
      await answer(scene, late, '1')
      expect(await reach(scene, late, { timedOut: true })).toMatchObject({ wait: { status: 'answered' } })
      expect(await reach(scene, never, { timedOut: true })).toMatchObject({ wait: { status: 'timed_out' } })
      expect(await answer(scene, never, '1')).toMatchObject({ kind: 'late', wait: { status: 'timed_out' } })
      expect(await scene.task(never)).toMatchObject({ status: 'running', news: 0 })
    })

    test('can be answered before a run comes to it, which decides whether that fits', async (scene) => {
      const [fits, misfits] = [await given.queued(scene), await given.queued(scene)]
      for (const task of [fits, misfits]) {
        expect((await answer(scene, task, '1')).kind).toBe('gone')
        expect((await answer(scene, task, '1', { early: true })).kind).toBe('answered')
        expect((await answer(scene, task, '2', { early: true })).kind).toBe('late')
      }
      const { task: first } = await scene.claimOne(fits)
      expect(await reach(scene, first)).toMatchObject({
        wait: { status: 'early', answer: '1', question: null },
      })
      expect(await reach(scene, first, { early: 'fits' })).toMatchObject({
        wait: { status: 'answered', answer: '1', answeredBy: 'alice' },
      })
      const { task: second } = await scene.claimOne(misfits)
      expect(await reach(scene, second, { early: 'misfit' })).toMatchObject({
        wait: { status: 'open', answer: null, answeredBy: null },
      })
      expect((await answer(scene, misfits, '3', { early: true })).kind).toBe('opened')
      expect((await answer(scene, misfits, '3')).kind).toBe('answered')
    })

    test('of a task that has ended, or that is not there, takes no answer', async (scene) => {
      const task = await given.reached(scene)
      await scene.settle(task, { kind: 'completed', result: '1' })
      expect((await answer(scene, task, '1')).kind).toBe('ended')
      expect((await answer(scene, { ...task, id: 'nobody' }, '1')).kind).toBe('unknown')
      expect((await scene.store.waits.list({ ...all, state: 'open' })).waits).toEqual([])
      expect((await scene.store.waits.list({ ...all, state: 'closed' })).waits).toHaveLength(1)
    })

    test('is kept over a retry, and gone after one from the start', async (scene) => {
      const task = await given.reached(scene)
      await answer(scene, task, '1')
      await scene.settle(task, { kind: 'cancelled', endedBy: 'cooperative' })
      await scene.control('cancel', task)
      await scene.settle(task, { kind: 'cancelled', endedBy: 'cooperative' })
      await scene.control('retry', task)
      expect((await scene.store.waits.list(all)).waits).toHaveLength(1)
      await scene.control('cancel', task)
      await scene.store.control([{ id: task.id, control: 'retry', by: 'api', fromStart: true }])
      expect((await scene.store.waits.list(all)).waits).toEqual([])
      expect((await answer(scene, task, '1')).kind).toBe('gone')
    })

    test('is deleted with its task', async (scene) => {
      const [purged, pruned] = [await given.reached(scene), await given.reached(scene)]
      for (const task of [purged, pruned]) await scene.settle(task, { kind: 'completed', result: '1' })
      await scene.store.purge([purged.id])
      expect((await scene.store.waits.list(all)).waits).toHaveLength(1)
      await scene.store.prune(-1, 10)
      expect((await scene.store.waits.list(all)).waits).toEqual([])
      expect(await scene.store.waits.find(tokenHashOf(`token of ${pruned.id}`))).toBeNull()
    })

    test('is recorded in the audit log when it is answered', async (scene) => {
      const task = await given.awaitsAnswer(scene)
      await answer(scene, task, '1')
      await answer(scene, task, '1')
      const { entries } = await scene.store.audit.read({ filter: {}, after: null, scan: 10 })
      expect(entries).toMatchObject([
        { action: 'task.answer', taskId: task.id, target: { name: 'ok' }, caller: { name: 'alice' } },
      ])
    })

    test('is listed with its task, by filter, in pages of both orders', async (scene) => {
      const tasks = [await given.reached(scene), await given.awaitsAnswer(scene), await given.reached(scene)]
      await reach(scene, tasks[0]!, { name: 'more', tokenHash: 'more' })
      await answer(scene, tasks[1]!, '1')
      const { waits } = scene.store
      const named = async (query: Partial<WaitQuery>) => {
        const found: string[] = []
        for (let after: number | null = null; ;) {
          const page = await waits.list({ ...all, limit: 1, scan: 2, ...query, after })
          found.push(...page.waits.map(({ task, wait }) => `${task.id} ${wait.name}`))
          if (page.next === null) return found
          after = page.next
        }
      }
      const [first, second, third] = tasks.map(({ id }) => `${id} ok`)
      const more = `${tasks[0]!.id} more`
      expect(await named({})).toEqual([first, second, third, more])
      expect(await named({ order: 'newest' })).toEqual([more, third, second, first])
      expect(await named({ state: 'open' })).toEqual([first, third, more])
      expect(await named({ state: 'closed', order: 'newest' })).toEqual([second])
      expect(await named({ name: 'more' })).toEqual([more])
      expect(await named({ id: tasks[0]!.id })).toEqual([first, more])
      expect(await named({ id: tasks[0]!.id, order: 'newest' })).toEqual([more, first])
      expect(await named({ filter: { types: [tasks[2]!.type] } })).toEqual([third])
      expect(await named({ filter: { anyTag: ['nothing'] } })).toEqual([])
    })

    test('is one of a limited number of its task', async (scene) => {
      const task = await given.running(scene)
      for (let i = 1; i <= waitLimits.waits; i++)
        await reach(scene, task, { occurrence: i, tokenHash: `token ${i}` })
      expect(await reach(scene, task, { name: 'more', tokenHash: 'more' })).toBe('full')
      expect((await answer(scene, task, '1', { name: 'more', early: true })).kind).toBe('full')
      expect(await reach(scene, task, { occurrence: 7 })).toMatchObject({ wait: { status: 'open' } })
    })

    test('has one first answer, however many come at once, while its task falls asleep', async (scene) => {
      for (let round = 0; round < 10; round++) {
        const task = await given.reached(scene)
        const [first, settled, second] = await Promise.all([
          answer(scene, task, '1'),
          scene.store.settle(task.ownerNode!, [
            { id: task.id, fence: task.fence, outcome: waitOf(0), activeMs: 0 },
          ]),
          answer(scene, task, '2', { by: 'bob' }),
        ])
        await scene.audit.check()
        expect([first.kind, second.kind].sort()).toEqual(['answered', 'late'])
        const row = await scene.task(task)
        expect(row.status).toBe(settled[0]!.verdict === 'settled' ? 'queued' : 'running')
        const [stored] = (await scene.store.waits.list({ ...all, id: task.id })).waits
        expect(stored?.wait).toMatchObject(
          first.kind === 'answered'
            ? { answer: '1', answeredBy: 'alice' }
            : { answer: '2', answeredBy: 'bob' },
        )
      }
    })
  })
}
