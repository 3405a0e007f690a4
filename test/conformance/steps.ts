import { describe, expect } from 'vitest'
import type { StepRecord } from '../../src/core/step.ts'
import type { Task } from '../../src/core/task.ts'
import type { NumberedStep, StepQuery } from '../../src/store/store.ts'
import { boom } from '../support/tasks.ts'
import * as given from './given.ts'
import { testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

type Known = Pick<Task, 'id' | 'fence' | 'ownerNode'>

const all: StepQuery = { after: 0, limit: 1_000, bytes: 1_000_000_000 }

/** A completed step, except for what the test sets. */
function step(own: Partial<StepRecord> = {}): StepRecord {
  return {
    name: 'charge',
    occurrence: 1,
    status: 'completed',
    attempts: 1,
    startedAt: 10,
    finishedAt: 20,
    result: '{"paid":"é \\u0000"}',
    error: null,
    ...own,
  }
}

const failed = (own: Partial<StepRecord> = {}) =>
  step({ status: 'failed', result: null, error: boom, ...own })

export function steps(kind: StoreKind): void {
  const test = testsOn(kind)

  const save = async (scene: Scene, { id, fence, ownerNode }: Known, ...saved: StepRecord[]) =>
    (await scene.store.save(ownerNode ?? scene.node, [{ id, fence, steps: saved }]))[0]
  const stored = async (scene: Scene, { id }: Pick<Task, 'id'>) =>
    (await scene.store.steps(id, all))?.steps.map(shown)

  describe('steps', () => {
    test('are kept in the order in which they were first stored, with their results', async (scene) => {
      const task = await given.running(scene)
      expect(await scene.store.steps(task.id, all)).toEqual({ steps: [], next: null })
      const own = [
        step({ name: 'odd \u0000 \uFFFF 🎵', result: '"\uFFFF"' }),
        failed(),
        step({ name: 'z', occurrence: 2, attempts: 3, result: 'null' }),
      ]
      expect(await Promise.all([save(scene, task, own[0]!, own[1]!), save(scene, task, own[2]!)])).toEqual([
        true,
        true,
      ])
      const numbered = own.map((one, index) => shown({ ...one, number: index + 1 }))
      expect(await stored(scene, task)).toEqual(numbered)
      expect(await scene.store.steps('nobody', all)).toBeNull()
    })

    test('of an older fence or another node are not stored', async (scene) => {
      const late = await given.running(scene)
      await scene.startNode()
      await scene.reap()
      expect(await save(scene, late, step())).toBe(false)
      const { task: newest } = await scene.claimOne({ id: late.id, type: await typeOf(scene, late) })
      expect(await save(scene, late, step({ result: '"late"' }))).toBe(false)
      expect(await save(scene, { ...newest, ownerNode: 'another node' }, step())).toBe(false)
      expect(await stored(scene, late)).toEqual([])
      expect(await save(scene, newest, step({ result: '"new"' }))).toBe(true)
      expect(await save(scene, late, step({ result: '"late"' }))).toBe(false)
      expect(await stored(scene, late)).toMatchObject([{ result: '"new"' }])
    })

    test('that are completed stay as they were first stored, and failed ones are replaced in place', async (scene) => {
      const task = await given.running(scene)
      await save(scene, task, failed({ name: 'first' }), step({ name: 'second', result: '"kept"' }))
      await save(scene, task, step({ name: 'second', result: '"again"' }), failed({ name: 'second' }))
      expect(await save(scene, task, step({ name: 'first', attempts: 2, result: '"at last"' }))).toBe(true)
      expect(await stored(scene, task)).toMatchObject([
        { number: 1, name: 'first', status: 'completed', attempts: 2, result: '"at last"', error: null },
        { number: 2, name: 'second', status: 'completed', result: '"kept"' },
      ])
    })

    test('that are stored twice in one transaction count as one after the other', async (scene) => {
      const task = await given.running(scene)
      const writes = [
        save(scene, task, failed()),
        save(scene, task, step({ result: '"first"' })),
        save(scene, task, step({ result: '"second"' }), failed()),
      ]
      expect(await Promise.all(writes)).toEqual([true, true, true])
      expect(await stored(scene, task)).toMatchObject([{ number: 1, result: '"first"' }])
    })

    test('are read by page: as many as asked for, until their results are large', async (scene) => {
      const task = await given.running(scene)
      const large = `"${'x'.repeat(1_000)}"`
      const names = ['a', 'b', 'c', 'd', 'e']
      await save(scene, task, ...names.map((name) => step({ name, result: name === 'c' ? large : '1' })))
      const pages = async (query: Omit<StepQuery, 'after'>) => {
        const found: string[] = []
        for (let after: number | null = 0; after !== null;) {
          const page = await scene.store.steps(task.id, { ...query, after })
          found.push((page?.steps ?? []).map(({ name }) => name).join(''))
          after = page?.next ?? null
        }
        return found
      }
      expect(await pages({ limit: 2, bytes: 1_000_000 })).toEqual(['ab', 'cd', 'e'])
      expect(await pages({ limit: 5, bytes: 1_000_000 })).toEqual(['abcde'])
      expect(await pages({ limit: 5, bytes: 900 })).toEqual(['abc', 'de'])
      expect(await pages({ limit: 5, bytes: 0 })).toEqual(['a', 'b', 'c', 'd', 'e'])
    })

    test('survive failures, pauses, the loss of a node and a retry, and are dropped by one from the start', async (scene) => {
      const task = await given.running(scene)
      const type = await typeOf(scene, task)
      await save(scene, task, step())
      await scene.settle(task, { kind: 'failed', error: boom, retryIn: null })
      expect(await stored(scene, task)).toHaveLength(1)
      await scene.control('retry', task)
      const { task: again } = await scene.claimOne({ id: task.id, type })
      await scene.startNode()
      await scene.reap()
      expect(await stored(scene, task)).toHaveLength(1)
      expect(await save(scene, again, step({ name: 'late' }))).toBe(false)
      await scene.control('cancel', task)
      await scene.control('retry', task, { fromStart: true })
      expect(await stored(scene, task)).toEqual([])
      const { task: fresh } = await scene.claimOne({ id: task.id, type })
      await save(scene, fresh, step({ result: '"fresh"' }))
      expect(await stored(scene, task)).toMatchObject([{ number: 1, result: '"fresh"' }])
    })

    test('count as progress: crashes before them are forgiven', async (scene) => {
      const task = await given.running(scene)
      await scene.startNode()
      await scene.reap()
      const { task: again } = await scene.claimOne({ id: task.id, type: await typeOf(scene, task) })
      expect(again.crashes).toBe(1)
      await save(scene, again, step())
      expect((await scene.task(task)).crashes).toBe(0)
    })

    test('are deleted with their task', async (scene) => {
      const task = await given.running(scene)
      await save(scene, task, step())
      await scene.settle(task, { kind: 'completed', result: '1' })
      expect(await stored(scene, task)).toHaveLength(1)
      await scene.store.purge([task.id])
      expect(await scene.store.steps(task.id, all)).toBeNull()
      const other = await given.running(scene)
      await save(scene, other, step())
      await scene.settle(other, { kind: 'completed', result: '1' })
      await scene.store.prune(-1, 10)
      expect(await scene.store.steps(other.id, all)).toBeNull()
    })

    test('with values that no store can keep fail for their own caller only', async (scene) => {
      const task = await given.running(scene)
      const wrong = save(scene, task, step({ startedAt: Number.NaN }))
      const right = save(scene, task, step())
      await expect(wrong).rejects.toThrow(RangeError)
      expect(await right).toBe(true)
      expect(await stored(scene, task)).toHaveLength(1)
    })
  })
}

/** Without the fingerprint of an error, which depends on encryption. */
function shown({ error, ...more }: NumberedStep): NumberedStep {
  if (error === null) return { ...more, error }
  const { fingerprint: _, ...rest } = error
  return { ...more, error: rest }
}

async function typeOf(scene: Scene, { id }: Pick<Task, 'id'>): Promise<string> {
  return (await scene.task({ id })).type
}
