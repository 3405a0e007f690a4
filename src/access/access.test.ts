import { describe, expect, test } from 'vitest'
import { fromLibrary } from '../core/caller.ts'
import { Unauthenticated } from '../core/errors.ts'
import type { RateLimit } from '../core/rate-limit.ts'
import { MemoryKeys } from '../store/memory/keys.ts'
import { FakeClock } from '../testing/clock.ts'
import { Access, type AccessOptions } from './access.ts'

const logger = { debug() {}, info() {}, warn() {}, error() {} }
const adminKey = 'the-key-of-the-administrator-of-this-server'

function opened(options: Partial<AccessOptions> = {}) {
  const clock = new FakeClock()
  const keys = options.keys ?? new MemoryKeys(clock)
  const now = () => clock.now()
  const access = new Access({ keys, clock, logger, now, shared: false, adminKey, ...options })
  const create = async (name: string, rateLimit: RateLimit | null, expiresAt: number | null = null) => {
    const draft = { name, scopes: ['read'], types: null, tags: null, expiresAt, rateLimit } as const
    return access.create(draft, fromLibrary)
  }
  /** Whether each of so many requests is admitted; null without a limit. */
  const asked = async (text: string, times: number) => {
    const session = await access.session(text)
    return Array.from({ length: times }, () => {
      const grant = access.admit(session)
      return grant === null ? null : !grant.isRefused
    })
  }
  return { access, keys, clock, create, asked }
}

describe('the rate limit of a key', () => {
  test('counts every request, and gives back what its time allows', async () => {
    const { clock, create, asked } = opened()
    const { text } = await create('ci', { limit: 4, per: 2_000 })
    expect(await asked(text, 5)).toEqual([true, true, true, true, false])
    await clock.advance(499)
    expect(await asked(text, 1)).toEqual([false])
    await clock.advance(1)
    expect(await asked(text, 2)).toEqual([true, false])
    await clock.advance(60_000)
    expect(await asked(text, 5)).toEqual([true, true, true, true, false])
  })

  test('is shared by both secrets during a rotation, and by no other key', async () => {
    const { access, create, asked } = opened()
    const { key, text } = await create('ci', { limit: 3, per: 60_000 })
    const { text: other } = await create('other', { limit: 1, per: 60_000 })
    expect(await asked(text, 1)).toEqual([true])
    const { text: next } = await access.rotate(key.id, 60_000, fromLibrary)
    expect(await asked(next, 1)).toEqual([true])
    expect(await asked(text, 2)).toEqual([true, false])
    expect(await asked(next, 1)).toEqual([false])
    expect(await asked(other, 2)).toEqual([true, false])
    const { text: last } = await access.rotate(key.id, 0, fromLibrary)
    expect(await asked(last, 1)).toEqual([false])
  })

  test('comes from the server for keys without one, but not for the key of its settings', async () => {
    const { create, asked } = opened({ rateLimit: { limit: 2, per: 1_000 } })
    const { text: usual } = await create('usual', null)
    const { text: own } = await create('own', { limit: 1, per: 1_000 })
    expect(await asked(usual, 3)).toEqual([true, true, false])
    expect(await asked(own, 2)).toEqual([true, false])
    expect(await asked(adminKey, 3)).toEqual([null, null, null])
  })

  test('does not exist unless it is asked for', async () => {
    const { create, asked } = opened()
    const { text } = await create('ci', null)
    expect(await asked(text, 1_000)).toEqual(Array.from({ length: 1_000 }, () => null))
  })

  test('ends with its key, and reads nothing from the store', async () => {
    let reads = 0
    const clock = new FakeClock()
    const stored = new MemoryKeys(clock)
    const keys = new Proxy(stored, {
      get(target, name) {
        if (name === 'read') reads++
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const { access, create, asked } = opened({ keys })
    const { key, text } = await create('ci', { limit: 10_000, per: 1_000 })
    const before = reads
    expect(await asked(text, 10_000)).not.toContain(false)
    expect(await asked(text, 1)).toEqual([false])
    expect(reads).toBe(before)
    await access.revoke(key.id, fromLibrary)
    expect(() => access.session(text)).toThrow(Unauthenticated)
    // A key of the same name starts with all of its limit.
    const { text: again } = await create('ci', { limit: 2, per: 1_000 })
    expect(await asked(again, 3)).toEqual([true, true, false])
  })
})

test('a key that another node has removed is not valid for longer than a second', async () => {
  const { access, keys, clock, create } = opened({ shared: true })
  const { key } = await create('ci', null)
  expect(await access.isValid(key.id)).toBe(true)
  await keys.remove(key.id)
  await clock.advance(1_000)
  expect(await access.isValid(key.id)).toBe(false)
  expect([await access.isValid('admin'), await access.isValid('none')]).toEqual([true, false])
})

describe('a change of a key', () => {
  /** Reads of keys answer with what was stored when they were asked, once they are let through. */
  function slowly() {
    const keys = new MemoryKeys(new FakeClock())
    const gates: (() => void)[] = []
    const slow = new Proxy(keys, {
      get(target, name) {
        if (name === 'read' && gates.length > 0) {
          return async (known?: number) => {
            const found = await target.read(known)
            await new Promise<void>((resolve) => gates.push(resolve))
            return found
          }
        }
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    return { keys: slow, gates }
  }

  test('holds at once, although a read from before it is in progress', async () => {
    const { keys, gates } = slowly()
    const { access, create } = opened({ keys })
    const kept = await create('kept', null)
    const letThrough = async <T>(change: () => Promise<T>): Promise<T> => {
      gates.push(() => {})
      const earlier = access.refresh()
      const changed = change()
      const pending = { is: true }
      void changed.finally(() => (pending.is = false)).catch(() => {})
      await expect
        .poll(() => {
          for (const gate of gates) gate()
          return pending.is
        })
        .toBe(false)
      await earlier
      gates.length = 0
      return changed
    }
    const { text } = await letThrough(() => create('new', null))
    expect((await access.session(text)).caller.name).toBe('new')
    const { text: next } = await letThrough(() => access.rotate(kept.key.id, 0, fromLibrary))
    expect((await access.session(next)).caller.name).toBe('kept')
    await letThrough(() => access.revoke(kept.key.id, fromLibrary))
    expect(() => access.session(next)).toThrow(Unauthenticated)
  })
})
