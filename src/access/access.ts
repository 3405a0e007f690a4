import { hash as digest, randomBytes, timingSafeEqual } from 'node:crypto'
import { anonymous, scopes, type Caller, type Origin } from '../core/caller.ts'
import type { Clock } from '../core/clock.ts'
import { KeyNameTaken, KeyUnknown, OptionsInvalid, Unauthenticated } from '../core/errors.ts'
import { callerOf, keyForm, mostKeys, nameFault, type Key, type NewKey } from '../core/keys.ts'
import type { Logger } from '../core/logger.ts'
import { RequestBudget, type Grant, type RateLimit } from '../core/rate-limit.ts'
import type { KeyStore } from '../store/key-store.ts'

/** A caller that has shown its key, or one of an open server. */
export type Session = Readonly<{ caller: Caller; isOver: boolean; budget: RequestBudget | null }>

export type AccessOptions = Readonly<{
  keys: KeyStore
  clock: Clock
  logger: Logger
  /** The time of the store. */
  now: () => number
  /** Other nodes may change the keys. */
  shared: boolean
  /** A key of the configuration, with all scopes. */
  adminKey?: string | undefined
  /** Refuses callers without a key even if no key exists. */
  requireKeys?: boolean | undefined
  /** For keys that have none of their own. */
  rateLimit?: RateLimit | undefined
}>

/** Milliseconds for which keys that were read are relied on: a revocation holds on all nodes by then. */
const freshFor = 1_000
/** Milliseconds between reads while calls are open that a revocation must end. */
const readEvery = 400
const storeUsesAfter = 60_000
/** Timers cannot be longer. */
const longestTimer = 86_400_000

/** What the creator of a key chooses. */
export type KeyDraft = Pick<NewKey, 'name' | 'scopes' | 'types' | 'tags' | 'expiresAt' | 'rateLimit'>

/** A key with its secret text, which is returned once and never stored. */
export type IssuedKey = Readonly<{ key: Key; text: string }>

/** One valid secret of a key. */
type Entry = {
  readonly key: Key
  readonly hash: Buffer
  /** The secret, once a caller has shown it: comparing it costs less than hashing what the next caller shows. */
  shown: Buffer | undefined
  readonly session: { readonly caller: Caller; isOver: boolean; readonly budget: RequestBudget | null }
  /** The time of the store from which this secret is not valid. */
  readonly until: number
}

/**
 * Who may call. A key is looked up in memory, where all keys are; on nodes that share a store they are read again several
 * times a second, and a call waits for that if the last time is too long ago. Without keys, everyone may call, until the
 * first key exists: from then on, nobody may without one, even when all keys are revoked.
 */
export class Access implements AsyncDisposable {
  readonly #options: AccessOptions
  readonly #admin: Readonly<{ hash: Buffer; session: Session }> | undefined
  #version = -1
  /** Valid secrets by id of their key: the current one and, after a rotation, the one before. */
  #entries = new Map<string, Entry[]>()
  /** By id of their key: all its secrets share one. */
  #budgets = new Map<string, RequestBudget>()
  #readAt = Number.NEGATIVE_INFINITY
  #reading: Promise<void> | undefined
  /** What ends when a session does. */
  readonly #held = new Map<Session, Set<() => void>>()
  readonly #used = new Set<string>()
  /** Each stops its timer. */
  #stopReads: (() => void) | undefined
  #stopExpiry: (() => void) | undefined
  #stopUses: (() => void) | undefined
  #isDisposed = false

  constructor(options: AccessOptions) {
    this.#options = options
    const { adminKey } = options
    if (adminKey !== undefined) {
      const caller: Caller = { id: 'admin', name: 'admin', scopes, types: null, tags: null }
      this.#admin = { hash: sha256(adminKey), session: { caller, isOver: false, budget: null } }
    }
  }

  /** Whether callers need a key, as far as this node knows. */
  get isClosed(): boolean {
    return this.#version > 0 || this.#admin !== undefined || this.#options.requireKeys === true
  }

  /** Whether any key exists with which this server could be called. */
  get hasKeys(): boolean {
    return this.#admin !== undefined || this.#entries.size > 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    this.#stopReads?.()
    this.#stopExpiry?.()
    this.#stopUses?.()
    await this.#storeUses()
  }

