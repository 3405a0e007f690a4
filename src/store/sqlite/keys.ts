import { keyEntry, type NewEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import { keyMade, keyRotated, keyStored, usedAt, type Key, type Keys, type NewKey } from '../../core/keys.ts'
import type { KeyStore } from '../key-store.ts'
import type { Statements } from './statements.ts'

/** What the keys use of the store. */
export type KeySource = Readonly<{
  sql(): Statements
  now(): number
  /** Adds to the audit log, within the transaction. */
  record(entry: NewEntry, at: number): void
  write<T>(run: () => T): Promise<T>
  read<T>(look: () => T): T
}>

/** The table of keys. The last use has a column of its own, so that it raises no version. */
export class SqliteKeys implements KeyStore {
  readonly #store: KeySource

  constructor(store: KeySource) {
    this.#store = store
  }

  async read(known?: number): Promise<Keys | null> {
    return this.#store.read(() => {
      const { keysVersion, keys } = this.#store.sql()
      const [version] = keysVersion.get() as unknown as [number]
      if (version === known) return null
      return { version, keys: (keys.all() as unknown as KeyRow[]).map(keyOf) }
    })
  }

  add(draft: NewKey, audit?: Origin): Promise<Key | null> {
    return this.#store.write(() => {
      const { addKey, raiseKeysVersion } = this.#store.sql()
      const key = keyMade(draft, this.#store.now())
      if (addKey.run(key.id, key.name, bodyOf(key)).changes === 0) return null
      raiseKeysVersion.run()
      if (audit !== undefined) this.#store.record(keyEntry(audit, 'key.create', key), key.createdAt)
      return key
    })
  }

  rotate(id: string, hash: string, overlap: number, audit?: Origin): Promise<Key | null> {
    return this.#store.write(() => {
      const { key: keyById, setKey, raiseKeysVersion } = this.#store.sql()
      const row = keyById.get(id) as unknown as KeyRow | undefined
      if (row === undefined) return null
      const now = this.#store.now()
      const key = keyRotated(keyOf(row), hash, overlap, now)
      setKey.run(bodyOf(key), id)
      raiseKeysVersion.run()
      if (audit !== undefined) this.#store.record(keyEntry(audit, 'key.rotate', key), now)
      return key
    })
  }

  remove(id: string, audit?: Origin): Promise<boolean> {
    return this.#store.write(() => {
      const { key: keyById, removeKey, raiseKeysVersion } = this.#store.sql()
      const row = keyById.get(id) as unknown as KeyRow | undefined
      if (row === undefined) return false
      removeKey.run(id)
      raiseKeysVersion.run()
      if (audit !== undefined)
        this.#store.record(keyEntry(audit, 'key.revoke', keyOf(row)), this.#store.now())
      return true
    })
  }

  use(ids: readonly string[]): Promise<void> {
    return this.#store.write(() => {
      const at = usedAt(this.#store.now())
      for (const id of ids) this.#store.sql().useKey.run(at, id)
    })
  }
}

export type KeyRow = [body: string, lastUsedAt: number | null]

export function keyOf([body, lastUsedAt]: KeyRow): Key {
  return keyStored(body, lastUsedAt)
}

export function bodyOf(key: Key): string {
  return JSON.stringify({ ...key, lastUsedAt: null })
}
