import { limitEntry } from '../core/audit.ts'
import { withReason, type Origin } from '../core/caller.ts'
import { parseDuration } from '../core/duration.ts'
import { LimitUnknown, OptionsInvalid } from '../core/errors.ts'
import { limitIssues, setByApi, type LimitScope } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Registry } from '../registry/registry.ts'
import type { Duration } from '../registry/context.ts'
import type { BucketOptions, BucketUse, LimitUse } from '../store/limit-store.ts'
import type { Store } from '../store/store.ts'
import { mustSeeAll } from './limited.ts'

/** At least one of `concurrency`, `rate` and `maxQueued`. */
export type LimitDraft = Readonly<{
  concurrency?: number
  rate?: Readonly<{ limit: number; per: Duration }>
  /** Maximum number of tasks that wait for a key, up to 10,000. */
  maxQueued?: number
  scope?: LimitScope
}>

/** Limits, for one caller. Throws `LimitUnknown`. */
export interface LimitsApi {
  /** By name. */
  list(): Promise<readonly LimitUse[]>
  get(name: string): Promise<LimitUse>
  /** Creates or replaces it; the next claim goes by it. Running tasks are not affected. */
  set(
    name: string,
    draft: LimitDraft,
    options?: Readonly<{ reason?: string }>,
  ): Promise<Readonly<{ isNew: boolean; use: LimitUse }>>
  /** Its tasks are held back no longer; if a type declares it, that declaration holds again. */
  remove(name: string, options?: Readonly<{ reason?: string }>): Promise<void>
  buckets(name: string, options?: Partial<BucketOptions>): Promise<readonly BucketUse[]>
}

export type LimitsOptions = Readonly<{
  store: Store
  registry: Registry
  logger: Logger
  claimer: Readonly<{ kick(): void }>
}>

/** Milliseconds for which the names of limits are known that submits use. */
const knownFor = 1_000

/** Reads and changes limits. Claims go by what the store has. */
export class Limits {
  readonly #options: LimitsOptions
  #names: ReadonlySet<string> = new Set()
  #readAt = Number.NEGATIVE_INFINITY
  /** A read that was asked for before the last of them may miss it. */
  #changes = 0

  constructor(options: LimitsOptions) {
    this.#options = options
  }

  for(origin: Origin): LimitsApi {
    const { store, registry, claimer } = this.#options
    const mustSee = () => mustSeeAll(origin.caller, 'limits concern')
    const get = async (name: string) => {
      const found = (await store.limits.list()).find(({ limit }) => limit.name === name)
      return found ?? unknown(name)
    }
    return {
      list: async () => {
        mustSee()
        return store.limits.list()
      },
      get: async (name) => {
        mustSee()
        return get(name)
      },
      set: async (name, draft, { reason } = {}) => {
        mustSee()
        const entry = limitEntry(withReason(origin, reason), 'limit.set', name)
        const changed = await store.limits.put(limitFrom(name, draft), entry)
        this.#changed()
        claimer.kick()
        return { isNew: changed === 'created', use: await get(name) }
      },
      remove: async (name, { reason } = {}) => {
        mustSee()
        const entry = limitEntry(withReason(origin, reason), 'limit.delete', name)
        if (!(await store.limits.remove(name, entry))) throw new LimitUnknown(name)
        this.#changed()
        const declared = registry.limits.filter((limit) => limit.name === name)
        if (declared.length > 0) await store.limits.declare(declared)
        claimer.kick()
      },
      buckets: async (name, { after = null, limit = 100, ...filter } = {}) => {
        mustSee()
        await get(name)
        return store.limits.buckets(name, { after, limit, ...filter })
      },
    }
  }

  #changed(): void {
    this.#changes += 1
    this.#readAt = Number.NEGATIVE_INFINITY
  }

  /** Those that types declare are stored, so that all nodes go by them. Warns of those that types only name, if nobody has defined them. */
  async declare(): Promise<void> {
    const { store, registry, logger } = this.#options
    if (registry.limits.length > 0) await store.limits.declare(registry.limits)
    const named = registry.own.flatMap(({ type, admission }) =>
      (admission?.limits ?? []).flatMap(({ name, definition }) =>
        definition === null ? [{ type, limit: name }] : [],
      ),
    )
    if (named.length === 0) return
    const stored = new Set((await store.limits.list()).map(({ limit }) => limit.name))
    for (const { type, limit } of named) {
      if (stored.has(limit)) continue
      const message = 'a type names a limit that nobody has defined, so its tasks are not held back by it'
      logger.warn({ type, limit }, message)
    }
  }

  /** Throws `OptionsInvalid` for limits that a submit names and that do not exist. */
  async mustKnow(given: readonly (Readonly<Record<string, string>> | undefined)[]): Promise<void> {
    const names = [...new Set(given.flatMap((limits) => Object.keys(limits ?? {})))]
    const missing = () => names.filter((name) => !this.#names.has(name))
    if (missing().length === 0) return
    const { store, registry } = this.#options
    const isFresh = store.now() - this.#readAt < knownFor && store.now() >= this.#readAt
    if (!isFresh) {
      const declared = [...registry].flatMap(({ admission }) => admission?.limits ?? [])
      const asked = this.#changes
      const stored = await store.limits.list()
      this.#names = new Set([...declared.map(({ name }) => name), ...stored.map(({ limit }) => limit.name)])
      if (asked === this.#changes) this.#readAt = store.now()
    }
    if (missing().length === 0) return
    throw new OptionsInvalid(
      missing()
        .slice(0, 100)
        .map((name) => ({
          path: `limits.${name}`,
          message: `there is no limit of this name: create it with PUT /api/limits/${encodeURIComponent(name)}, or let a type declare it`,
        })),
    )
  }
}

function limitFrom(name: string, { concurrency, rate, maxQueued, scope = 'global' }: LimitDraft) {
  const definition = {
    name,
    concurrency: concurrency ?? null,
    rate: rate === undefined ? null : { limit: rate.limit, per: parseDuration(rate.per) ?? 0 },
    ...(maxQueued === undefined ? {} : { maxQueued }),
    scope,
  }
  const issues = limitIssues(definition)
  if (issues.length > 0) throw new OptionsInvalid(issues)
  return { ...definition, origin: setByApi }
}

function unknown(name: string): never {
  throw new LimitUnknown(name)
}
