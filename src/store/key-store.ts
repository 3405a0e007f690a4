import type { Origin } from '../core/caller.ts'
import type { Key, Keys, NewKey } from '../core/keys.ts'

/** Where keys live: in the database of the tasks, in tables of their own. */
export interface KeyStore {
  /** All keys, in creation order; null if their version is the one that the caller knows. */
  read(known?: number): Promise<Keys | null>

  /** Null if another key has this name. */
  add(key: NewKey, audit?: Origin): Promise<Key | null>

  /**
   * Replaces the hash. The one before remains valid for `overlap` milliseconds, and older ones do not. Null if the key does
   * not exist.
   */
  rotate(id: string, hash: string, overlap: number, audit?: Origin): Promise<Key | null>

  /** False if the key does not exist. */
  remove(id: string, audit?: Origin): Promise<boolean>

  /** These keys were used at the current time; stored to the minute. Does not change the version. */
  use(ids: readonly string[]): Promise<void>
}
