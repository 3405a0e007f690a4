import { describe, expect } from 'vitest'
import type { Operation } from '../../src/core/operation.ts'
import type { Status } from '../../src/core/task.ts'
import * as given from './given.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function holding(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a hold of a type', () => {
    test('against a claim: nothing starts once the hold has returned', async (scene) => {
      for (const first of ['hold', 'claim'] as const) {
        for (const together of [true, false]) {
          const { type } = await given.queued(scene)
          const claim = async () => {
            const claimed = await scene.store.claim({
              node: scene.node,
              limit: 1,
              types: [anyNumberOf(type)],
            })
            return claimed.length
          }
          const hold = () => scene.store.hold(type, true, 'api')
          const begun = first === 'hold' ? hold() : claim()
          if (!together) await begun
          const [one, other] = await Promise.all([begun, first === 'hold' ? claim() : hold()])
          const answers = first === 'hold' ? { held: one, claimed: other } : { held: other, claimed: one }
          expect(answers.held).toBe(true)
          // In a shared commit, the claim executes after the hold.
          if (first === 'claim' && together && kind.groups) expect([0, 1]).toContain(answers.claimed)
          else expect(answers.claimed).toBe(first === 'hold' ? 0 : 1)
          expect(await claim()).toBe(0)
        }
      }
    })

    test('lets running tasks continue, and keeps resumed ones in the queue', async (scene) => {
      const parked = await given.parked(scene)
      const running = await scene.submit({ type: parked.type })
      const { task } = await scene.claimOne(running)
      await hold(scene, parked.type)
      expect(await scene.control('resume', parked)).toMatchObject({
        kind: 'moved',
        task: { status: 'queued' },
      })
      expect(await claimOf(scene, parked.type)).toEqual([])
      expect(await scene.settle(task, { kind: 'completed', result: '1' })).toMatchObject({
        verdict: 'settled',
      })
      expect(await scene.store.hold(parked.type, false, 'api')).toBe(true)
      expect(await claimOf(scene, parked.type)).toMatchObject([{ previousFence: parked.fence }])
    })

    test('does not affect other types, and records its time', async (scene) => {
      await scene.submitAll({ id: '1', priority: 9 }, { id: '2', type: 'other' })
      expect(await scene.store.hold('work', true, 'alice')).toBe(true)
      await scene.clock.advance(5)
      expect(await scene.store.hold('work', true, 'bob')).toBe(false)
      const since = scene.clock.now() - 5
      expect((await scene.store.counts()).held).toEqual({ work: { since, by: 'alice', reason: null } })
      const claimed = await scene.claim(10, [anyNumberOf('work'), anyNumberOf('other')])
      expect(claimed.map(({ task }) => task.id)).toEqual(['2'])
      expect(await scene.store.hold('work', false, 'bob')).toBe(true)
      expect(await scene.store.hold('work', false, 'bob')).toBe(false)
      expect((await scene.store.counts()).held).toEqual({})
    })
  })

  describe('purge', () => {
    test('deletes finished tasks, and nothing else', async (scene) => {
      const done = [await given.completed(scene), await given.failed(scene), await given.cancelled(scene)]
      const alive = [await given.queued(scene), await given.parked(scene), await given.cancelling(scene)]
      const ids = [...done, ...alive, { id: 'nobody' }].map(({ id }) => id)
      const answers = await scene.store.purge(ids)
      expect(answers.map(({ kind }) => kind)).toEqual([
        ...done.map(() => 'purged'),
        ...alive.map(() => 'refused'),
        'unknown',
      ])
      expect(answers[3]).toMatchObject({ task: { status: 'queued' } })
      for (const { id } of done) expect(await scene.store.read(id)).toBeNull()
      expect(await scene.store.purge([done[0]!.id])).toEqual([{ kind: 'unknown' }])
    })

    test('of some statuses keeps tasks in others', async (scene) => {
      const done = [await given.completed(scene), await given.failed(scene), await given.cancelled(scene)]
      const ids = [...done, await given.queued(scene)].map(({ id }) => id)
      const kinds = async (...statuses: Status[]) =>
        (await scene.store.purge(ids, statuses)).map(({ kind }) => kind)
      expect(await kinds()).toEqual(['refused', 'refused', 'refused', 'refused'])
      expect(await kinds('failed', 'queued')).toEqual(['refused', 'purged', 'refused', 'refused'])
      expect(await kinds('completed', 'failed')).toEqual(['purged', 'unknown', 'refused', 'refused'])
      expect((await scene.store.get(ids[2]!))?.status).toBe('cancelled')
    })

    test('frees the idempotency key', async (scene) => {
      const keyed = { idempotencyKey: 'key', requestHash: 'hash' }
      const { id } = await scene.submit(keyed)
      await scene.control('cancel', { id })
      await scene.store.purge([id])
      expect((await scene.submit({ ...keyed, requestHash: 'another' })).id).not.toBe(id)
    })
  })

  describe('an operation', () => {
    test('starts by the clock of the store, and includes no later task', async (scene) => {
      const now = scene.clock.now()
      const told = { ...begun(scene), createdAt: now + 3_600_000 }
      const operation = await scene.store.beginOperation(told)
      const filter = { ...told.filter, createdBefore: now + 1 }
      expect(operation).toEqual({ ...told, createdAt: now, filter })
      expect(await scene.store.operation('op')).toEqual(operation)
      const earlier = { ...told, id: 'earlier', filter: { createdBefore: now - 5 } }
      expect((await scene.store.beginOperation(earlier)).filter.createdBefore).toBe(now - 5)
    })

    test('is stored until its cancel is requested', async (scene) => {
      const operation = begun(scene)
      expect(await scene.store.operation('op')).toBeNull()
      expect(await scene.store.saveOperation(operation)).toBe(true)
      expect(await scene.store.saveOperation({ ...operation, matched: 5 })).toBe(true)
      expect(await scene.store.operation('op')).toEqual({ ...operation, matched: 5 })
      const [saved, seen] = await Promise.all([
        scene.store.saveOperation({ ...operation, matched: 6 }),
        scene.store.operation('op', { cancel: true }),
      ])
      expect([saved, seen]).toEqual([true, { ...operation, matched: 6 }])
      expect(await scene.store.saveOperation({ ...operation, matched: 7 })).toBe(false)
      expect(await scene.store.operation('op')).toMatchObject({ matched: 7, status: 'running' })
    })

    test('that has finished can no longer be cancelled', async (scene) => {
      const ended = { ...begun(scene), status: 'completed', endedAt: 1 } as const
      await scene.store.saveOperation(ended)
      expect(await scene.store.operation('op', { cancel: true })).toEqual(ended)
      expect(await scene.store.saveOperation(ended)).toBe(true)
    })

    test('is interrupted when its node dies', async (scene) => {
      const operation = begun(scene)
      await scene.store.saveOperation(operation)
      await scene.store.saveOperation({ ...operation, id: 'ended', status: 'completed' })
      await scene.startNode()
      expect(await scene.store.operation('op')).toEqual({ ...operation, status: 'interrupted' })
      expect(await scene.store.operation('ended')).toMatchObject({ status: 'completed' })
    })
  })
}

function begun(scene: Scene): Operation {
  return {
    id: 'op',
    action: 'cancel',
    filter: { statuses: ['queued'], tag: 'größer' },
    by: 'Änne',
    callerId: 'key',
    reason: 'ein "Grund"',
    dryRun: false,
    status: 'running',
    node: scene.node,
    createdAt: scene.clock.now(),
    endedAt: null,
    matched: 0,
    changed: 0,
    unchanged: 0,
    refused: 0,
    error: null,
  }
}

async function hold(scene: Scene, type: string): Promise<void> {
  expect(await scene.store.hold(type, true, 'api')).toBe(true)
}

async function claimOf(scene: Scene, type: string) {
  return scene.claim(10, [anyNumberOf(type)])
}
