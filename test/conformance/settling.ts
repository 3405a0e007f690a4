import { describe, expect } from 'vitest'
import type { Settlement } from '../../src/core/outcome.ts'
import { boom } from '../support/tasks.ts'
import * as given from './given.ts'
import { one, testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

const completed = { kind: 'completed', result: '1' } as const
const abandoned = { kind: 'failed', error: boom, retryIn: null, endedBy: 'abandoned' } as const

export function settling(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('settle', () => {
    test('of an older fence is superseded, and returns the current task', async (scene) => {
      const older = await given.running(scene)
      await scene.startNode()
      await scene.reap()
      const { task: newer } = await scene.claimOne(older)
      expect(newer.fence).toBeGreaterThan(older.fence)
      const late = await scene.settle({ ...newer, fence: older.fence }, completed)
      expect(late).toEqual({ verdict: 'superseded', task: newer, entry: null })
      expect(await scene.settle(newer, completed)).toMatchObject({ verdict: 'settled' })
    })

    test('by another node than the one that runs it is superseded', async (scene) => {
      const task = await given.running(scene)
      const answer = await scene.settle({ ...task, ownerNode: 'another' }, completed)
      expect(answer.verdict).toBe('superseded')
    })

    test('of a deleted task is superseded without a row', async (scene) => {
      const nobody = { id: 'nobody', fence: 1, ownerNode: null }
      expect(await scene.settle(nobody, completed)).toEqual({
        verdict: 'superseded',
        task: null,
        entry: null,
      })
    })

    test('returns results in the order of the settlements', async (scene) => {
      const [first, second] = [await given.running(scene), await given.running(scene)]
      const settlement = { outcome: completed, activeMs: 0 }
      const answers = await scene.store.settle(scene.node, [
        { ...settlement, id: second.id, fence: second.fence },
        { ...settlement, id: first.id, fence: 99 },
        { ...settlement, id: first.id, fence: first.fence },
      ])
      expect(answers.map(({ verdict, task }) => [verdict, task?.id])).toEqual([
        ['settled', second.id],
        ['superseded', first.id],
        ['settled', first.id],
      ])
    })

    const refused: readonly [string, Partial<Settlement>][] = [
      ['a delay that is no number', { outcome: { kind: 'failed', error: boom, retryIn: Number.NaN } }],
      ['a delay without end', { outcome: { kind: 'failed', error: boom, retryIn: 1e300 } }],
      ['a run that took no time that can be told', { activeMs: Number.POSITIVE_INFINITY }],
      ['progress that is no number', { progress: { current: Number.NaN, at: 0 } }],
      ['a line of no time', { log: [{ at: Number.NaN, attempt: 1, text: 'line' }] }],
      ['a checkpoint that is no text', { checkpoint: 5 as unknown as string }],
      ['a result that is no text', { outcome: { kind: 'completed', result: 5 as unknown as string } }],
    ]
    for (const [what, bad] of refused)
      test(`of ${what} is refused, and does not affect others`, async (scene) => {
        const tasks = [await given.running(scene), await given.running(scene), await given.running(scene)]
        const answers = await Promise.allSettled(
          tasks.map(({ id, fence }, index) => {
            const settlement: Settlement = { id, fence, outcome: completed, activeMs: 0 }
            return scene.store.settle(scene.node, [index === 1 ? { ...settlement, ...bad } : settlement])
          }),
        )
        expect(answers).toMatchObject([
          { value: [{ verdict: 'settled' }] },
          { reason: expect.not.objectContaining({ code: 'STORE_UNAVAILABLE' }) },
          { value: [{ verdict: 'settled' }] },
        ])
        const [, kept] = tasks
        expect(await scene.task(kept!)).toEqual(kept)
        expect(await scene.settle(kept!, abandoned)).toMatchObject({ verdict: 'settled' })
      })

    test('of a withdrawn pause is stale, even if a new pause is requested', async (scene) => {
      const firstControl = await given.pausing(scene)
      await scene.control('resume', firstControl)
      await scene.control('pause', firstControl)
      const secondControl = await scene.task(firstControl)
      const park = (controlVersion: number) => scene.settle(secondControl, { kind: 'paused', controlVersion })
      expect(await park(firstControl.version)).toMatchObject({ verdict: 'stale', task: secondControl })
      expect(await park(secondControl.version)).toMatchObject({ verdict: 'settled' })
    })

    test('commits checkpoint and progress with the status', async (scene) => {
      const task = await given.pausing(scene)
      const progress = { current: 3, total: 4, message: 'c.png', at: scene.clock.now() }
      const outcome = { kind: 'paused', controlVersion: task.version } as const
      await scene.settle(task, outcome, { checkpoint: '{"next":3}', progress })
      const record = await scene.record(task)
      expect(record).toMatchObject({ checkpoint: '{"next":3}', task: { status: 'paused', progress } })
    })

    test('of a completion keeps the result', async (scene) => {
      const task = await given.running(scene)
      await scene.settle(task, { kind: 'completed', result: '{"sum":3}' })
      expect(await scene.record(task)).toMatchObject({ result: '{"sum":3}' })
    })

    test('of a failure with attempts left waits for the back-off', async (scene) => {
      const task = await given.running(scene)
      await scene.settle(task, { kind: 'failed', error: boom, retryIn: 5_000 })
      const runAt = scene.clock.now() + 5_000
      const waiting = { status: 'scheduled', runAt, failures: 1, crashes: 0, error: boom }
      expect(await scene.task(task)).toMatchObject(waiting)
    })

    test('of a failure while pausing leaves the back-off to the resume', async (scene) => {
      const task = await given.pausing(scene)
      await scene.settle(task, { kind: 'failed', error: boom, retryIn: 5_000 })
      expect(await scene.task(task)).toMatchObject({ status: 'paused', failures: 1, error: boom })
      expect(await scene.control('resume', task)).toMatchObject({ task: { status: 'scheduled' } })
    })

    test('records how the code was stopped', async (scene) => {
      const task = await given.cancelling(scene)
      await scene.settle(task, { kind: 'cancelled', endedBy: 'terminated' })
      const { task: ended, timeline } = await scene.record(task)
      expect([ended.endedBy, timeline.at(-1)?.endedBy]).toEqual(['terminated', 'terminated'])
    })
  })

  describe('fenced-off code', () => {
    test('can write nothing more', async (scene) => {
      const task = await given.failedWithCodeAlive(scene)
      const save = { id: task.id, fence: task.fence, checkpoint: '1' }
      expect(await scene.store.save(scene.node, [save])).toEqual([false])
      expect(await scene.settle(task, completed)).toMatchObject({ verdict: 'superseded' })
      expect(await scene.task(task)).toMatchObject({ fence: task.fence + 1, status: 'failed' })
    })

    test('is counted until it returns, by type', async (scene) => {
      const task = await given.failedWithCodeAlive(scene)
      const fencedOff = async () => (await scene.store.counts()).fencedOff
      const { id, fence } = task
      expect(await fencedOff()).toEqual({ [task.type]: 1 })
      await scene.store.releaseSlots('another node', [{ id, fence, why: 'not its own' }])
      await scene.store.releaseSlots(scene.node, [{ id, fence: fence + 1, why: 'not this one' }])
      expect(await fencedOff()).toEqual({ [task.type]: 1 })
      await scene.store.releaseSlots(scene.node, [{ id, fence, why: 'it returned' }])
      await scene.store.releaseSlots(scene.node, [{ id, fence, why: 'it returned' }])
      expect(await fencedOff()).toEqual({})
    })

    test('refuses a retry with the reason', async (scene) => {
      const task = await given.failedWithCodeAlive(scene)
      const why = 'the code of its previous run has not stopped yet'
      expect(await scene.control('retry', task)).toMatchObject({ kind: 'refused', why })
    })

    test('is gone with its node', async (scene) => {
      const task = await given.failedWithCodeAlive(scene)
      await scene.startNode()
      await scene.reap()
      expect((await scene.store.counts()).fencedOff).toEqual({})
      expect(await scene.control('retry', task)).toMatchObject({ kind: 'moved' })
    })

    test('of a task that runs again uses its own slot', async (scene) => {
      const task = await given.running(scene)
      await scene.settle(task, { ...abandoned, retryIn: 0 }, { fencedOff: true })
      const limit = [{ type: task.type, concurrency: 1 }]
      expect(await scene.claim(1, limit)).toEqual([])
      expect(await scene.claim(1, [{ type: task.type, concurrency: 2 }])).toHaveLength(1)
    })
  })

  describe('save', () => {
    const progress = (current: number) => ({ current, at: 5 })

    test('keeps checkpoint and progress of a live run without a transition', async (scene) => {
      const task = await given.running(scene)
      await scene.clock.advance(100)
      const { id, fence } = task
      const saves = [{ id, fence, checkpoint: '"a"', progress: progress(1) }]
      expect(await scene.store.save(scene.node, saves)).toEqual([true])
      expect(await scene.store.save(scene.node, [{ id, fence, checkpoint: '"b"' }])).toEqual([true])
      const record = await scene.record(task)
      expect(record.checkpoint).toBe('"b"')
      expect(record.task).toMatchObject({
        version: task.version,
        progress: progress(1),
        savedAt: scene.clock.now(),
      })
    })

    test('is refused for all but the newest run, individually', async (scene) => {
      const [task, parked] = [await given.running(scene), await given.parked(scene)]
      const { id, fence } = task
      const answers = await scene.store.save(scene.node, [
        { id, fence: fence - 1, checkpoint: '"older"' },
        { id: 'nobody', fence, checkpoint: '"unknown"' },
        { id: parked.id, fence: parked.fence, checkpoint: '"parked"' },
        { id, fence, checkpoint: '"newest"' },
      ])
      expect(answers).toEqual([false, false, false, true])
      expect(await scene.store.save('another', [{ id, fence, checkpoint: '"thief"' }])).toEqual([false])
      expect((await scene.record(task)).checkpoint).toBe('"newest"')
      expect((await scene.record(parked)).checkpoint).toBeNull()
    })

    test('is still accepted while the task is asked to pause or stop', async (scene) => {
      for (const situation of [given.pausing, given.cancelling]) {
        const { id, fence } = await situation(scene)
        expect(await scene.store.save(scene.node, [{ id, fence, checkpoint: '1' }])).toEqual([true])
      }
    })
  })

  describe('retry', () => {
    test('starts from the checkpoint with reset failures and a higher fence', async (scene) => {
      const task = await given.running(scene)
      await scene.settle(task, { kind: 'failed', error: boom, retryIn: null }, { checkpoint: '{"next":2}' })
      await scene.control('retry', task)
      const budgets = { failures: 0, crashes: 0, error: null, endedBy: null, completedAt: null }
      expect(await scene.task(task)).toMatchObject({ status: 'queued', fence: task.fence + 1, ...budgets })
      expect(await scene.claimOne(task)).toMatchObject({ checkpoint: '{"next":2}', task: { attempt: 2 } })
    })

    test('from the start discards the checkpoint and its progress', async (scene) => {
      const task = await given.running(scene)
      const made = { checkpoint: '{"next":2}', progress: { current: 2, at: 1 } }
      await scene.settle(task, { kind: 'failed', error: boom, retryIn: null }, made)
      await scene.control('retry', task, { fromStart: true })
      expect(await scene.claimOne(task)).toMatchObject({ checkpoint: null, task: { progress: null } })
    })

    test('that is refused discards nothing', async (scene) => {
      const task = await given.running(scene)
      await scene.store.save(scene.node, [{ id: task.id, fence: task.fence, checkpoint: '1' }])
      expect(await scene.control('retry', task, { fromStart: true })).toMatchObject({ kind: 'refused' })
      expect((await scene.record(task)).checkpoint).toBe('1')
    })
  })

  describe('unpark', () => {
    test('records why, and leaves the attempt open for the next run', async (scene) => {
      const parked = await given.parked(scene)
      const copy = { id: parked.id, fence: parked.fence, why: 'room was needed' }
      const moved = one(await scene.store.unpark(scene.node, [copy]))
      expect(moved.entry).toMatchObject({ event: 'unparked', status: 'paused', why: 'room was needed' })
      expect(moved.task).toMatchObject({ ownerNode: null, attemptOpen: true, fence: parked.fence })
    })

    test('of a copy that is not the newest, or of another node, changes nothing', async (scene) => {
      const { id, fence } = await given.parked(scene)
      const why = 'room was needed'
      expect(await scene.store.unpark(scene.node, [{ id, fence: fence - 1, why }])).toEqual([])
      expect(await scene.store.unpark('another', [{ id, fence, why }])).toEqual([])
      expect(await scene.store.unpark(scene.node, [{ id: 'nobody', fence, why }])).toEqual([])
    })
  })
}
