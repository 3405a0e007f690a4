import { describe, expect } from 'vitest'
import { limitEntry } from '../../src/core/audit.ts'
import type { Admission } from '../../src/core/admission.ts'
import { setByApi, type Limit } from '../../src/core/limits.ts'
import type { Submission, TaskId } from '../../src/core/task.ts'
import type { Claimed } from '../../src/store/store.ts'
import { boom, by, fromApi } from '../support/tasks.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const done = { kind: 'completed', result: '1' } as const
const released = { kind: 'released', why: 'drain' } as const

export function limits(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('limits', () => {
    test('hold back what exceeds them, and let the next task start when one ends', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 2 }))
      await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      const first = await scene.claim()
      expect(ids(first)).toEqual(['1', '2'])
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(first[0]!.task, done)
      expect(ids(await scene.claim())).toEqual(['3'])
      expect(ids(await scene.claim())).toEqual([])
      await heldBy(scene, 'api/', ['2', '3'])
    })

    test('count each key for itself, over types', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.submitAll(
        one('a1', 'a'),
        one('a2', 'a'),
        { ...one('b1', 'b'), type: 'other' },
        one('b2', 'b'),
      )
      const both = [anyNumberOf('work'), anyNumberOf('other')]
      const first = await scene.claim(100, both)
      expect(ids(first)).toEqual(['a1', 'b1'])
      await scene.settle(first[1]!.task, done)
      // The slot was held by another type.
      expect(ids(await scene.claim())).toEqual(['b2'])
    })

    test('leave a slot to the types that can use it', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.submitAll(one('1'), { ...one('2'), type: 'other' }, one('3'))
      const [first] = await scene.claim()
      expect(ids(await scene.claim(100, [anyNumberOf('other')]))).toEqual([])
      await scene.settle(first!.task, done)
      await scene.store.hold('other', true, 'api')
      const both = [anyNumberOf('other'), anyNumberOf('work')]
      expect(ids(await scene.claim(100, both))).toEqual(['3'])
    })

    test('hold together: a task needs room in every bucket', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 3 }))
      await scene.store.limits.put(limit({ name: 'per', concurrency: 1 }))
      const of = (id: string, key: string) =>
        needs(id, [
          ['api', ''],
          ['per', key],
        ])
      await scene.submitAll(
        of('a1', 'a'),
        of('a2', 'a'),
        of('b1', 'b'),
        of('b2', 'b'),
        of('c1', 'c'),
        of('d1', 'd'),
      )
      const first = await scene.claim()
      expect(ids(first)).toEqual(['a1', 'b1', 'c1'])
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(first[1]!.task, done)
      expect(ids(await scene.claim())).toEqual(['b2'])
      await scene.settle(first[0]!.task, done)
      expect(ids(await scene.claim())).toEqual(['a2'])
      await scene.settle(first[2]!.task, done)
      expect(ids(await scene.claim())).toEqual(['d1'])
    })

    test('of which one is full leave room in the others to tasks behind', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.store.limits.put(limit({ name: 'per', concurrency: 1 }))
      await scene.submitAll(needs('x', [['per', 'a']]), needs('holds', [['api', '']]))
      const first = await scene.claim()
      expect(ids(first)).toEqual(['x', 'holds'])
      await scene.submitAll(
        needs('both', [
          ['api', ''],
          ['per', 'a'],
        ]),
        needs('behind', [['api', '']]),
      )
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(first[1]!.task, done)
      expect(ids(await scene.claim())).toEqual(['behind'])
    })

    test('that block some of the keys have no task start twice in a claim that looks further', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 5 }))
      await scene.store.limits.put(limit({ name: 'per', concurrency: 1 }))
      await scene.submitAll(needs('x', [['per', 'a']]), needs('y', [['per', 'b']]))
      expect(ids(await scene.claim())).toEqual(['x', 'y'])
      await scene.submitAll(one('1'), needs('x2', [['per', 'a']]), needs('y2', [['per', 'b']]), one('2'))
      expect(ids(await scene.claim(2))).toEqual(['1', '2'])
    })

    test('keep tasks without limits as they are', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.submitAll(one('1'), { id: 'free' }, one('2'), { id: 'high', priority: 1 }, one('3'))
      expect(ids(await scene.claim())).toEqual(['high', '1', 'free'])
    })

    test('never take more than the claim asks for, nor than their type may run', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 5 }))
      await scene.submitAll(one('1'), { id: 'free 1' }, one('2'), { id: 'free 2' }, one('3'))
      expect(ids(await scene.claim(2))).toEqual(['1', 'free 1'])
      expect(ids(await scene.claim(100, [{ type: 'work', concurrency: 3 }]))).toEqual(['2'])
      expect(ids(await scene.claim())).toEqual(['free 2', '3'])
    })

    test('are not known until they exist, and forgotten once they are deleted', async (scene) => {
      await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      expect(ids(await scene.claim(1))).toEqual(['1'])
      expect(await scene.store.limits.put(limit({ concurrency: 1 }))).toBe('created')
      expect(await scene.store.limits.put(limit({ concurrency: 1 }))).toBe('unchanged')
      expect(ids(await scene.claim())).toEqual([])
      expect(await scene.store.limits.put(limit({ concurrency: 2 }))).toBe('changed')
      expect(ids(await scene.claim())).toEqual(['2'])
      expect(await scene.store.limits.remove('api')).toBe(true)
      expect(await scene.store.limits.remove('api')).toBe(false)
      expect(ids(await scene.claim())).toEqual(['3', '4'])
    })

    test('that are lowered stop nothing, and wait until there is room', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 3 }))
      await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      const running = await scene.claim()
      await scene.store.limits.put(limit({ concurrency: 1 }))
      for (const [index, { task }] of running.entries()) {
        await scene.settle(task, done)
        expect(ids(await scene.claim())).toEqual(index < 2 ? [] : ['4'])
      }
    })

    test('declared by types do not replace what somebody set', async (scene) => {
      const { limits } = scene.store
      await limits.declare([limit({ concurrency: 1, origin: 'work' })])
      await limits.put(limit({ concurrency: 2 }))
      await limits.declare([limit({ concurrency: 3, origin: 'work' }), limit({ name: 'x', concurrency: 1 })])
      expect(
        (await limits.list()).map(({ limit: { name, concurrency, origin } }) => [name, concurrency, origin]),
      ).toEqual([
        ['api', 2, setByApi],
        ['x', 1, setByApi],
      ])
    })

    test('are recorded in the audit log when somebody sets or deletes them', async (scene) => {
      const { limits, audit } = scene.store
      await limits.put(limit({ concurrency: 1 }), limitEntry(by('ada'), 'limit.set', 'api'))
      await limits.put(limit({ concurrency: 1 }), limitEntry(by('ada'), 'limit.set', 'api'))
      await limits.remove('api', limitEntry(by('bob'), 'limit.delete', 'api'))
      await limits.remove('api', limitEntry(by('bob'), 'limit.delete', 'api'))
      const page = await audit.read({ filter: {}, after: null, scan: 10 })
      expect(page.entries.map(({ caller, action, target }) => [caller.name, action, target?.name])).toEqual([
        ['bob', 'limit.delete', 'api'],
        ['ada', 'limit.set', 'api'],
      ])
    })

    test('count what a paused task does not hold, and a resumed one needs again', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.submitAll(one('1'), one('2'))
      const [first] = await scene.claim()
      const paused = await scene.control('pause', first!.task)
      expect(ids(await scene.claim())).toEqual([])
      const { version } = paused.kind === 'moved' ? paused.task : expect.unreachable(paused.kind)
      await scene.settle(first!.task, { kind: 'paused', controlVersion: version })
      const [second] = await scene.claim()
      expect(second!.task.id).toBe('2')
      await scene.control('resume', first!.task)
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(second!.task, done)
      expect(ids(await scene.claim())).toEqual(['1'])
    })

    test('free a slot however the run ends', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      const ends = [
        done,
        released,
        { kind: 'failed', error: boom, retryIn: null },
        { kind: 'failed', error: boom, retryIn: 0 },
        { kind: 'failed', error: boom, retryIn: 1_000 },
        { kind: 'lost', why: 'its process died', poisonLimit: 3 },
      ] as const
      for (const [index, outcome] of ends.entries()) {
        await scene.submit(one(`task ${index}`))
        const [claimed] = await scene.claim()
        expect(claimed?.task.id, outcome.kind).toBe(`task ${index}`)
        await scene.settle(claimed!.task, outcome)
        await heldBy(scene, 'api/', [])
        const { status } = await scene.task(claimed!.task)
        if (status !== 'completed' && status !== 'failed') await scene.control('cancel', claimed!.task)
      }
      expect(ids(await scene.claim())).toEqual([])
    })

    test('count fenced-off code until it has stopped, beside the next run', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 2 }))
      await scene.submitAll(one('1'), one('2'), one('3'))
      const [first] = await scene.claim(1)
      await scene.settle(first!.task, released, { fencedOff: true })
      await heldBy(scene, 'api/', ['1'])
      expect(ids(await scene.claim())).toEqual(['2'])
      await heldBy(scene, 'api/', ['1', '2'])
      await scene.store.releaseSlots(scene.node, [{ id: '1', fence: first!.task.fence, why: 'it returned' }])
      expect(ids(await scene.claim())).toEqual(['3'])
      await heldBy(scene, 'api/', ['2', '3'])
    })

    test('outlive the node that held slots: the reaper frees them', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 2 }))
      await scene.submitAll(one('1'), one('2'), one('3'))
      const [first] = await scene.claim(1)
      await scene.settle(first!.task, { kind: 'failed', error: boom, retryIn: null }, { fencedOff: true })
      expect(ids(await scene.claim())).toEqual(['2'])
      await scene.startNode()
      expect(ids(await scene.claim()), 'its tasks hold their slots').toEqual([])
      await scene.reap()
      await heldBy(scene, 'api/', [])
      expect(ids(await scene.claim())).toEqual(['3', '2'])
    })

    test('survive a cancel, a purge and a retry of what waits', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.submitAll(one('1'), one('2'), one('3', 'other'), one('4', 'other'))
      const running = await scene.claim()
      expect(ids(running)).toEqual(['1', '3'])
      for (const id of ['2', '4']) await scene.control('cancel', { id })
      await scene.store.purge(['2'])
      expect(ids(await scene.claim())).toEqual([])
      await scene.control('retry', { id: '4' })
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(running[1]!.task, done)
      expect(ids(await scene.claim())).toEqual(['4'])
      expect(await scene.store.limits.buckets('api', { after: null, limit: 10 })).toEqual([
        { key: '', running: 1, queued: 0, nextStartAt: null },
        { key: 'other', running: 1, queued: 0, nextStartAt: null },
      ])
    })

    test('of each node count what runs there', async (scene) => {
      if (!kind.shared) return
      await scene.store.limits.put(limit({ concurrency: 1, scope: 'node' }))
      await scene.submitAll(one('1'), one('2'), one('3'))
      const here = await scene.claim()
      expect(ids(here)).toEqual(['1'])
      await scene.joinNode('there')
      const there = await scene.store.claim({ node: 'there', limit: 10, types: [anyNumberOf('work')] })
      expect(ids(there)).toEqual(['2'])
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(here[0]!.task, done)
      expect(ids(await scene.claim())).toEqual(['3'])
    })

    test('of each node leave room in a limit of all nodes to tasks behind', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.store.limits.put(limit({ name: 'here', concurrency: 1, scope: 'node' }))
      await scene.submitAll(needs('x', [['here', 'a']]), one('holds'))
      const first = await scene.claim()
      expect(ids(first)).toEqual(['x', 'holds'])
      const both = (id: TaskId, key: string) =>
        needs(id, [
          ['api', ''],
          ['here', key],
        ])
      await scene.submitAll(both('1', 'a'), both('2', 'b'))
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(first[1]!.task, done)
      expect(ids(await scene.claim())).toEqual(['2'])
    })

    test('of each node hide no task, however many of their keys are full', async (scene) => {
      // It takes seconds, and the rule is the same on all of them; the reference looks at everything.
      if (!/^SQLite in memory$|^PostgreSQL [\d.]+$/.test(kind.name)) return
      const full = 2_100
      await scene.store.limits.put(limit({ concurrency: 1, scope: 'node' }))
      const keys = Array.from({ length: full }, (_, index) => `key ${index}`)
      const submit = (of: readonly Partial<Submission>[]) =>
        scene.store.submit(
          of.map((own) => scene.draft(own)),
          fromApi,
        )
      const claim = (most: number) =>
        scene.store.claim({ node: scene.node, limit: most, types: [anyNumberOf('work')] })
      await submit(keys.map((key) => one(`runs ${key}`, key)))
      expect(await claim(full)).toHaveLength(full)
      await submit([...keys.map((key) => one(`waits ${key}`, key)), one('behind', 'free')])
      const found: TaskId[] = []
      do found.push(...ids(await claim(10)))
      while (scene.store.limits.wakesIn === 0)
      expect(found).toEqual(['behind'])
    })

    test('say who holds what a task waits for, and how many are ahead of it', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 2 }))
      const tasks = await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      await scene.claim()
      expect(await scene.store.limits.explain(await scene.task(tasks[3]!))).toEqual([
        {
          name: 'api',
          key: '',
          concurrency: 2,
          rate: null,
          scope: 'global',
          running: 2,
          holders: ['1', '2'],
          nextStartAt: null,
          ahead: 1,
          isFull: true,
        },
      ])
      expect(await scene.store.limits.list()).toMatchObject([{ running: 2, buckets: 1, blocked: 1 }])
    })

    test('list buckets by key, in pages', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.store.limits.put(limit({ name: 'api-x', concurrency: 1 }))
      await scene.submitAll(...['b', 'a', 'a', 'c/d', ''].map((key, index) => one(`${index}`, key)))
      await scene.submit(needs('other', [['api-x', 'zzz']]))
      await scene.claim()
      const { limits } = scene.store
      const keys = async (after: string | null, limit: number, blocked?: boolean) =>
        (await limits.buckets('api', { after, limit, blocked })).map(({ key }) => key)
      expect(await keys(null, 10)).toEqual(['', 'a', 'b', 'c/d'])
      expect(await keys('', 2)).toEqual(['a', 'b'])
      expect(await keys('b', 2)).toEqual(['c/d'])
      expect(await keys(null, 10, true)).toEqual(['a'])
      expect(await limits.buckets('api', { after: null, limit: 10, key: 'a' })).toEqual([
        { key: 'a', running: 1, queued: 1, nextStartAt: null },
      ])
    })
  })

  describe('rates', () => {
    test('let as many tasks start at once as they allow, and then one after the other', async (scene) => {
      await scene.store.limits.put(limit({ rate: { limit: 2, per: 1_000 } }))
      await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      expect(ids(await scene.claim())).toEqual(['1', '2'])
      expect(ids(await scene.claim())).toEqual([])
      expect(scene.store.limits.wakesIn).toBe(500)
      await scene.clock.advance(499)
      expect(ids(await scene.claim())).toEqual([])
      await scene.clock.advance(1)
      expect(ids(await scene.claim())).toEqual(['3'])
      expect(ids(await scene.claim())).toEqual([])
      await scene.clock.advance(10_000)
      expect(ids(await scene.claim())).toEqual(['4'])
      expect(ids(await scene.claim())).toEqual([])
    })

    test('count starts, however long a task runs', async (scene) => {
      await scene.store.limits.put(limit({ rate: { limit: 1, per: 1_000 }, concurrency: 1 }))
      await scene.submitAll(one('1'), one('2'), one('3'))
      const [first] = await scene.claim()
      await scene.clock.advance(5_000)
      expect(ids(await scene.claim())).toEqual([])
      await scene.settle(first!.task, done)
      const [second] = await scene.claim()
      expect(second!.task.id).toBe('2')
      await scene.settle(second!.task, done)
      expect(ids(await scene.claim())).toEqual([])
      await scene.clock.advance(1_000)
      expect(ids(await scene.claim())).toEqual(['3'])
    })

    if (kind.durable) {
      test('survive a restart', async (scene) => {
        await scene.store.limits.put(limit({ rate: { limit: 1, per: 10_000 } }))
        await scene.submitAll(one('1'), one('2'))
        expect(ids(await scene.claim())).toEqual(['1'])
        await scene.reopen()
        await scene.startNode()
        await scene.reap()
        expect(ids(await scene.claim())).toEqual([])
        await scene.clock.advance(10_000)
        expect(ids(await scene.claim(1))).toHaveLength(1)
        expect(ids(await scene.claim())).toEqual([])
      })
    }
  })

  describe('fairness', () => {
    test('lets keys take turns, whatever their backlog', async (scene) => {
      await scene.submitAll(
        fair('a1', 'a'),
        fair('a2', 'a'),
        fair('a3', 'a'),
        fair('a4', 'a'),
        fair('b1', 'b'),
        fair('b2', 'b'),
      )
      expect(ids(await scene.claim(3))).toEqual(['a1', 'b1', 'a2'])
      await scene.submit(fair('c1', 'c'))
      expect(ids(await scene.claim())).toEqual(['b2', 'c1', 'a3', 'a4'])
    })

    test('starts a single task within one turn of a large backlog', async (scene) => {
      await scene.submitAll(...Array.from({ length: 30 }, (_, index) => fair(`many ${index}`, 'many')))
      expect(await scene.claim(10)).toHaveLength(10)
      await scene.submit(fair('one', 'one'))
      expect(ids(await scene.claim(2))).toContain('one')
    })

    test('gives weights their share', async (scene) => {
      const of = (key: string, weight: number) =>
        Array.from({ length: 12 }, (_, index) => fair(`${key}${index}`, key, { weight }))
      await scene.submitAll(...of('light', 1), ...of('heavy', 3))
      const taken = ids(await scene.claim(12))
      expect(taken.filter((id) => id.startsWith('heavy')).length).toBe(9)
    })

    test('counts tasks without a key as one more', async (scene) => {
      await scene.submitAll(
        { id: '1' },
        { id: '2' },
        { id: '3' },
        { id: '4' },
        fair('a1', 'a'),
        fair('a2', 'a'),
      )
      expect(ids(await scene.claim())).toEqual(['1', 'a1', '2', 'a2', '3', '4'])
    })

    test('gives a key that has several lanes no more turns', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      const documents = Array.from({ length: 5 }, (_, index) => ({
        ...needs(`a${index}`, [['api', `document ${index}`]], { fairnessKey: 'a' }),
      }))
      await scene.submitAll(...documents, fair('b0', 'b'), fair('b1', 'b'))
      expect(ids(await scene.claim())).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'a3', 'a4'])
    })

    test('is within a priority', async (scene) => {
      await scene.submitAll(fair('a1', 'a'), fair('a2', 'a', {}, 5), fair('a3', 'a', {}, 5), fair('b1', 'b'))
      expect(ids(await scene.claim())).toEqual(['a2', 'a3', 'a1', 'b1'])
    })
  })

  describe('aging', () => {
    test('raises the priority of what waits', async (scene) => {
      await scene.submit(needs('old', [], { aging: 10_000 }))
      await scene.submit({ id: 'high', priority: 2 })
      await scene.clock.advance(10_000)
      await scene.submit({ id: 'higher', priority: 3 })
      expect(ids(await scene.claim(1))).toEqual(['higher'])
      await scene.clock.advance(20_000)
      await scene.submit({ id: 'high again', priority: 2 })
      expect(ids(await scene.claim())).toEqual(['old', 'high', 'high again'])
    })
  })

  if (!kind.shared) return

  describe('races of limits', () => {
    test('two nodes claim the last slot: one gets it', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 3 }))
      await scene.joinNode('there')
      await scene.submitAll(...Array.from({ length: 10 }, (_, index) => one(`${index}`)))
      const claim = (node: string) => scene.store.claim({ node, limit: 10, types: [anyNumberOf('work')] })
      const claimed = (await Promise.all([claim(scene.node), claim('there')])).flat()
      expect(claimed).toHaveLength(3)
      await heldBy(scene, 'api/', ids(claimed).toSorted())
    })

    test('a slot is freed while a claim finds its bucket full: the next claim takes it', async (scene) => {
      await scene.store.limits.put(limit({ concurrency: 1 }))
      await scene.joinNode('there')
      await scene.submitAll(one('1'), one('2'), one('3'), one('4'))
      let [running] = await scene.claim(1)
      for (const expected of ['2', '3', '4']) {
        const { id, fence, ownerNode } = running!.task
        const other = ownerNode === 'there' ? scene.node : 'there'
        const [, found] = await Promise.all([
          scene.store.settle(ownerNode!, [{ id, fence, activeMs: 0, outcome: done }]),
          scene.store.claim({ node: other, limit: 1, types: [anyNumberOf('work')] }),
        ])
        const next = found.length > 0 ? found : await scene.claim(1)
        expect(ids(next)).toEqual([expected])
        running = next[0]
      }
    })
  })
}

