import { describe, expect } from 'vitest'
import { childHash, childKey, childLimits } from '../../src/core/child.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Submission, Task, ParentRequest } from '../../src/core/task.ts'
import { boom, fromApi, submission } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const completes: Outcome = { kind: 'completed', result: '1' }
const fails: Outcome = { kind: 'failed', error: boom, retryIn: null }
const cancelled: Outcome = { kind: 'cancelled', endedBy: 'cooperative' }

/** How often two runs of a parent ask for a child at once. */
const races = Number(process.env['CHILD_RACES'] ?? 20)

export function children(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a child', () => {
    test('is started once, however often its parent asks for it', async (scene) => {
      const parent = await running(scene)
      const child = await spawn(scene, parent, 'page')
      expect(child).toMatchObject({ replayed: false, task: { status: 'queued' } })
      expect(child.task.parent).toEqual({
        id: parent.id,
        name: 'page',
        occurrence: 1,
        depth: 1,
        onEnd: 'cancel',
      })
      const again = await spawn(scene, parent, 'page')
      expect(again).toMatchObject({ replayed: true, task: { id: child.task.id } })
      const second = await spawn(scene, parent, 'page', { occurrence: 2 })
      expect(second.replayed).toBe(false)
      expect(await scene.store.children(parent.id)).toEqual({ queued: 2 })
    })

    test('is started once if two answers were lost and the calls meet', async (scene) => {
      for (let round = 0; round < races; round++) {
        const parent = await running(scene)
        const drafts = [draft(scene, parent, 'page'), draft(scene, parent, 'page')]
        const answers = await Promise.all(drafts.map((one) => scene.store.submit([one], fromApi)))
        const ids = answers.map((answer) =>
          answer.kind === 'accepted' ? answer.tasks[0]!.task.id : answer.kind,
        )
        expect(new Set(ids).size).toBe(1)
        expect(await scene.store.children(parent.id)).toEqual({ queued: 1 })
      }
    })

    test('is found by the next run after the node has died, and by nobody before', async (scene) => {
      const parent = await running(scene)
      const child = await spawn(scene, parent, 'page')
      await scene.startNode()
      await scene.reap()
      expect(await ask(scene, parent, 'late')).toEqual({ kind: 'no_parent' })
      const next = (await scene.claimOne(parent)).task
      expect(await ask(scene, parent, 'page')).toEqual({ kind: 'no_parent' })
      expect(await spawn(scene, next, 'page')).toMatchObject({ replayed: true, task: { id: child.task.id } })
      expect(await scene.store.children(parent.id)).toEqual({ queued: 1 })
    })

    test('cannot be started by a task that has ended, is paused or does not exist', async (scene) => {
      const parent = await running(scene)
      await end(scene, parent, completes)
      expect(await ask(scene, parent, 'page')).toEqual({ kind: 'no_parent' })
      expect(await ask(scene, { ...parent, id: 'nobody' }, 'page')).toEqual({ kind: 'no_parent' })
      const paused = await running(scene)
      await scene.control('pause', paused)
      const { version } = await scene.task(paused)
      await end(scene, paused, { kind: 'paused', controlVersion: version })
      expect(await ask(scene, paused, 'page')).toEqual({ kind: 'no_parent' })
    })

    for (const [how, outcome] of [
      ['completes', completes],
      ['fails for good', fails],
      ['is cancelled', cancelled],
    ] as const) {
      test(`is cancelled when its parent ${how}, unless it is left alone or has ended`, async (scene) => {
        const parent = await running(scene)
        const type = scene.ownType()
        const asked = await spawn(scene, parent, 'queued', {}, { type: 'other' })
        const left = await spawn(scene, parent, 'left', { onEnd: 'leave' }, { type: 'other' })
        const active = (await spawn(scene, parent, 'active', {}, { type })).task
        const run = (await scene.claimOne(active)).task
        const done = (await spawn(scene, parent, 'done', {}, { type })).task
        await end(scene, (await scene.claimOne(done)).task, completes)
        if (outcome === cancelled) await scene.control('cancel', parent)
        await end(scene, parent, outcome)
        await releaseAll(scene)
        expect((await scene.task(asked.task)).status).toBe('cancelled')
        expect((await scene.task(left.task)).status).toBe('queued')
        expect((await scene.task(active)).status).toBe('cancelling')
        expect((await scene.task(done)).status).toBe('completed')
        await end(scene, run, cancelled)
        const { timeline } = await scene.record(asked.task)
        expect(timeline.at(-1)).toMatchObject({
          event: 'cancelled',
          by: 'releaser',
          why: expect.stringContaining(parent.id) as string,
        })
        expect(await scene.store.release(100)).toEqual({ moved: [], more: false, anyWaits: false })
      })
    }

    test('goes on when an attempt of its parent fails and another one follows', async (scene) => {
      const parent = await running(scene)
      const child = await spawn(scene, parent, 'page')
      await end(scene, parent, { kind: 'failed', error: boom, retryIn: 0 })
      await releaseAll(scene)
      expect((await scene.task(child.task)).status).toBe('queued')
      const next = (await scene.claimOne(parent)).task
      expect((await spawn(scene, next, 'page')).task.id).toBe(child.task.id)
    })

    test('takes its own children along', async (scene) => {
      const parent = await running(scene)
      const type = scene.ownType()
      const child = (await spawn(scene, parent, 'child', {}, { type })).task
      const run = (await scene.claimOne(child)).task
      const grandchild = await spawn(scene, run, 'grandchild', { depth: 2 })
      await end(scene, parent, fails)
      await releaseAll(scene)
      await end(scene, run, cancelled)
      await releaseAll(scene)
      expect((await scene.task(grandchild.task)).status).toBe('cancelled')
    })

    test('is found again once its parent is retried, and stops with it again', async (scene) => {
      const parent = await running(scene)
      const left = (await spawn(scene, parent, 'left', { onEnd: 'leave' })).task
      await end(scene, parent, fails)
      await releaseAll(scene)
      await scene.control('retry', parent)
      const next = (await scene.claimOne(parent)).task
      expect(await spawn(scene, next, 'left')).toMatchObject({ replayed: true, task: { id: left.id } })
      await end(scene, next, fails)
      await releaseAll(scene)
      expect((await scene.task(left)).status).toBe('cancelled')
    })

    test('is started anew if its parent is retried from the start', async (scene) => {
      const parent = await running(scene)
      const first = (await spawn(scene, parent, 'page')).task
      await end(scene, parent, fails)
      await releaseAll(scene)
      await scene.control('retry', parent, { fromStart: true })
      const next = (await scene.claimOne(parent)).task
      const second = await spawn(scene, next, 'page')
      expect(second.replayed).toBe(false)
      expect(second.task.id).not.toBe(first.id)
      expect(await scene.store.children(parent.id)).toEqual({ cancelled: 1, queued: 1 })
    })

    test('is kept until its parent has ended', async (scene) => {
      const parent = await running(scene)
      const type = scene.ownType()
      const child = (await spawn(scene, parent, 'page', {}, { type })).task
      await end(scene, (await scene.claimOne(child)).task, completes)
      expect(await scene.store.prune(-1, 100)).toBe(0)
      expect(await scene.store.purge([child.id])).toMatchObject([
        { kind: 'refused', why: expect.stringContaining('parent') as string },
      ])
      await end(scene, parent, completes)
      expect(await scene.store.prune(-1, 100)).toBe(0)
      await releaseAll(scene)
      expect(await scene.store.prune(-1, 100)).toBe(2)
    })

    test('is kept after its end once a retried parent has asked for it again', async (scene) => {
      const parent = await running(scene)
      const type = scene.ownType()
      const child = (await spawn(scene, parent, 'page', {}, { type })).task
      await end(scene, (await scene.claimOne(child)).task, completes)
      await end(scene, parent, fails)
      await releaseAll(scene)
      await scene.control('retry', parent)
      const next = (await scene.claimOne(parent)).task
      expect((await spawn(scene, next, 'page', {}, { type })).replayed).toBe(true)
      expect(await scene.store.prune(-1, 100)).toBe(0)
      expect((await spawn(scene, next, 'page', {}, { type })).task.id).toBe(child.id)
      await end(scene, next, completes)
      await releaseAll(scene)
      expect((await scene.task(child)).status).toBe('completed')
      expect(await scene.store.prune(-1, 100)).toBe(2)
    })

    test('is stopped in portions, if there are many', async (scene) => {
      const parent = await running(scene)
      const drafts = Array.from({ length: 40 }, (_, index) => draft(scene, parent, `page ${index}`))
      await scene.store.submit(drafts, fromApi)
      await end(scene, parent, fails)
      let calls = 0
      for (let more = true; more; calls++) {
        const released = await scene.store.release(7)
        expect(released.moved.length).toBeLessThanOrEqual(7)
        more = released.more
      }
      expect(calls).toBeGreaterThan(5)
      expect(await scene.store.children(parent.id)).toEqual({ cancelled: 40 })
      await scene.audit.check()
    })

    test('is listed with its siblings, in order and in pages', async (scene) => {
      const parent = await running(scene)
      const other = await running(scene)
      const ids: string[] = []
      for (const name of ['a', 'b', 'c']) {
        ids.push((await spawn(scene, parent, name)).task.id)
        await spawn(scene, other, name)
      }
      const query = {
        filter: { parent: parent.id },
        order: 'oldest',
        after: null,
        limit: 2,
        scan: 100,
      } as const
      const page = await scene.store.find(query)
      expect(page.entries).toEqual(ids.slice(0, 2))
      expect((await scene.store.find({ ...query, after: page.next })).entries).toEqual(ids.slice(2))
      const newest = await scene.store.list({ ...query, order: 'newest', limit: 10 })
      expect(newest.entries.map(({ task }) => task.id)).toEqual(ids.toReversed())
      const none = await scene.store.find({ ...query, filter: { parent: parent.id, statuses: ['failed'] } })
      expect(none.entries).toEqual([])
    })

    test('is no predecessor of its parent, and none of its successors', async (scene) => {
      const parent = await running(scene)
      const child = (await spawn(scene, parent, 'page')).task
      const after = await scene.submit({ predecessors: { ids: [parent.id], onFailure: 'cancel' } })
      expect(await scene.store.predecessors(child.id, 10)).toEqual([])
      expect((await scene.store.successors(parent.id, 10)).map(({ id }) => id)).toEqual([after.id])
    })
  })

  describe('the children of a task', () => {
    test('are limited, and what is beyond is refused as a whole', async (scene) => {
      const parent = await running(scene)
      let first: Submission | undefined
      for (let count = 0; count < childLimits.children; count += childLimits.atOnce) {
        const drafts = Array.from({ length: childLimits.atOnce }, (_, index) =>
          submission({ id: `page-${count + index}`, ...childOf(parent, `page ${count + index}`) }),
        )
        first ??= drafts[0]
        expect((await scene.store.submit(drafts, fromApi)).kind).toBe('accepted')
      }
      const more = [first!, submission({ id: 'one too many', ...childOf(parent, 'one too many') })]
      expect(await scene.store.submit(more, fromApi)).toEqual({ kind: 'many_children' })
      expect((await scene.store.submit([first!], fromApi)).kind).toBe('accepted')
      expect(await scene.store.children(parent.id)).toEqual({ queued: childLimits.children })
      // The audit of the scene does not know so many: they are gone before it looks.
      const { id, fence } = parent
      await scene.store.settle(scene.node, [{ id, fence, outcome: completes, activeMs: 0 }])
      for (let more = true; more;) more = (await scene.store.release(childLimits.atOnce)).more
      for (let count = 0; count < childLimits.children; count += childLimits.atOnce)
        await scene.store.purge(
          Array.from({ length: childLimits.atOnce }, (_, index) => `page-${count + index}`),
        )
    })
  })
}

