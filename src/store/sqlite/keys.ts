import { keyMade, keyRotated, keyStored, usedAt, type Key, type Keys, type NewKey } from '../../core/keys.ts'
import type { KeyStore } from '../key-store.ts'
import type { Statements } from './statements.ts'

/** What the keys use of the store. */
export type KeySource = Readonly<{
  sql(): Statements
  now(): number
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

  add(draft: NewKey): Promise<Key | null> {
    return this.#store.write(() => {
      const { addKey, raiseKeysVersion } = this.#store.sql()
      const key = keyMade(draft, this.#store.now())
      if (addKey.run(key.id, key.name, bodyOf(key)).changes === 0) return null
      raiseKeysVersion.run()
      return key
    })
  }

  rotate(id: string, hash: string, overlap: number): Promise<Key | null> {
    return this.#store.write(() => {
      const { key: keyById, setKey, raiseKeysVersion } = this.#store.sql()
      const row = keyById.get(id) as unknown as KeyRow | undefined
      if (row === undefined) return null
      const key = keyRotated(keyOf(row), hash, overlap, this.#store.now())
      setKey.run(bodyOf(key), id)
      raiseKeysVersion.run()
      return key
    })
  }

  remove(id: string): Promise<boolean> {
    return this.#store.write(() => {
      const { removeKey, raiseKeysVersion } = this.#store.sql()
      if (removeKey.run(id).changes === 0) return false
      raiseKeysVersion.run()
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