  /** Resolves when the keys are as fresh as they must be. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    await this.#reading
  }

  /**
   * The session of a caller who shows this key, if any. Throws `Unauthenticated`, and `StoreUnavailable` if the keys cannot
   * be read. Synchronous as long as the keys are fresh.
   */
  session(text: string | undefined): Session | Promise<Session> {
    if (this.#isFresh) return this.#session(text)
    return this.refresh().then(() => this.#session(text))
  }

  /** Whether the session still holds, as far as this node knows. */
  isLive(session: Session): boolean {
    return session === openSession ? !this.isClosed : !session.isOver
  }

  /** Whether the key with this id is valid. Throws `StoreUnavailable` if the keys cannot be read. */
  async isValid(id: string): Promise<boolean> {
    if (id === this.#admin?.session.caller.id) return true
    if (!this.#isFresh) await this.refresh()
    const now = this.#options.now()
    return (this.#entries.get(id) ?? []).some(({ until }) => until > now)
  }

  /** Takes one request from the budget of the session. Null if nothing limits it. */
  admit({ budget }: Session): Grant | null {
    return budget === null ? null : budget.take(this.#options.clock.monotonic())
  }

  /** Calls `end` once when the session is over; the returned function prevents it. */
  hold(session: Session, end: () => void): () => void {
    let ends = this.#held.get(session)
    if (ends === undefined) this.#held.set(session, (ends = new Set()))
    ends.add(end)
    if (!this.isLive(session)) this.#end(session)
    else if (this.#options.shared) this.#readLater()
    return () => {
      const present = this.#held.get(session)
      present?.delete(end)
      if (present?.size === 0) this.#held.delete(session)
    }
  }

  /** All keys. */
  async list(): Promise<readonly Key[]> {
    return (await this.#options.keys.read())?.keys ?? []
  }

  /** Throws `OptionsInvalid` and `KeyNameTaken`. */
  async create(draft: KeyDraft, origin: Origin): Promise<IssuedKey> {
    const { keys, now } = this.#options
    const all = (await keys.read())?.keys ?? []
    const issues = faultsOf(draft, now())
    if (all.length === 0 && this.#admin === undefined && !draft.scopes.includes('admin')) {
      const message = 'must include admin: without it, nobody could create another key after this first one'
      issues.push({ path: 'scopes', message })
    }
    if (all.length >= mostKeys) issues.push({ path: '', message: `there are ${mostKeys} keys, the maximum` })
    if (issues.length > 0) throw new OptionsInvalid(issues)
    const id = newId()
    const secret = newSecret()
    const hash = sha256(secret).toString('hex')
    const key = await keys.add({ ...draft, id, createdBy: origin.caller.name, hash }, origin)
    if (key === null) throw new KeyNameTaken(draft.name)
    await this.#readChange()
    return { key, text: textOf(id, secret) }
  }

  /** A new secret; the current one remains valid for `overlap` milliseconds. Throws `KeyUnknown`. */
  async rotate(id: string, overlap: number, origin: Origin): Promise<IssuedKey> {
    const secret = newSecret()
    const key = await this.#options.keys.rotate(id, sha256(secret).toString('hex'), overlap, origin)
    if (key === null) throw new KeyUnknown(id)
    await this.#readChange()
    return { key, text: textOf(id, secret) }
  }

  /** Throws `KeyUnknown`. */
  async revoke(id: string, origin: Origin): Promise<void> {
    if (!(await this.#options.keys.remove(id, origin))) throw new KeyUnknown(id)
    await this.#readChange()
  }

  /** What was asked for before this call may have been read before the change. */
  async #readChange(): Promise<void> {
    await this.#reading?.catch(() => undefined)
    await this.refresh()
  }

  #session(text: string | undefined): Session {
    if (!this.isClosed) return openSession
    if (text === undefined) throw new Unauthenticated('missing')
    const entry = this.#entryOf(text)
    if (entry !== undefined) {
      this.#noteUse(entry.key.id)
      return entry.session
    }
    const admin = this.#admin
    if (admin !== undefined && timingSafeEqual(admin.hash, sha256(text))) return admin.session
    throw new Unauthenticated('invalid')
  }

  /** The valid secret of a key that this text is, if any. */
  #entryOf(text: string): Entry | undefined {
    if (!keyForm.test(text)) return undefined
    const entries = this.#entries.get(text.slice(4, 16))
    if (entries === undefined) return undefined
    const shown = bytesOf(text.slice(17))
    const now = this.#options.now()
    return entries.find((entry) => isSecretOf(entry, shown) && entry.until > now)
  }

  get #isFresh(): boolean {
    const { shared, clock } = this.#options
    return shared ? clock.monotonic() - this.#readAt < freshFor : this.#version >= 0
  }

  async #read(): Promise<void> {
    const { keys, clock } = this.#options
    // What was changed after this moment may be missing in the answer.
    const asked = clock.monotonic()
    const found = await keys.read(this.#version)
    this.#readAt = asked
    if (found !== null) this.#learn(found.version, found.keys)
    this.#endExpired()
  }

  #learn(version: number, keys: readonly Key[]): void {
    const known = [...this.#entries.values()].flat()
    const entries = new Map<string, Entry[]>()
    const budgets = new Map<string, RequestBudget>()
    for (const key of keys) {
      const budget = this.#budgetOf(key)
      if (budget !== null) budgets.set(key.id, budget)
      const valid = secretsOf(key).map(({ hash, until }) => {
        const same = known.find((entry) => entry.until === until && isSame(entry.key, key, entry.hash, hash))
        return same ?? entryOf(key, budget, { hash, until })
      })
      entries.set(key.id, valid)
    }
    const kept = new Set([...entries.values()].flat())
    this.#version = version
    this.#entries = entries
    this.#budgets = budgets
    for (const entry of known) if (!kept.has(entry)) this.#endEntry(entry)
    if (this.isClosed) this.#end(openSession)
  }

  #budgetOf({ id, rateLimit }: Key): RequestBudget | null {
    const known = this.#budgets.get(id)
    const limit = rateLimit ?? this.#options.rateLimit
    if (known !== undefined || limit === undefined) return known ?? null
    return new RequestBudget(limit, this.#options.clock.monotonic())
  }

  /** Ends what has expired, and sets the timer for the next. */
  #endExpired(): void {
    this.#stopExpiry?.()
    const now = this.#options.now()
    let next = Number.POSITIVE_INFINITY
    for (const entries of this.#entries.values()) {
      for (const entry of entries) {
        if (entry.until <= now) this.#endEntry(entry)
        else next = Math.min(next, entry.until)
      }
    }
    if (next === Number.POSITIVE_INFINITY || this.#isDisposed) return
    const wait = Math.min(next - now, longestTimer)
    this.#stopExpiry = this.#options.clock.after(wait, () => this.#endExpired())
  }

  #endEntry({ session }: Entry): void {
    session.isOver = true
    this.#end(session)
  }

  #end(session: Session): void {
    const ends = this.#held.get(session)
    this.#held.delete(session)
    for (const end of ends ?? []) end()
  }

  #readLater(): void {
    if (this.#isDisposed || this.#stopReads !== undefined || this.#held.size === 0) return
    this.#stopReads = this.#options.clock.after(readEvery, () => {
      void this.refresh()
        .catch((error: unknown) =>
          this.#options.logger.debug({ err: error }, 'could not read the keys: calls wait until they can be'),
        )
        .finally(() => {
          this.#stopReads = undefined
          this.#readLater()
        })
    })
  }

  #noteUse(id: string): void {
    this.#used.add(id)
    if (this.#stopUses !== undefined || this.#isDisposed) return
    this.#stopUses = this.#options.clock.after(storeUsesAfter, () => {
      this.#stopUses = undefined
      void this.#storeUses()
    })
  }

