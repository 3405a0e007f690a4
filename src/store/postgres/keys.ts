import { keyEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import { keyMade, keyRotated, keyStored, usedAt, type Key, type Keys, type NewKey } from '../../core/keys.ts'
import type { KeyStore } from '../key-store.ts'
import { addEntries } from './audit.ts'
import type { Rows, Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the keys use of the store. */
export type KeySource = Readonly<{
  sql: Statements
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
}>

/** The table of keys. The last use has a column of its own, so that it raises no version. */
export class PostgresKeys implements KeyStore {
  readonly #store: KeySource

  constructor(store: KeySource) {
    this.#store = store
  }

  /** One statement, so that keys and version belong together. */
  read(known?: number): Promise<Keys | null> {
    return this.#store.read(async (session) => {
      const rows = await session.query(this.#store.sql.keys, [known ?? null])
      const version = rows[0]?.[0] as number
      if (version === known) return null
      return { version, keys: rows.filter(([, body]) => body !== null).map(keyOf) }
    })
  }

  add(draft: NewKey, audit?: Origin): Promise<Key | null> {
    return this.#store.alone(async (tx) => {
      const { lockKeys, addKey, raiseKeysVersion } = tx.source.sql
      tx.leaveMark()
      tx.write(lockKeys, [tx.source.schema])
      const key = keyMade(draft, (await tx.moment(0)).now)
      const added = await tx.ask(addKey, [encodeText(key.id), encodeText(key.name), bodyOf(key)])
      if (added.length === 0) return null
      tx.write(raiseKeysVersion)
      if (audit !== undefined) addEntries(tx, [keyEntry(audit, 'key.create', key)], key.createdAt)
      return key
    })
  }

  rotate(id: string, hash: string, overlap: number, audit?: Origin): Promise<Key | null> {
    return this.#store.alone(async (tx) => {
      const { lockKeys, key: keyById, setKey, raiseKeysVersion } = tx.source.sql
      tx.leaveMark()
      tx.write(lockKeys, [tx.source.schema])
      const [row] = await tx.ask(keyById, [encodeText(id)])
      if (row === undefined) return null
      const { now } = await tx.moment(0)
      const key = keyRotated(keyOf(row), hash, overlap, now)
      tx.write(setKey, [encodeText(id), bodyOf(key)])
      tx.write(raiseKeysVersion)
      if (audit !== undefined) addEntries(tx, [keyEntry(audit, 'key.rotate', key)], now)
      return key
    })
  }

  remove(id: string, audit?: Origin): Promise<boolean> {
    return this.#store.alone(async (tx) => {
      const { lockKeys, removeKey, raiseKeysVersion } = tx.source.sql
      tx.leaveMark()
      tx.write(lockKeys, [tx.source.schema])
      const [row] = await tx.ask(removeKey, [encodeText(id)])
      if (row === undefined) return false
      tx.write(raiseKeysVersion)
      if (audit !== undefined)
        addEntries(tx, [keyEntry(audit, 'key.revoke', keyOf(row))], (await tx.moment(0)).now)
      return true
    })
  }

  use(ids: readonly string[]): Promise<void> {
    return this.#store.alone(async (tx) => {
      const { now } = await tx.moment(0)
      tx.write(tx.source.sql.useKeys, [ids.map(encodeText), usedAt(now)])
    })
  }
}

export function keyOf([, body, lastUsedAt]: Rows[number]): Key {
  return keyStored(decodeText(body as string), lastUsedAt as number | null)
}

export function bodyOf(key: Key): string {
  return encodeText(JSON.stringify({ ...key, lastUsedAt: null }))
}