function limit(own: Partial<Limit>): Limit {
  return { name: 'api', concurrency: null, rate: null, scope: 'global', origin: setByApi, ...own }
}

function one(id: TaskId, key = ''): Partial<Submission> {
  return needs(id, [['api', key]])
}

function fair(
  id: TaskId,
  fairnessKey: string,
  more: Partial<Admission> = {},
  priority = 0,
): Partial<Submission> {
  return { ...needs(id, [], { fairnessKey, ...more }), priority }
}

function needs(
  id: TaskId,
  buckets: readonly (readonly [name: string, key: string])[],
  more: Partial<Admission> = {},
): Partial<Submission> {
  const limits = buckets.map(([name, key]) => ({ name, key }))
  return { id, admission: { limits, fairnessKey: null, weight: 1, aging: null, ...more } }
}

/** These tasks hold the slots of the bucket. */
async function heldBy(scene: Scene, bucket: string, expected: readonly TaskId[]): Promise<void> {
  const [name = '', key = ''] = bucket.split('/')
  const admission = { limits: [{ name, key }], fairnessKey: null, weight: 1, aging: null }
  const asked = { ...(await scene.task({ id: scene.audit.ids[0]! })), admission }
  const [state] = await scene.store.limits.explain(asked)
  expect(state?.holders).toEqual(expected)
  expect(state?.running).toBe(expected.length)
}

function ids(claimed: readonly Claimed[]): TaskId[] {
  return claimed.map(({ task }) => task.id)
}
