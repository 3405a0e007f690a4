import { describe, expect } from 'vitest'
import type { NewKey } from '../../src/core/keys.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

export function keys(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('keys', () => {
    test('are stored with everything but their text, and raise the version with each change', async (scene) => {
      const { store, clock } = scene
      expect(await store.keys.read()).toEqual({ version: 0, keys: [] })
      expect(await store.keys.read(0)).toBeNull()
      const first = await store.keys.add(
        draft({ id: 'one', name: 'Änne "A"', types: ['work'], tags: ['a', 'b'] }),
      )
      const second = await store.keys.add(
        draft({
          id: 'two',
          name: 'bob',
          expiresAt: clock.now() + 1_000,
          rateLimit: { limit: 100, per: 60_000 },
        }),
      )
      expect(first).toEqual({ ...first, createdAt: clock.now(), lastUsedAt: null, earlier: null })
      expect(await store.keys.read(1)).toEqual({ version: 2, keys: [first, second] })
      expect(await store.keys.read(2)).toBeNull()
    })

    test('have names of their own', async (scene) => {
      await scene.store.keys.add(draft({ id: 'one', name: 'ci' }))
      expect(await scene.store.keys.add(draft({ id: 'two', name: 'ci' }))).toBeNull()
      expect(await scene.store.keys.read(1)).toBeNull()
      expect(await scene.store.keys.remove('one')).toBe(true)
      expect(await scene.store.keys.add(draft({ id: 'two', name: 'ci' }))).toMatchObject({ id: 'two' })
    })

    test('are rotated with an overlap or without', async (scene) => {
      const { store, clock } = scene
      await store.keys.add(draft({ id: 'one', hash: 'a' }))
      const until = clock.now() + 500
      expect(await store.keys.rotate('one', 'b', 500)).toMatchObject({
        hash: 'b',
        earlier: { hash: 'a', until },
      })
      const rotated = await store.keys.rotate('one', 'c', 0)
      expect(rotated).toMatchObject({ hash: 'c', earlier: null })
      expect(await store.keys.rotate('none', 'd', 0)).toBeNull()
      expect(await store.keys.read()).toEqual({ version: 3, keys: [rotated] })
    })

    test('that do not exist are not removed, and nothing changes', async (scene) => {
      expect(await scene.store.keys.remove('one')).toBe(false)
      expect(await scene.store.keys.rotate('one', 'a', 0)).toBeNull()
      expect(await scene.store.keys.read(0)).toBeNull()
    })

    test('remember their last use to the minute, without a new version', async (scene) => {
      const { store, clock } = scene
      await store.keys.add(draft({ id: 'one' }))
      await store.keys.use(['one', 'none'])
      expect(await store.keys.read(1)).toBeNull()
      const lastUsedAt = Math.floor(clock.now() / 60_000) * 60_000
      expect((await store.keys.read())?.keys).toMatchObject([{ id: 'one', lastUsedAt }])
      expect(await store.keys.rotate('one', 'b', 0)).toMatchObject({ lastUsedAt })
    })

    if (!kind.durable) return
    test('survive a restart', async (scene) => {
      const key = await scene.store.keys.add(draft({ id: 'one' }))
      await scene.reopen()
      expect(await scene.store.keys.read()).toEqual({ version: 1, keys: [key] })
    })
  })
}

function draft(own: Partial<NewKey>): NewKey {
  return {
    id: 'id',
    name: own.id ?? 'name',
    scopes: ['read', 'admin'],
    types: null,
    tags: null,
    createdBy: 'anonymous',
    expiresAt: null,
    rateLimit: null,
    hash: 'hash',
    ...own,
  }
}
