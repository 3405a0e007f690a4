import { describe, expect } from 'vitest'
import { childHash, childKey } from '../../src/core/child.ts'
import type { JoinPolicy } from '../../src/core/dependency.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { ParentRequest, Task } from '../../src/core/task.ts'
import { boom, fromApi, joinOf, submission } from '../support/tasks.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const completes: Outcome = { kind: 'completed', result: '1' }
const fails: Outcome = { kind: 'failed', error: boom, retryIn: null }

/** How often the last two children of a task end at once. */
const races = Number(process.env['JOIN_RACES'] ?? 20)

export function joins(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a task that waits for children', () => {
    test('is queued by the end of the last one, and by no other', async (scene) => {
      const { parent, children } = await family(scene, 3)
      await joined(scene, parent, 'join_all', children)
      for (const child of children.slice(1)) {
        await end(scene, child, completes)
        expect(await release(scene)).toEqual([])
      }
      expect(await scene.task(parent)).toMatchObject({ status: 'waiting', news: 0 })
      await end(scene, children[0]!, completes)
      expect(await release(scene)).toEqual(['children_ended'])
      expect(await scene.task(parent)).toMatchObject({ status: 'queued', news: 1, awaits: null })
      const { timeline } = await scene.record(parent)
      expect(timeline.at(-1)).toMatchObject({
        event: 'children_ended',
        by: 'releaser',
        why: `its child, task ${children[0]!.id}, has completed`,
      })
      expect(await release(scene)).toEqual([])
    })

    for (const [policy, outcome, decides] of [
      ['join_all', fails, true],
      ['join_all', completes, false],
      ['join_any', completes, true],
      ['join_any', fails, false],
      ['join_settled', completes, false],
      ['join_settled', fails, false],
      ['join_each', completes, true],
      ['join_each', fails, true],
    ] as const) {
      const how = outcome === fails ? 'fails' : 'completes'
      test(`is ${decides ? '' : 'not '}queued if one of two ${how}, for ${policy}, and once`, async (scene) => {
        const { parent, children } = await family(scene, 2)
        await joined(scene, parent, policy, children)
        await end(scene, children[0]!, outcome)
        expect(await release(scene)).toEqual(decides ? ['children_ended'] : [])
        await end(scene, children[1]!, outcome)
        expect(await release(scene)).toEqual(decides ? [] : ['children_ended'])
        expect(await scene.task(parent)).toMatchObject({ status: 'queued', news: 1 })
        expect((await scene.store.release(100)).more).toBe(false)
      })
    }

    test('does not fall asleep if the last one has ended since it looked', async (scene) => {
      const { parent, children } = await family(scene, 2)
      await watch(scene, parent, 'join_all', children)
      for (const child of children) await end(scene, child, completes)
      await release(scene)
      expect(await scene.settle(parent, joinOf(0))).toMatchObject({ verdict: 'stale' })
      expect(await watch(scene, parent, 'join_all', children)).toMatchObject({
        news: 1,
        states: [{ status: 'completed' }, { status: 'completed' }],
      })
      expect((await scene.settle(parent, joinOf(1))).verdict).toBe('settled')
    })

    test('falls asleep before an end is counted, and is queued by the count', async (scene) => {
      const { parent, children } = await family(scene, 1)
      await watch(scene, parent, 'join_settled', children)
      await end(scene, children[0]!, fails)
      expect((await scene.settle(parent, joinOf(0))).verdict).toBe('settled')
      expect(await release(scene)).toEqual(['children_ended'])
    })

    test('sees those that ended before it looked, and does not watch them', async (scene) => {
      const { parent, children } = await family(scene, 2)
      await end(scene, children[0]!, completes)
      const [first, second] = await scene.store.joins.states(
        parent.id,
        children.map(({ id }) => id),
      )
      expect([first?.status, second?.status]).toEqual(['completed', 'running'])
      expect(first?.completedAt).toBe(scene.clock.now())
      await joined(scene, parent, 'join_all', children)
      expect(await scene.store.joins.watched(parent.id, 10)).toMatchObject({
        count: 1,
        tasks: [{ id: children[1]!.id }],
      })
      await end(scene, children[1]!, completes)
      expect(await release(scene)).toEqual(['children_ended'])
    })

    test('no longer watches others than it asked for last', async (scene) => {
      const { parent, children } = await family(scene, 3)
      const [a, b, c] = children as [Task, Task, Task]
      await watch(scene, parent, 'join_all', [a, b])
      await watch(scene, parent, 'join_any', [b])
      await watch(scene, parent, 'join_any', [c], false)
      await end(scene, a, fails)
      expect(await release(scene)).toEqual([])
      expect((await scene.store.joins.watched(parent.id, 1)).count).toBe(2)
      await end(scene, c, completes)
      expect(await release(scene)).toEqual(['children_ended'])
      expect(await scene.store.joins.watched(parent.id, 1)).toEqual({ count: 0, tasks: [] })
      await end(scene, b, completes)
      expect(await release(scene)).toEqual([])
    })

    test('watches only its own children, in a run that is the newest and active', async (scene) => {
      const { parent, children } = await family(scene, 1)
      const other = await family(scene, 1)
      const foreign = [other.children[0]!, { id: 'nobody' } as Task, other.parent, parent]
      expect(await watch(scene, parent, 'join_all', foreign)).toEqual({ news: 0, states: [] })
      expect(
        await scene.store.joins.states(
          parent.id,
          foreign.map(({ id }) => id),
        ),
      ).toEqual([])
      expect((await scene.store.joins.watched(parent.id, 1)).count).toBe(0)
      expect(await watch(scene, { ...parent, fence: parent.fence - 1 }, 'join_all', children)).toBeNull()
      expect(await watch(scene, { ...parent, id: 'nobody' }, 'join_all', children)).toBeNull()
      const request = { id: parent.id, fence: parent.fence, policy: 'join_all', anew: true } as const
      expect(await scene.store.joins.watch('another', { ...request, children: [] })).toBeNull()
      await joined(scene, parent, 'join_all', children)
      expect(await watch(scene, parent, 'join_all', children)).toBeNull()
    })

    test('reads what has become of them by page', async (scene) => {
      const { parent, children } = await family(scene, 4)
      const results = ['"ab"', '"cd"', '"ef"']
      for (const [index, child] of children.slice(0, 3).entries())
        await end(scene, child, { kind: 'completed', result: results[index]! })
      await end(scene, children[3]!, fails)
      const ids = children.map(({ id }) => id).toReversed()
      const page = await scene.store.joins.outcomes(parent.id, ids, 1_000_000)
      expect(page.map(({ task, result }) => [task.id, task.status, result])).toEqual([
        [ids[0], 'failed', null],
        [ids[1], 'completed', '"ef"'],
        [ids[2], 'completed', '"cd"'],
        [ids[3], 'completed', '"ab"'],
      ])
      expect(page[0]?.task.error).toMatchObject(boom)
      expect(await scene.store.joins.outcomes(parent.id, ids.slice(1), 1)).toHaveLength(1)
      expect(await scene.store.joins.outcomes('another', ids, 1_000)).toEqual([])
    })

    test('continues after its node has died', async (scene) => {
      const { parent, children } = await family(scene, 2)
      await joined(scene, parent, 'join_all', children)
      await end(scene, children[0]!, completes)
      await release(scene)
      const reached = await scene.store.settle(scene.node, [
        { id: children[1]!.id, fence: children[1]!.fence, outcome: completes, activeMs: 0 },
      ])
      expect(reached[0]?.verdict).toBe('settled')
      await scene.startNode()
      await scene.reap()
      expect(await release(scene)).toEqual(['children_ended'])
      const next = (await scene.claimOne(parent)).task
      expect(await watch(scene, next, 'join_all', children)).toMatchObject({
        news: 1,
        states: [{ status: 'completed' }, { status: 'completed' }],
      })
    })

    test('that is retried is not told of what an earlier run has watched, once it looks again', async (scene) => {
      const { parent, children } = await family(scene, 2, 'leave')
      await watch(scene, parent, 'join_all', children)
      await end(scene, parent, fails)
      await release(scene)
      await scene.control('retry', parent)
      const next = (await scene.claimOne(parent)).task
      await watch(scene, next, 'join_settled', [children[1]!])
      await end(scene, children[0]!, fails)
      expect(await release(scene)).toEqual([])
      await end(scene, children[1]!, fails)
      expect(await release(scene)).toEqual(['children_ended'])
    })

    test('keeps its children until it has ended, also after a retry', async (scene) => {
      const { parent, children } = await family(scene, 1)
      await end(scene, children[0]!, completes)
      await end(scene, parent, fails)
      await release(scene)
      await scene.control('retry', parent)
      const next = (await scene.claimOne(parent)).task
      const place = { id: parent.id, name: 'child 0', occurrence: 1 }
      const again = await scene.store.submit([childOf(next, place, 'again', 'cancel')], fromApi)
      expect(again).toMatchObject({ kind: 'accepted', tasks: [{ replayed: true }] })
      expect(await scene.store.prune(-1, 100)).toBe(0)
      await end(scene, next, completes)
      await release(scene)
      expect(await scene.store.prune(-1, 100)).toBe(2)
    })

    test('is queued once if its last two children end at once', async (scene) => {
      for (let round = 0; round < races; round++) {
        const { parent, children } = await family(scene, 2)
        const policy = (['join_all', 'join_settled', 'join_any', 'join_each'] as const)[round % 4]!
        await joined(scene, parent, policy, children)
        const ending = children.map(({ id, fence }) =>
          scene.store.settle(scene.node, [{ id, fence, outcome: completes, activeMs: 0 }]),
        )
        await Promise.all([...ending, scene.store.release(100), scene.store.release(100)])
        while ((await scene.store.release(100)).more);
        const { timeline, task } = await scene.record(parent)
        expect(task, `round ${round}`).toMatchObject({ status: 'queued', news: 1 })
        expect(timeline.filter(({ event }) => event === 'children_ended')).toHaveLength(1)
        await scene.control('cancel', parent)
        if ((await scene.task(parent)).status === 'cancelling')
          await scene.store.unpark(scene.node, [{ id: parent.id, fence: parent.fence, why: 'over' }])
        await scene.store.release(100)
        await scene.audit.check()
        await scene.store.purge([parent.id, ...children.map(({ id }) => id)])
      }
    })

    test('loses no end that comes while it looks and falls asleep', async (scene) => {
      for (let round = 0; round < races; round++) {
        const { parent, children } = await family(scene, 2)
        const ends = children.map(({ id, fence }) => ({ id, fence, outcome: completes, activeMs: 0 }))
        const [watched] = await Promise.all([
          watch(scene, parent, 'join_all', children),
          scene.store.settle(scene.node, [ends[0]!]),
          scene.store.release(100),
        ])
        const [[settled]] = await Promise.all([
          scene.store.settle(scene.node, [
            { id: parent.id, fence: parent.fence, outcome: joinOf(watched!.news), activeMs: 0 },
          ]),
          scene.store.settle(scene.node, [ends[1]!]),
          scene.store.release(100),
        ])
        while ((await scene.store.release(100)).more);
        const { status, news } = await scene.task(parent)
        expect([status, settled?.verdict, news], `round ${round}`).toEqual(
          settled?.verdict === 'settled' ? ['queued', 'settled', 1] : ['running', 'stale', 1],
        )
        await end(scene, settled?.verdict === 'stale' ? parent : (await scene.claimOne(parent)).task, fails)
        await scene.store.release(100)
        await scene.audit.check()
        await scene.store.purge([parent.id, ...children.map(({ id }) => id)])
      }
    })
  })
}