  async #storeUses(): Promise<void> {
    if (this.#used.size === 0) return
    const ids = [...this.#used]
    this.#used.clear()
    try {
      await this.#options.keys.use(ids)
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'could not store the last use of keys')
    }
  }
}

const openSession: Session = Object.freeze({ caller: anonymous, isOver: false, budget: null })

function secretsOf({ hash, earlier, expiresAt }: Key): { hash: string; until: number }[] {
  const expires = expiresAt ?? Number.POSITIVE_INFINITY
  const before = earlier === null ? [] : [{ hash: earlier.hash, until: Math.min(earlier.until, expires) }]
  return [{ hash, until: expires }, ...before]
}

function entryOf(
  key: Key,
  budget: RequestBudget | null,
  { hash, until }: Readonly<{ hash: string; until: number }>,
): Entry {
  const session = { caller: Object.freeze(callerOf(key)), isOver: false, budget }
  return { key, hash: Buffer.from(hash, 'hex'), shown: undefined, session, until }
}

/** What one call shows, until the next does. */
const buffer = Buffer.alloc(43)

/** Of a secret, whose characters are all ASCII. Valid until the next call of this function. */
function bytesOf(secret: string): Buffer {
  buffer.write(secret, 'latin1')
  return buffer
}

/** In constant time, whichever secret is shown. */
function isSecretOf(entry: Entry, shown: Buffer): boolean {
  if (entry.shown !== undefined) return timingSafeEqual(entry.shown, shown)
  if (!timingSafeEqual(entry.hash, sha256(shown))) return false
  entry.shown = Buffer.copyBytesFrom(shown)
  return true
}

/** Keys never change, except for their secrets. */
function isSame(a: Key, b: Key, before: Buffer, after: string): boolean {
  return a.id === b.id && before.toString('hex') === after
}

function faultsOf({ name, scopes: given, types, tags, expiresAt }: KeyDraft, now: number) {
  const issues: { path: string; message: string }[] = []
  const fault = nameFault(name)
  if (fault !== undefined) issues.push({ path: 'name', message: fault })
  if (given.length === 0) issues.push({ path: 'scopes', message: `must name some of ${scopes.join(', ')}` })
  const isLimited = types !== null || tags !== null
  if (isLimited && given.includes('admin')) {
    issues.push({ path: 'scopes', message: 'cannot include admin if types or tags are limited' })
  }
  if (expiresAt !== null && expiresAt <= now)
    issues.push({ path: 'expires_at', message: 'must be in the future' })
  return issues
}

function sha256(text: string | Buffer): Buffer {
  // Ten times as fast as asking for a buffer, which is not taken from the pool.
  return Buffer.from(digest('sha256', text, 'hex'), 'hex')
}

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** 12 characters of 36: what people see and type of a key. */
function newId(): string {
  return Array.from(randomBytes(12), (byte) => letters[byte % letters.length]).join('')
}

/** 256 bits. */
function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

function textOf(id: string, secret: string): string {
  return `fmt_${id}_${secret}`
}
