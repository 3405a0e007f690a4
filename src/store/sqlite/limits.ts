import type { NewEntry } from '../../core/audit.ts'
import type { TaskLimit } from '../../core/admission.ts'
import { bucketOf, limitOf, nextStart, setByApi, type Limit } from '../../core/limits.ts'
import type { Task, TaskId } from '../../core/task.ts'
import {
  bucketAfter,
  bucketRange,
  holdersNamed,
  isSameLimit,
  mostCounted,
  type BucketOptions,
  type BucketState,
  type BucketUse,
  type LimitStore,
  type LimitUse,
} from '../limit-store.ts'
import { insertLimit, limitFrom, type LimitRow } from './lanes.ts'
import type { Statements } from './statements.ts'

/** What the limits use of the store. */
export type LimitSource = Readonly<{
  sql(): Statements
  now(): number
  write<T>(run: () => T, effect?: 'adds'): Promise<T>
  read<T>(look: () => T): T
  audit(entry: NewEntry | undefined, at: number): void
  wakesAt(): number | null
}>

export class SqliteLimits implements LimitStore {
  readonly #store: LimitSource

  constructor(store: LimitSource) {
    this.#store = store
  }

  get wakesIn(): number | null {
    const at = this.#store.wakesAt()
    return at === null ? null : Math.max(0, at - this.#store.now())
  }

  put(limit: Limit, audit?: NewEntry): Promise<'created' | 'changed' | 'unchanged'> {
    return this.#store.write(() => {
      const before = this.#limit(limit.name)
      if (before !== undefined && isSameLimit(before, limit)) return 'unchanged'
      this.#put(limit)
      this.#store.audit(audit, this.#store.now())
      return before === undefined ? 'created' : 'changed'
    }, 'adds')
  }

  declare(limits: readonly Limit[]): Promise<void> {
    return this.#store.write(() => {
      for (const limit of limits) {
        const before = this.#limit(limit.name)
        if (before?.origin === setByApi || (before !== undefined && isSameLimit(before, limit))) continue
        this.#put(limit)
      }
    }, 'adds')
  }

  remove(name: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.write(() => {
      const sql = this.#store.sql()
      if (sql.removeLimit.run(name).changes === 0) return false
      sql.noteWaiting.run(...bucketRange(name))
      this.#store.audit(audit, this.#store.now())
      return true
    })
  }

  async list(): Promise<readonly LimitUse[]> {
    return this.#store.read(() => {
      const sql = this.#store.sql()
      return (sql.limits.all() as unknown as LimitRow[]).map((row) => {
        const limit = limitFrom(row)
        const range = bucketRange(limit.name)
        const [running] = sql.slotsWithin.get(...range) as unknown as [number]
        const buckets = sql.bucketsWithin.all(...range, mostCounted).length
        const blocked = sql.blockedWithin.all(...range, mostCounted).length
        return { limit, running, buckets, blocked }
      })
    })
  }

  async buckets(name: string, { after, limit, blocked, key }: BucketOptions): Promise<readonly BucketUse[]> {
    return this.#store.read(() => {
      const sql = this.#store.sql()
      if (key !== undefined) return [this.#use({ name, key })]
      const [from, before] = bucketRange(name)
      const first = after === null ? from : bucketAfter({ name, key: after })
      const found =
        blocked === true
          ? sql.blockedWithin.all(first, before, limit)
          : sql.bucketsWithin.all(first, before, limit)
      return (found as unknown as [string][]).map(([bucket]) => this.#use(limitOf(bucket)))
    })
  }

  async explain({ admission, queuePosition }: Task): Promise<readonly BucketState[]> {
    if (admission === null) return []
    return this.#store.read(() => admission.limits.map((limit) => this.#state(limit, queuePosition)))
  }

  #put(limit: Limit): void {
    insertLimit(this.#store.sql(), limit)
    this.#store.sql().noteWaiting.run(...bucketRange(limit.name))
  }

  #limit(name: string): Limit | undefined {
    const row = this.#store.sql().limit.get(name) as unknown as LimitRow | undefined
    return row === undefined ? undefined : limitFrom(row)
  }

  #use(limit: TaskLimit): BucketUse {
    const { running, nextStartAt } = this.#facts(limit)
    const queued = this.#queued(bucketOf(limit), Number.MAX_SAFE_INTEGER)
    return { key: limit.key, running, queued, nextStartAt }
  }

  #state(limit: TaskLimit, position: number): BucketState {
    const bucket = bucketOf(limit)
    const { definition, running, nextStartAt } = this.#facts(limit)
    const { concurrency = null, rate = null, scope = 'global' } = definition ?? {}
    const holders = this.#store.sql().slotHolders.all(bucket, holdersNamed) as unknown as [TaskId][]
    return {
      ...limit,
      concurrency,
      rate,
      scope,
      running,
      holders: holders.map(([id]) => id),
      nextStartAt,
      ahead: this.#queued(bucket, position),
      isFull: (concurrency !== null && running >= concurrency) || nextStartAt !== null,
    }
  }

  #facts(limit: TaskLimit) {
    const sql = this.#store.sql()
    const now = this.#store.now()
    const bucket = bucketOf(limit)
    const definition = this.#limit(limit.name)
    const [running] = sql.slotsIn.get(bucket) as unknown as [number]
    const [earliest = null] = (sql.rate.get(bucket, '') ?? []) as unknown as [number?]
    const next = definition?.rate == null ? now : nextStart(definition.rate, earliest, now)
    return { definition, running, nextStartAt: next > now ? next : null }
  }

  /** Queued tasks of the bucket before this position. */
  #queued(bucket: string, before: number): number {
    const { lanesOfBucket, countInLane } = this.#store.sql()
    let queued = 0
    for (const [lane] of lanesOfBucket.iterate(bucket) as unknown as Iterable<[string]>) {
      const [count] = countInLane.get(lane, before, mostCounted - queued) as unknown as [number]
      queued += count
      if (queued >= mostCounted) break
    }
    return queued
  }
}
