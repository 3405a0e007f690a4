import { describe, expect } from 'vitest'
import type { Origin } from '../../src/core/caller.ts'
import { entryOf } from '../../src/core/audit.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { Task } from '../../src/core/task.ts'
import { workerId, type NewWorker, type WorkerBody, type WorkerType } from '../../src/core/worker.ts'
import type { Claimed } from '../../src/store/store.ts'
import { anyNumberOf, one, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function workers(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('workers', () => {
    test('claim and settle under their own id, and survive the start and the end of nodes', async (scene) => {
      await register(scene, 'one')
      const task = await scene.submit()
      const { task: running } = await claimAs(scene, 'one')
      expect(running).toMatchObject({ id: task.id, ownerNode: 'worker one', status: 'running' })
      await scene.startNode()
      await scene.store.endNode(scene.node)
      expect(await scene.reap()).toEqual([])
      if (kind.durable) await scene.reopen()
      await scene.startNode()
      expect(await scene.reap()).toEqual([])
      const settled = await settleAs(scene, running, { kind: 'completed', result: '1' })
      expect(settled).toMatchObject({ verdict: 'settled', task: { status: 'completed' } })
    })

    test('that are not registered claim nothing', async (scene) => {
      await scene.submit()
      const claim = { node: workerId('nobody'), limit: 1, types: [anyNumberOf('work')] }
      expect(await scene.store.claim(claim)).toEqual([])
    })

    test('are not nodes: they have no slots', async (scene) => {
      await register(scene, 'one')
      expect((await scene.store.nodes()).map(({ id }) => id)).toEqual([scene.node])
    })

    test('keep their secret when they register again, and come last then', async (scene) => {
      const { store, clock } = scene
      const registeredAt = clock.now()
      await register(scene, 'one', { secret: 'a' })
      await register(scene, 'two', { secret: 'b' })
      expect(await store.workers.list()).toEqual([
        { id: workerId('one'), ...draft('one', { secret: 'a' }).body, registeredAt, seenAt: registeredAt },
        { id: workerId('two'), ...draft('two', { secret: 'b' }).body, registeredAt, seenAt: registeredAt },
      ])
      await clock.advance(5)
      const types = [typeOf('other')]
      await register(scene, 'one', { secret: 'c', types })
      await clock.advance(5)
      await store.workers.see([workerId('one'), workerId('nobody')])
      expect(await store.workers.list()).toMatchObject([
        { name: 'two', seenAt: registeredAt },
        { name: 'one', secret: 'a', types, registeredAt: registeredAt + 5, seenAt: registeredAt + 10 },
      ])
    })

    test('are registered with an entry in the audit log, or without', async (scene) => {
      const { store } = scene
      await store.workers.register(
        draft('one'),
        entryOf(origin, 'worker.register', { target: { id: null, name: 'one' } }),
      )
      await store.workers.register(draft('one'))
      const query = { filter: { action: 'worker.register' }, after: null, scan: 9 } as const
      const { entries } = await store.audit.read(query)
      expect(entries).toMatchObject([{ caller: { name: 'ci' }, target: { id: null, name: 'one' } }])
    })

    test('have active runs, silent since their claim or their last beat', async (scene) => {
      const { store, clock } = scene
      await register(scene, 'one')
      await scene.submitAll({ id: 'beating' }, { id: 'silent' }, { id: 'paused' }, { id: 'of a node' })
      const beating = await claimAs(scene, 'one')
      await claimAs(scene, 'one')
      const paused = await claimAs(scene, 'one')
      await scene.claim(1)
      await scene.control('pause', paused.task)
      await clock.advance(30)
      await settleAs(scene, paused.task, { kind: 'released', why: 'it pauses', atPausePoint: true })
      const { id, fence } = beating.task
      expect(await store.save(workerId('one'), [{ id, fence }])).toEqual([true])
      await clock.advance(12)
      const runs = (await store.workers.runs()).toSorted((a, b) => a.silent - b.silent)
      expect(runs).toMatchObject([
        { task: { id: 'beating' }, silent: 12, active: 42 },
        { task: { id: 'silent' }, silent: 42, active: 42 },
      ])
    })

    test('pause with their checkpoint, and leave no copy behind', async (scene) => {
      await register(scene, 'one')
      await scene.submit()
      const { task } = await claimAs(scene, 'one')
      await scene.control('pause', task)
      await scene.clock.advance(7)
      const outcome = { kind: 'released', why: 'it pauses', atPausePoint: true } as const
      const settled = await settleAs(scene, task, outcome, { checkpoint: '{"at":1}' })
      expect(settled).toMatchObject({ entry: { event: 'paused', status: 'paused' }, task: { activeMs: 7 } })
      expect(await scene.record(task)).toMatchObject({
        task: { ownerNode: null, requestedControl: 'pause' },
        checkpoint: '{"at":1}',
      })
    })

    test('that stop at a pause point nobody wants give their task back', async (scene) => {
      await register(scene, 'one')
      await scene.submit()
      const { task } = await claimAs(scene, 'one')
      const outcome = { kind: 'released', why: 'it drains', atPausePoint: true } as const
      expect(await settleAs(scene, task, outcome)).toMatchObject({
        entry: { event: 'released', status: 'queued' },
      })
    })

    test('have one suspect at a time, as nodes have', async (scene) => {
      await register(scene, 'one')
      await scene.submitAll({ id: 'a' }, { id: 'b' })
      const lost = { kind: 'lost', why: 'its worker has stopped beating', poisonLimit: 3 } as const
      for (let loss = 0; loss < 2; loss++) {
        const claimed = [await claimAs(scene, 'one'), await claimAs(scene, 'one')]
        for (const { task } of claimed) await settleAs(scene, task, lost)
      }
      await claimAs(scene, 'one')
      const again = { node: workerId('one'), limit: 9, types: [anyNumberOf('work')] }
      expect(await scene.store.claim(again)).toEqual([])
      await register(scene, 'two')
      expect(await claimAs(scene, 'two')).toMatchObject({ task: { crashes: 2 } })
    })

    test('are forgotten after silence: what they still run is taken as from a dead node', async (scene) => {
      const { store, clock } = scene
      await register(scene, 'one')
      await scene.submit()
      const { task } = await claimAs(scene, 'one')
      await clock.advance(100)
      await store.workers.forget(100)
      expect(await store.workers.list()).toHaveLength(1)
      await clock.advance(1)
      await store.workers.forget(100)
      expect(await store.workers.list()).toEqual([])
      expect(await store.workers.runs()).toEqual([])
      expect(one(await scene.reap())).toMatchObject({ task: { id: task.id, status: 'queued', crashes: 1 } })
      await register(scene, 'one', { secret: 'another' })
      expect(await store.workers.list()).toHaveLength(1)
      expect(await settleAs(scene, task, { kind: 'completed', result: '1' })).toMatchObject({
        verdict: 'superseded',
      })
    })
  })
}

const origin: Origin = { caller: { id: 'key', name: 'ci', scopes: ['worker'], types: null, tags: null } }

function typeOf(type: string): WorkerType {
  return {
    type,
    description: 'Ä "type"',
    parameters: { type: 'object' },
    concurrency: null,
    attempts: 1,
    timeout: null,
    pause: 'checkpoint',
  }
}

function draft(name: string, own: Partial<WorkerBody> = {}): NewWorker {
  const types = [typeOf('work')]
  const body = { name, types, secret: 'secret', callerId: null, createdBy: 'ci', ...own }
  return { id: workerId(name), body }
}

function register(scene: Scene, name: string, own: Partial<WorkerBody> = {}): Promise<void> {
  return scene.store.workers.register(draft(name, own))
}

async function claimAs(scene: Scene, name: string): Promise<Claimed> {
  const claim = { node: workerId(name), limit: 1, types: [anyNumberOf('work')] }
  const claimed = one(await scene.store.claim(claim))
  await scene.audit.check()
  return claimed
}

function settleAs(
  scene: Scene,
  task: Task,
  outcome: Outcome,
  documents: Readonly<{ checkpoint?: string }> = {},
) {
  return scene.settle(task, outcome, { activeMs: null, ...documents })
}
