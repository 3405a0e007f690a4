import { keyEntry, type NewEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import type { Clock } from '../../core/clock.ts'
import { keyMade, keyRotated, usedAt, type Key, type Keys, type NewKey } from '../../core/keys.ts'
import type { KeyStore } from '../key-store.ts'

/** The keys of the memory store. */
export class MemoryKeys implements KeyStore {
  readonly #clock: Pick<Clock, 'now'>
  readonly #record: (entry: NewEntry) => void
  readonly #keys = new Map<string, Key>()
  #version = 0

  constructor(clock: Pick<Clock, 'now'>, record: (entry: NewEntry) => void = () => {}) {
    this.#clock = clock
    this.#record = record
  }

  async read(known?: number): Promise<Keys | null> {
    return known === this.#version ? null : { version: this.#version, keys: [...this.#keys.values()] }
  }

  async add(draft: NewKey, audit?: Origin): Promise<Key | null> {
    if ([...this.#keys.values()].some(({ name }) => name === draft.name)) return null
    if (audit !== undefined) this.#record(keyEntry(audit, 'key.create', draft))
    return this.#keep(keyMade(draft, this.#clock.now()))
  }

  async rotate(id: string, hash: string, overlap: number, audit?: Origin): Promise<Key | null> {
    const key = this.#keys.get(id)
    if (key === undefined) return null
    if (audit !== undefined) this.#record(keyEntry(audit, 'key.rotate', key))
    return this.#keep(keyRotated(key, hash, overlap, this.#clock.now()))
  }

  async remove(id: string, audit?: Origin): Promise<boolean> {
    const key = this.#keys.get(id)
    if (key === undefined) return false
    this.#keys.delete(id)
    this.#version += 1
    if (audit !== undefined) this.#record(keyEntry(audit, 'key.revoke', key))
    return true
  }

  async use(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const key = this.#keys.get(id)
      if (key !== undefined) this.#keys.set(id, { ...key, lastUsedAt: usedAt(this.#clock.now()) })
    }
  }

  #keep(key: Key): Key {
    this.#keys.set(key.id, key)
    this.#version += 1
    return key
  }
}
