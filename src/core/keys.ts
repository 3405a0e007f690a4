import type { Caller, Scope } from './caller.ts'
import type { RateLimit } from './rate-limit.ts'

/** A key as it is stored: everything but its secret. Times are Unix milliseconds. */
export type Key = Readonly<{
  id: string
  name: string
  scopes: readonly Scope[]
  /** Null: all types. */
  types: readonly string[] | null
  /** Null: all tags. */
  tags: readonly string[] | null
  createdAt: number
  /** The name of the caller that created it. */
  createdBy: string
  expiresAt: number | null
  /** Null: the limit of the server for keys without one, if any. */
  rateLimit: RateLimit | null
  /** To the minute. */
  lastUsedAt: number | null
  /** SHA-256 of the secret, in hexadecimal digits. */
  hash: string
  /** The hash before the last rotation, which is valid until then. */
  earlier: Readonly<{ hash: string; until: number }> | null
}>

/** What its creator decides. The store adds the times. */
export type NewKey = Omit<Key, 'createdAt' | 'lastUsedAt' | 'earlier'>

/** All keys, and a number that rises with every change of them: 0 until the first key. */
export type Keys = Readonly<{ version: number; keys: readonly Key[] }>

/** The key as it is stored first. */
export function keyMade(key: NewKey, now: number): Key {
  return { ...key, createdAt: now, lastUsedAt: null, earlier: null }
}

/** The key with another secret; the one before remains valid for `overlap` milliseconds. */
export function keyRotated(key: Key, hash: string, overlap: number, now: number): Key {
  return { ...key, hash, earlier: overlap > 0 ? { hash: key.hash, until: now + overlap } : null }
}

/** The key in this stored JSON. Those of earlier versions have no rate limit. */
export function keyStored(json: string, lastUsedAt: number | null): Key {
  const stored = JSON.parse(json) as Omit<Key, 'rateLimit'> & Partial<Key>
  return { ...stored, rateLimit: stored.rateLimit ?? null, lastUsedAt }
}

/** Uses are stored to the minute. */
export function usedAt(now: number): number {
  return Math.floor(now / 60_000) * 60_000
}

export function callerOf({ id, name, scopes, types, tags }: Key): Caller {
  return { id, name, scopes, types, tags }
}

/** The form of a key: `fmt_`, its id, and a secret of 256 random bits. */
export const keyForm = /^fmt_([a-z\d]{12})_([A-Za-z\d_-]{43})$/

/** Hides keys, and tokens of waits, in text that others may read. */
export function withoutKeys(text: string): string {
  const shown = text.includes('fmt_') ? text.replaceAll(/fmt_[A-Za-z\d]*_[\w-]*/g, 'fmt_***') : text
  return shown.includes('wait_') ? shown.replaceAll(/wait_[\w-]{32}/g, 'wait_***') : shown
}

/** Names with another meaning in timelines. */
const reserved: ReadonlySet<string> = new Set([
  'anonymous',
  'library',
  'local',
  'admin',
  'promoter',
  'releaser',
  'expirer',
  'reaper',
])

/** Why this cannot be the name of a key; undefined if it can. */
export function nameFault(name: string): string | undefined {
  if (reserved.has(name) || name.startsWith('schedule ') || name.startsWith('worker ')) return 'is reserved'
  if (/^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i.test(name)) return 'must not look like the id of a node'
  return undefined
}

/** Maximum number of keys. */
export const mostKeys = 10_000
