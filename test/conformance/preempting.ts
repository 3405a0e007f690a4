import { describe, expect } from 'vitest'
import type { Task } from '../../src/core/task.ts'
import { node } from '../support/tasks.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

const rule = { most: 2, cooldown: 1_000 }

/** Running tasks that are asked to make room for urgent ones. */
export function preempting(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('preemption', () => {
    test('asks the least important task, the one that started last among equals, and each once', async (scene) => {
      await full(scene, ['old', 0], ['new', 0], ['important', 5])
      expect(await preempt(scene)).toEqual([])
      await scene.submitAll(
        { id: 'urgent', type: 'quick', priority: 100 },
        { id: 'next', type: 'quick', priority: 99 },
      )
      expect(await preempt(scene)).toEqual(['new'])
      expect(await scene.task({ id: 'new' })).toMatchObject({
        status: 'running',
        version: 2,
        preemption: { count: 1, at: scene.clock.now(), fence: 1, for: 'urgent' },
      })
      expect(await preempt(scene)).toEqual([])
      await scene.submit({ id: 'second', type: 'quick', priority: 100 })
      expect(await preempt(scene)).toEqual(['old'])
      // It does not reach its pause point.
      await scene.clock.advance(10_000)
      expect(await preempt(scene)).toEqual(['important'])
    })

    test('keeps what was saved, and starts the urgent task first', async (scene) => {
      await full(scene, ['a', 0], ['b', 1], ['c', 2])
      await scene.submit({ id: 'urgent', type: 'quick', priority: 100 })
      expect(await preempt(scene)).toEqual(['a'])
      const task = await scene.task({ id: 'a' })
      const saves = [{ id: 'a', fence: task.fence, checkpoint: '{"at":7}' }]
      expect(await scene.store.save(scene.node, saves)).toEqual([true])
      await scene.settle(
        task,
        { kind: 'released', why: 'preempted for task urgent' },
        { checkpoint: '{"at":8}' },
      )
      const claimed = await scene.claim(1, both)
      expect(claimed.map(({ task: { id } }) => id)).toEqual(['urgent'])
      await scene.settle(claimed[0]!.task, { kind: 'completed', result: '1' })
      const [again] = await scene.claim(1, both)
      expect(again).toMatchObject({
        checkpoint: '{"at":8}',
        task: { id: 'a', attempt: 1, failures: 0, preemption: { count: 1, for: 'urgent' } },
      })
    })

    test('asks nobody who has just been asked, or too often', async (scene) => {
      await full(scene, ['a', 0])
      const turn = async () => {
        const [urgent] = await scene.submitAll({ type: 'quick', priority: 100 })
        const asked = await preempt(scene)
        if (asked.length > 0) {
          await scene.settle(await scene.task({ id: 'a' }), { kind: 'released', why: 'preempted' })
          for (const { task } of await scene.claim(1, both))
            await scene.settle(task, { kind: 'completed', result: '1' })
          await scene.claim(1, both)
        } else await scene.control('cancel', urgent!)
        return asked.length
      }
      expect(await turn()).toBe(1)
      expect(await turn()).toBe(0)
      await scene.clock.advance(1_000)
      expect(await turn()).toBe(1)
      await scene.clock.advance(1_000)
      expect(await turn()).toBe(0)
      expect(await scene.task({ id: 'a' })).toMatchObject({ preemption: { count: 2 } })
    })

    if (!kind.shared)
      test('counts the time since a task was asked in full when the wall clock is set', async (scene) => {
        await full(scene, ['a', 0])
        await scene.submit({ id: 'first', type: 'quick', priority: 100 })
        expect(await preempt(scene)).toEqual(['a'])
        scene.clock.set(scene.clock.now() + 3_600_000)
        expect(await preempt(scene)).toEqual([])
        await scene.settle(await scene.task({ id: 'a' }), { kind: 'released', why: 'preempted' })
        const [first] = await scene.claim(1, both)
        await scene.settle(first!.task, { kind: 'completed', result: '1' })
        await scene.claim(1, both)
        await scene.submit({ id: 'second', type: 'quick', priority: 100 })
        scene.clock.set(scene.clock.now() + 3_600_000)
        expect(await preempt(scene)).toEqual([])
        await scene.clock.advance(1_000)
        expect(await preempt(scene)).toEqual(['a'])
      })

    test('asks nobody for a task that a free slot, its type or a limit holds back', async (scene) => {
      await scene.store.startNode({ ...node('large'), slots: 2, types: ['long', 'quick', 'other'] })
      await scene.submitAll({ id: 'a', type: 'long' })
      await scene.store.claim({ node: 'large', limit: 1, types: both })
      await scene.submit({ id: 'urgent', type: 'quick', priority: 100 })
      expect(await preempt(scene)).toEqual([])
      await scene.submit({ type: 'long' })
      await scene.store.claim({ node: 'large', limit: 1, types: [anyNumberOf('long')] })
      await scene.store.hold('quick', true, 'api')
      expect(await preempt(scene)).toEqual([])
      await scene.store.hold('quick', false, 'api')
      const limited = [
        { type: 'quick', concurrency: 0 },
        { type: 'long', concurrency: null },
      ]
      const rules = new Map([['long', rule]])
      expect(await scene.store.preempt({ types: limited, rules })).toEqual([])
      expect(await scene.store.preempt({ types: both, rules: new Map() })).toEqual([])
      expect(await scene.store.preempt({ types: both, rules: new Map([['quick', rule]]) })).toEqual([])
      expect(await preempt(scene)).toHaveLength(1)
    })

    test('asks no more tasks than limits let start, and than their type may run', async (scene) => {
      await full(scene, ['a', 0], ['b', 0], ['c', 0], ['d', 0])
      await scene.store.limits.put(limitOf('api', 1))
      const needy = { type: 'quick', priority: 100, admission: under('api') }
      await scene.submitAll({ id: '1', ...needy }, { id: '2', ...needy }, { id: '3', ...needy })
      expect(await preempt(scene)).toEqual(['d'])
      expect(await preempt(scene)).toEqual([])
      await scene.settle(await scene.task({ id: 'd' }), { kind: 'released', why: 'preempted' })
      expect((await scene.claim(1, both)).map(({ task: { id } }) => id)).toEqual(['1'])
      // Now the limit is full.
      expect(await preempt(scene)).toEqual([])
      const plain = { type: 'other', priority: 100 }
      await scene.submitAll(
        { id: '4', ...plain },
        { id: '5', ...plain },
        { id: '6', ...plain, admission: under('none') },
      )
      const types = [...both, { type: 'other', concurrency: 1 }]
      const asked = await scene.store.preempt({ types, rules: new Map([['long', rule]]) })
      expect(asked.map(({ id }) => id)).toEqual(['c'])
    })

    test('finds an urgent task behind many that a full limit holds back', async (scene) => {
      await full(scene, ['a', 0], ['b', 0])
      await scene.store.limits.put(limitOf('api', 1))
      const needy = { type: 'quick', priority: 100, admission: under('api') }
      await scene.submitAll({ id: 'first', ...needy })
      expect(await preempt(scene)).toEqual(['b'])
      await scene.settle(await scene.task({ id: 'b' }), { kind: 'released', why: 'preempted' })
      expect((await scene.claim(1, both)).map(({ task: { id } }) => id)).toEqual(['first'])
      await scene.submitAll(...Array.from({ length: 50 }, () => needy))
      expect(await preempt(scene)).toEqual([])
      await scene.submit({ id: 'behind', type: 'quick', priority: 100, admission: under('none') })
      expect(await preempt(scene)).toEqual(['a'])
      expect(await scene.task({ id: 'a' })).toMatchObject({ preemption: { for: 'behind' } })
    })

    test('sees that a limit has been raised, although no slot is free for a claim', async (scene) => {
      await full(scene, ['a', 0], ['b', 0])
      await scene.store.limits.put(limitOf('api', 1))
      const needy = { type: 'quick', priority: 100, admission: under('api') }
      await scene.submitAll({ id: '1', ...needy }, { id: '2', ...needy })
      expect(await preempt(scene)).toEqual(['b'])
      await scene.settle(await scene.task({ id: 'b' }), { kind: 'released', why: 'preempted' })
      expect((await scene.claim(2, both)).map(({ task: { id } }) => id)).toEqual(['1', 'b'])
      await scene.clock.advance(2_000)
      expect(await preempt(scene)).toEqual([])
      await scene.store.limits.put(limitOf('api', 2))
      expect(await preempt(scene)).toHaveLength(1)
    })

    test('asks no task of which a pause or a cancel is requested', async (scene) => {
      await full(scene, ['a', 0], ['b', 1], ['c', 2])
      await scene.control('pause', { id: 'a' })
      await scene.control('cancel', { id: 'b' })
      await scene.submit({ id: 'urgent', type: 'quick', priority: 100 })
      expect(await preempt(scene)).toEqual(['c'])
    })

    test('starts over with a retry, and is asked again by another run', async (scene) => {
      await full(scene, ['a', 0])
      await scene.submit({ id: 'urgent', type: 'quick', priority: 100 })
      expect(await preempt(scene)).toEqual(['a'])
      const error = { code: 'X', name: 'X', message: 'x' }
      await scene.settle(await scene.task({ id: 'a' }), { kind: 'failed', error, retryIn: null })
      await scene.control('retry', { id: 'a' })
      expect(await scene.task({ id: 'a' })).toMatchObject({ preemption: null })
    })

    if (kind.shared) {
      test('looks from several nodes ask one task', async (scene) => {
        await full(scene, ['a', 0], ['b', 0], ['c', 0])
        await scene.submit({ id: 'urgent', type: 'quick', priority: 100 })
        const asked = await Promise.all([1, 2, 3, 4].map(() => preempt(scene)))
        expect(asked.flat()).toHaveLength(1)
      })
    }
  })
}

const under = (name: string) => ({
  limits: [{ name, key: '' }],
  fairnessKey: null,
  weight: 1,
  aging: null,
})

const limitOf = (name: string, concurrency: number) =>
  ({ name, concurrency, rate: null, scope: 'global', origin: 'api' }) as const

const both = [anyNumberOf('long'), anyNumberOf('quick')]

async function preempt(scene: Scene): Promise<string[]> {
  const asked = await scene.store.preempt({ types: both, rules: new Map([['long', rule]]) })
  await scene.audit.check()
  return asked.map(({ id }) => id)
}

/** A node whose slots these tasks have taken, one after the other. */
async function full(
  scene: Scene,
  ...tasks: readonly (readonly [id: string, priority: number])[]
): Promise<Task[]> {
  const id = `full-of-${tasks.length}`
  await scene.store.endNode(scene.node)
  await scene.store.startNode({ ...node(id), slots: tasks.length, types: ['long', 'quick', 'other'] })
  Object.defineProperty(scene, 'node', { value: id })
  const running: Task[] = []
  for (const [name, priority] of tasks) {
    await scene.clock.advance(10)
    await scene.submit({ id: name, type: 'long', priority })
    running.push((await scene.claim(1, both))[0]!.task)
  }
  return running
}
