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
import { addEntries } from './audit.ts'
import type { Rows, Session } from './connection.ts'
import { limitColumns, limitFrom } from './lane-rows.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What the limits use of the store. */
export type LimitSource = Readonly<{
  sql: Statements
  now(): number
  alone<T>(run: (tx: Transaction) => Promise<T>): Promise<T>
  read<T>(look: (session: Session) => Promise<T>): Promise<T>
  wakesAt(): number | null
}>

export class PostgresLimits implements LimitStore {
  readonly #store: LimitSource

  constructor(store: LimitSource) {
    this.#store = store
  }

  get wakesIn(): number | null {
    const at = this.#store.wakesAt()
    return at === null ? null : Math.max(0, at - this.#store.now())
  }

  put(limit: Limit, audit?: NewEntry): Promise<'created' | 'changed' | 'unchanged'> {
    return this.#store.alone(async (tx) => {
      const [before] = await locked(tx, [limit.name])
      if (before !== undefined && isSameLimit(before, limit)) return 'unchanged'
      tx.leaveMark()
      putLimits(tx, [limit])
      if (audit !== undefined) addEntries(tx, [audit], (await tx.moment(0)).now)
      return before === undefined ? 'created' : 'changed'
    })
  }

  declare(limits: readonly Limit[]): Promise<void> {
    return this.#store.alone(async (tx) => {
      const there = await locked(
        tx,
        limits.map(({ name }) => name),
      )
      const changed = limits.filter((limit) => {
        const before = there.find(({ name }) => name === limit.name)
        return before === undefined || (before.origin !== setByApi && !isSameLimit(before, limit))
      })
      if (changed.length === 0) return
      tx.leaveMark()
      putLimits(tx, changed)
    })
  }

  remove(name: string, audit?: NewEntry): Promise<boolean> {
    return this.#store.alone(async (tx) => {
      const { sql } = tx.source
      await locked(tx, [])
      if ((await tx.ask(sql.removeLimit, [name])).length === 0) return false
      tx.leaveMark()
      tx.write(sql.noteWaiting, [...bucketRange(name)])
      if (audit !== undefined) addEntries(tx, [audit], (await tx.moment(0)).now)
      return true
    })
  }

  list(): Promise<readonly LimitUse[]> {
    return this.#store.read(async (session) => {
      const rows = await session.query(this.#store.sql.limitUses, [mostCounted])
      return rows.map((row) => ({
        limit: limitFrom(row),
        running: row[7] as number,
        buckets: row[8] as number,
        blocked: row[9] as number,
      }))
    })
  }

  buckets(name: string, { after, limit, blocked, key }: BucketOptions): Promise<readonly BucketUse[]> {
    const { sql } = this.#store
    return this.#store.read(async (session) => {
      let found: readonly TaskLimit[]
      if (key !== undefined) found = [{ name, key }]
      else {
        const [from, before] = bucketRange(name)
        const first = after === null ? from : encodeText(bucketAfter({ name, key: after }))
        const rows = await session.query(blocked === true ? sql.blockedWithin : sql.bucketsWithin, [
          first,
          before,
          limit,
        ])
        found = rows.map(([bucket]) => limitOf(decodeText(bucket as string)))
      }
      const uses = await this.#uses(session, found, Number.MAX_SAFE_INTEGER)
      return uses.map(({ key: own, running, ahead: queued, nextStartAt }) => ({
        key: own,
        running,
        queued,
        nextStartAt,
      }))
    })
  }

  async explain({ admission, queuePosition }: Task): Promise<readonly BucketState[]> {
    if (admission === null || admission.limits.length === 0) return []
    return this.#store.read((session) => this.#uses(session, admission.limits, queuePosition))
  }

  async #uses(session: Session, limits: readonly TaskLimit[], before: number): Promise<BucketState[]> {
    if (limits.length === 0) return []
    const rows: Rows = await session.query(this.#store.sql.bucketUses, [
      limits.map((limit) => encodeText(bucketOf(limit))),
      limits.map(({ name }) => name),
      before,
      mostCounted,
      holdersNamed,
    ])
    const now = this.#store.now()
    return rows.map((row, index) => {
      const [, concurrency, limit, per, scope, running, earliest, ahead, holders] = row as [
        string,
        number | null,
        number | null,
        number | null,
        Limit['scope'] | null,
        number,
        number | null,
        number,
        string,
      ]
      const rate = limit === null ? null : { limit, per: per! }
      const next = rate === null ? now : nextStart(rate, earliest, now)
      const nextStartAt = next > now ? next : null
      return {
        ...limits[index]!,
        concurrency,
        rate,
        scope: scope ?? 'global',
        running,
        holders: (JSON.parse(holders) as TaskId[]).map(decodeText),
        nextStartAt,
        ahead,
        isFull: (concurrency !== null && running >= concurrency) || nextStartAt !== null,
      }
    })
  }
}

/** The limits of these names, which no claim uses until the commit. */
async function locked(tx: Transaction, names: readonly string[]): Promise<readonly Limit[]> {
  const { sql, schema } = tx.source
  tx.write(sql.lockLanes, [schema])
  return (await tx.ask(sql.limitsNamed, [names])).map(limitFrom)
}

function putLimits(tx: Transaction, limits: readonly Limit[]): void {
  const { sql } = tx.source
  tx.write(sql.putLimits, limitColumns(limits))
  for (const { name } of limits) tx.write(sql.noteWaiting, [...bucketRange(name)])
}
