import { describe, expect } from 'vitest'
import { node } from '../support/tasks.ts'
import * as given from './given.ts'
import { anyNumberOf, testsOn, type Scene } from './scene.ts'
import type { StoreKind } from './stores.ts'

/** Liveness of nodes, with and without leases. */
export function living(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a node', () => {
    test('is listed while it is alive, with its data and slots in use', async (scene) => {
      const itself = node(scene.node)
      const startedAt = scene.clock.now()
      expect(await scene.store.nodes()).toMatchObject([{ ...itself, startedAt, slotsInUse: 0 }])
      await given.running(scene)
      await given.pausing(scene)
      await given.parked(scene)
      await given.failedWithCodeAlive(scene)
      expect(await scene.store.nodes()).toMatchObject([{ ...itself, slotsInUse: 3 }])
      await scene.store.endNode(scene.node)
      expect(await scene.store.nodes()).toEqual([])
    })

    test('of a program without a host name is listed without it', async (scene) => {
      const silent = { ...node('silent'), host: null, pid: null }
      await scene.store.startNode(silent)
      expect((await scene.store.nodes()).at(-1)).toMatchObject(silent)
    })

    test('is refused if there was one with that id', async (scene) => {
      await expect(scene.store.startNode(node(scene.node))).rejects.toThrow(Error)
    })
  })

  if (kind.shared) sharing(kind)
  else owning(kind)
}

function owning(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a store that one process owns', () => {
    test('gives a node no lease, and ends it when another starts', async (scene) => {
      expect(scene.store.capabilities.lease).toBeNull()
      const [first, task] = [scene.node, await given.running(scene)]
      await scene.clock.advance(86_400_000)
      expect(await scene.isListed(first)).toBe(true)
      expect(await scene.reap()).toEqual([])
      await scene.joinNode('another')
      expect(await scene.store.nodes()).toMatchObject([{ id: 'another', renewedAt: null, slotsInUse: 0 }])
      expect(await scene.isListed(first)).toBe(false)
      expect(await scene.reap()).toMatchObject([{ task: { id: task.id } }])
    })
  })
}

function sharing(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('a store that nodes share', () => {
    test('renews a node while it lives', async (scene) => {
      expect(await scene.renew(scene.node)).toBe(true)
      expect(await scene.renew('never started')).toBe(false)
      await scene.store.endNode(scene.node)
      expect(await scene.renew(scene.node)).toBe(false)
    })

    test('lets nodes live side by side', async (scene) => {
      const [first, task] = [scene.node, await given.running(scene)]
      await scene.joinNode('another')
      expect(await scene.renew(first)).toBe(true)
      expect(await scene.renew('another')).toBe(true)
      expect(await scene.reap()).toEqual([])
      const outcome = { kind: 'completed', result: '1' } as const
      expect(await scene.settle(task, outcome)).toMatchObject({ verdict: 'settled' })
    })

    test('lists them in start order until their lease ends', async (scene) => {
      const began = scene.clock.now()
      await scene.clock.advance(5)
      await scene.joinNode('another')
      await given.running(scene)
      await scene.clock.advance(leaseOf(scene) - 5)
      await scene.renew('another')
      expect(await scene.store.nodes()).toMatchObject([
        { id: scene.node, startedAt: began, renewedAt: began, slotsInUse: 1 },
        { id: 'another', startedAt: began + 5, renewedAt: began + leaseOf(scene), slotsInUse: 0 },
      ])
      await scene.clock.advance(1)
      expect(await scene.store.nodes()).toMatchObject([{ id: 'another' }])
    })

    test("takes a node's tasks when its lease ends, and refuses it from then on", async (scene) => {
      const [silent, task] = [scene.node, await given.running(scene)]
      await scene.joinNode('another')
      await scene.clock.advance(leaseOf(scene))
      expect(await scene.renew('another')).toBe(true)
      expect(await scene.reap()).toEqual([])
      await scene.clock.advance(1)
      expect(await scene.reap()).toMatchObject([{ task: { id: task.id, status: 'queued', ownerNode: null } }])
      expect(await scene.renew(silent)).toBe(false)
      const outcome = { kind: 'completed', result: '1' } as const
      expect(await scene.settle(task, outcome)).toMatchObject({ verdict: 'superseded' })
      expect(await scene.claim(1, [anyNumberOf(task.type)])).toEqual([])
    })

    test('gives nothing to a node whose lease has ended, even before it is reaped', async (scene) => {
      await scene.submit()
      await scene.clock.advance(leaseOf(scene) + 1)
      expect(await scene.claim()).toEqual([])
      expect(await scene.renew(scene.node)).toBe(false)
    })

    test('keeps a node alive that is renewed in time', async (scene) => {
      await given.running(scene)
      for (let turn = 0; turn < 4; turn++) {
        await scene.clock.advance(leaseOf(scene))
        expect(await scene.renew(scene.node)).toBe(true)
      }
      expect(await scene.reap()).toEqual([])
    })
  })
}

function leaseOf({ store }: Scene): number {
  return store.capabilities.lease ?? expect.unreachable('a store that nodes share has leases')
}
