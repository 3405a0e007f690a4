import type { Clock } from '../../core/clock.ts'
import type { Moment } from '../../core/transition.ts'
import type { Parameter, Rows, Session } from './connection.ts'
import { stateOf } from './failures.ts'
import type { Statements } from './statements.ts'

/**
 * Plans must not depend on what the planner last heard of the size of a table: a group of a few hundred keys is always
 * looked up in the index. So the server need not plan anew for each group what it has planned before. A node that is frozen
 * in a transaction holds its locks for these seconds and no longer.
 */
const begin = `begin isolation level read committed read write;
  set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off;
  set local plan_cache_mode = force_generic_plan;
  set local lock_timeout = '5s'; set local statement_timeout = '10s';
  set local idle_in_transaction_session_timeout = '5s'`

const commit = 'commit'
const numberOf = 'select pg_current_xact_id()::text'
const numberIfAny = 'select pg_current_xact_id_if_assigned()::text'

/** Rows in a portion. */
const atOnce = 128

/** A statement that answers a row when, and only when, a transaction was committed. */
export type Evidence = Readonly<{ text: string; values: readonly Parameter[] }>

/** What every transaction of a store draws on. */
export type Source = Readonly<{
  schema: string
  sql: Statements
  /** Only in tests; the time of the database otherwise. */
  clock: Clock | undefined
}>

/** One transaction. Statements go out at once; those of `write` are answered at the commit. */
export class Transaction {
  readonly source: Source
  readonly #session: Session
  #writes: Promise<Rows>[] = []
  #committing = false
  #number: Promise<string | null> | undefined
  #evidence: Evidence | undefined
  #afterCommit: (() => void)[] = []
  #failed: Readonly<{ error: unknown; text: string }> | undefined

  /** `begun`: by a caller, who also ends it. */
  constructor(session: Session, source: Source, { begun = false } = {}) {
    this.#session = session
    this.source = source
    if (!begun) this.write(begin)
  }

  /** The commit was sent, and the server did not say that it ended before it came to it. */
  get mayBeCommitted(): boolean {
    if (!this.#committing || this.#failed === undefined) return false
    return this.#failed.text === commit || stateOf(this.#failed.error) === undefined
  }

  /** The first statement that failed says why; those after it only that something has. */
  causeOf(error: unknown): unknown {
    return this.#failed?.error ?? error
  }

  ask(text: string, values?: readonly Parameter[]): Promise<Rows> {
    const rows = this.#session.query(text, values)
    rows.catch((error: unknown) => {
      this.#failed ??= { error, text }
    })
    return rows
  }

  write(text: string, values?: readonly Parameter[]): void {
    this.#writes.push(this.ask(text, values))
  }

  /** Writes many rows in portions, of which the server carries out one while the next one is made. */
  inPortions<T>(rows: readonly T[], write: (portion: readonly T[]) => void): void {
    for (let at = 0; at < rows.length; at += atOnce) {
      if (at > 0) this.#session.send()
      write(rows.slice(at, at + atOnce))
    }
  }

  /** The time, and so many places in the queue; read after the locks that were asked for before. */
  async moment(places: number): Promise<Moment> {
    const { sql, clock } = this.source
    const [row = []] = await (places > 0 ? this.ask(sql.moment, [places]) : this.ask(sql.now))
    const [now, first, , all] = row as [number, number?, number?, (string | null)?]
    const apart = all?.split(',').map(Number)
    let used = 0
    return {
      now: clock?.now() ?? now,
      nextSeq: () => {
        if (used >= places || first === undefined)
          throw new Error('a move took a place that nobody asked for')
        const place = apart === undefined ? first + used : apart[used]!
        used += 1
        return place
      },
    }
  }

  /**
   * Asks for the number by which one can ask afterwards whether it has come to its end. It has one once it has locked a row,
   * or when it is to have one.
   */
  identify(now: 'locked' | 'always'): void {
    const text = now === 'always' ? numberOf : numberIfAny
    this.#number ??= this.ask(text).then(
      ([row]) => (row?.[0] ?? null) as string | null,
      () => null,
    )
  }

  /** Null when nobody asked for it in time. */
  get number(): Promise<string | null> {
    return this.#number ?? Promise.resolve(null)
  }

  /** By what it leaves behind one can see afterwards that it was committed; the first piece is enough. */
  prove(text: string, values: readonly Parameter[]): void {
    this.#evidence ??= { text, values }
  }

  /** Undefined when it may be carried out twice. */
  get evidence(): Evidence | undefined {
    return this.#evidence
  }

  /** Not called when the commit fails, nor when its outcome is in doubt. */
  afterCommit(run: () => void): void {
    this.#afterCommit.push(run)
  }

  /** All that was written is carried out. */
  async flush(): Promise<void> {
    await Promise.all(this.#writes)
  }

  async commit(): Promise<void> {
    this.#committing = true
    this.write(commit)
    await this.flush()
    for (const run of this.#afterCommit) run()
  }

  async rollback(): Promise<void> {
    await Promise.allSettled(this.#writes)
    await this.#session.query('rollback')
  }
}