async function running(scene: Scene): Promise<Task> {
  const task = await scene.submit({ type: scene.ownType() })
  return (await scene.claimOne(task)).task
}

type Run = Pick<Task, 'id' | 'fence'>

function childOf(
  { id, fence }: Run,
  name: string,
  own: Partial<ParentRequest> = {},
  type = 'work',
): Partial<Submission> {
  const parent = { id, fence, name, occurrence: 1, depth: 1, onEnd: 'cancel', ...own } as const
  return { type, parent, idempotencyKey: childKey(parent), requestHash: childHash(type) }
}

function draft(scene: Scene, parent: Run, name: string): Submission {
  return scene.draft(childOf(parent, name))
}

function ask(scene: Scene, parent: Run, name: string) {
  return scene.store.submit([submission({ id: `asked for ${name}`, ...childOf(parent, name) })], fromApi)
}

async function spawn(
  scene: Scene,
  parent: Run,
  name: string,
  own: Partial<ParentRequest> = {},
  { type }: Pick<Partial<Submission>, 'type'> = {},
) {
  const answer = await scene.store.submit([scene.draft(childOf(parent, name, own, type))], fromApi)
  await scene.audit.check()
  if (answer.kind !== 'accepted') return expect.unreachable(`the submit was answered with ${answer.kind}`)
  return answer.tasks[0]!
}

async function end(scene: Scene, { id, fence }: Run, outcome: Outcome): Promise<void> {
  const [settled] = await scene.store.settle(scene.node, [{ id, fence, outcome, activeMs: 0 }])
  expect(settled?.verdict).toBe('settled')
  await scene.audit.check()
}

async function releaseAll(scene: Scene): Promise<void> {
  for (let more = true; more;) more = (await scene.store.release(100)).more
  await scene.audit.check()
}