type Family = Readonly<{ parent: Task; children: readonly Task[] }>

/** A running parent with running children. */
async function family(
  scene: Scene,
  count: number,
  onEnd: ParentRequest['onEnd'] = 'cancel',
): Promise<Family> {
  const submitted = await scene.submit({ type: scene.ownType() })
  const parent = (await scene.claimOne(submitted)).task
  const children: Task[] = []
  for (let n = 0; n < count; n++) {
    const place = { id: parent.id, name: `child ${n}`, occurrence: 1 }
    const { id } = scene.draft()
    const draft = childOf(parent, place, id, onEnd)
    expect((await scene.store.submit([draft], fromApi)).kind).toBe('accepted')
    children.push((await scene.claimOne(draft)).task)
  }
  return { parent, children }
}

function childOf(
  { fence }: Task,
  place: Pick<ParentRequest, 'id' | 'name' | 'occurrence'>,
  id: string,
  onEnd: ParentRequest['onEnd'],
) {
  return submission({
    id,
    type: `${place.name} of ${place.id}`,
    parent: { ...place, depth: 1, onEnd, fence },
    idempotencyKey: childKey(place),
    requestHash: childHash('child'),
  })
}

function watch(
  scene: Scene,
  { id, fence }: Pick<Task, 'id' | 'fence'>,
  policy: JoinPolicy,
  children: readonly Pick<Task, 'id'>[],
  anew = true,
) {
  const ids = children.map((child) => child.id)
  return scene.store.joins.watch(scene.node, { id, fence, policy, children: ids, anew })
}

async function joined(scene: Scene, parent: Task, policy: JoinPolicy, children: readonly Task[]) {
  expect(await watch(scene, parent, policy, children)).toMatchObject({ news: 0 })
  expect((await scene.settle(parent, joinOf(0))).verdict).toBe('settled')
}

async function end(scene: Scene, { id, fence }: Pick<Task, 'id' | 'fence'>, outcome: Outcome): Promise<void> {
  const [settled] = await scene.store.settle(scene.node, [{ id, fence, outcome, activeMs: 0 }])
  expect(settled?.verdict).toBe('settled')
  await scene.audit.check()
}

/** The events that counting has caused. */
async function release(scene: Scene): Promise<string[]> {
  const events: string[] = []
  for (let more = true; more;) {
    const released = await scene.store.release(100)
    events.push(...released.moved.map(({ entry }) => entry.event))
    more = released.more
  }
  await scene.audit.check()
  return events
}
