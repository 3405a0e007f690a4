import { describe, expect } from 'vitest'
import * as given from './given.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

/** Stores whose acknowledged writes survive the process. */
export function enduring(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a store that is opened again', () => {
    test('finds every task, document, timeline and count as it was', async (scene) => {
      const { lost: _, unsubmitted: __, ...situations } = given
      for (const situation of Object.values(situations)) await situation(scene)
      const { id, fence } = await given.running(scene)
      await scene.store.save(scene.node, [{ id, fence, checkpoint: '{"next":7}' }])
      const before = await scene.audit.check()
      const counts = await scene.store.counts()
      await scene.reopen()
      expect(await scene.audit.check()).toEqual(before)
      expect(await scene.store.counts()).toEqual(counts)
    })

    test('still holds its types, lists its tasks and has its operations', async (scene) => {
      const task = await scene.submit({ tags: ['t'] })
      await scene.store.hold('work', true, 'api')
      const { held } = await scene.store.counts()
      await scene.reopen()
      expect((await scene.store.counts()).held).toEqual(held)
      expect(await scene.claim()).toEqual([])
      const filter = { tag: 't', types: ['work'] }
      const { entries } = await scene.store.list({ filter, order: 'newest', after: null, limit: 1, scan: 1 })
      expect(entries).toMatchObject([{ task }])
    })

    test('continues with the same positions, fences and keys', async (scene) => {
      const keyed = { idempotencyKey: 'key', requestHash: 'hash' }
      const first = await scene.submit(keyed)
      await scene.reopen()
      const second = await scene.submit()
      expect(second.queuePosition).toBeGreaterThan(first.queuePosition)
      const replay = await scene.store.submit([scene.draft(keyed)], { by: 'api', maxQueued: 10 })
      expect(replay).toMatchObject({ tasks: [{ replayed: true, task: { id: first.id } }] })
    })

    test('gives the tasks of its last node to the next one', async (scene) => {
      const [running, parked] = [await given.running(scene), await given.parked(scene)]
      const stuck = await given.failedWithCodeAlive(scene)
      await scene.reopen()
      expect(await scene.control('retry', stuck)).toMatchObject({ kind: 'refused' })
      await scene.startNode()
      expect(await scene.reap()).toHaveLength(2)
      expect(await scene.claimOne(running)).toMatchObject({ previousFence: running.fence + 1 })
      expect(await scene.task(parked)).toMatchObject({ status: 'paused', ownerNode: null })
      expect(await scene.control('retry', stuck)).toMatchObject({ kind: 'moved' })
    })
  })
}
