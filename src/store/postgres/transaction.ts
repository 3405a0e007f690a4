import { randomUUID } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { TransitionContext } from '../../core/transition.ts'
import type { DatabaseTime } from './database-time.ts'
import type { Parameter, Rows, Session } from './connection.ts'
import { stateOf } from './failures.ts'
import type { CommitMetrics } from '../store.ts'
import type { Outbox } from './outbox.ts'
import type { Statements } from './statements.ts'

/**
 * Plans must not depend on the planner's latest statistics of a table: a group of a few hundred keys is always looked up in
 * the index. So the server need not plan again for each group. A node that is frozen in a transaction holds its locks for
 * these seconds and no longer.
 */
const begin = (
  patience: Patience,
  settings: string,
) => `begin isolation level read committed read write; ${settings};
  set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off;
  set local plan_cache_mode = force_generic_plan;
  set local lock_timeout = ${patience.lock}; set local statement_timeout = ${patience.statement};
  set local idle_in_transaction_session_timeout = '5s'`

/** Milliseconds that a transaction waits for a lock, and that one of its statements may take. */
export type Patience = Readonly<{ lock: number; statement: number }>

const commit = 'commit'

/** Rows per portion. */
const atOnce = 128

/** What every transaction of a store uses. */
export type Source = Readonly<{
  schema: string
  sql: Statements
  /** Only in tests; otherwise the time of the database. */
  clock: Clock | undefined
  time: DatabaseTime
  metrics: CommitMetrics
  outbox: Outbox
}>

/** One transaction. Statements are sent immediately; those of `write` are answered at the commit. */
export class Transaction {
  readonly source: Source
  /** Tasks that it inserts, changes or deletes. */
  rows = 0
  /** Of the webhooks, when it read its time. */
  webhooksVersion: number | undefined
  readonly #began = performance.now()
  readonly #session: Session
  #writes: Promise<Rows>[] = []
  #committing = false
  #mark: string | undefined
  #afterCommit: (() => void)[] = []
  #failed: Readonly<{ error: unknown; text: string }> | undefined

  /** `begun`: by a caller, who also ends it. */
  constructor(session: Session, source: Source, patience: Patience | 'begun') {
    this.#session = session
    this.source = source
    if (patience !== 'begun') this.write(begin(patience, session.settings))
  }

  /** The commit was sent, and the server did not say that the transaction had ended before. */
  get mayBeCommitted(): boolean {
    if (!this.#committing || this.#failed === undefined) return false
    return this.#failed.text === commit || stateOf(this.#failed.error) === undefined
  }

  /** The first failed statement gives the reason; those after it only say that something failed. */
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

  /** Writes many rows in portions: the server executes one while the next is prepared. */
  inPortions<T>(rows: readonly T[], write: (portion: readonly T[]) => void): void {
    for (let at = 0; at < rows.length; at += atOnce) {
      if (at > 0) this.#session.send()
      write(rows.slice(at, at + atOnce))
    }
  }

  /** The time, and this many queue positions; read after the locks requested before. */
  async moment(places: number): Promise<TransitionContext> {
    const { sql, clock, time } = this.source
    const [row = []] = await (places > 0 ? this.ask(sql.moment, [places]) : this.ask(sql.now))
    const [now, first, , all] = row as [number, number?, number?, (string | null)?]
    this.webhooksVersion = row[places > 0 ? 4 : 1] as number
    time.learn(now)
    const apart = all?.split(',').map(Number)
    let used = 0
    return {
      now: clock?.now() ?? now,
      nextQueuePosition: () => {
        if (used >= places || first === undefined)
          throw new Error('a move took a place that nobody asked for')
        const place = apart === undefined ? first + used : apart[used]!
        used += 1
        return place
      },
    }
  }

  /**
   * Marks the transaction as one that must not be repeated: it leaves a mark that shows afterwards whether it was committed.
   */
  leaveMark(): void {
    this.#mark ??= randomUUID()
  }

  /** Undefined if it can be repeated. */
  get mark(): string | undefined {
    return this.#mark
  }

  /** Not called if the commit fails or its outcome is in doubt. */
  afterCommit(run: () => void): void {
    this.#afterCommit.push(run)
  }

  /** Resolves when all writes have been executed. */
  async flush(): Promise<void> {
    await Promise.all(this.#writes)
  }

  /** `spent`: marks that nobody needs any more; they are deleted by a commit that leaves one itself. */
  async commit(spent: readonly string[] = []): Promise<void> {
    this.#committing = true
    if (this.#mark !== undefined) this.write(this.source.sql.leaveMark, [this.#mark, spent])
    this.write(commit)
    await this.flush()
    this.source.metrics.note(performance.now() - this.#began, this.rows)
    for (const run of this.#afterCommit) run()
  }

  async rollback(): Promise<void> {
    await Promise.allSettled(this.#writes)
    await this.#session.query('rollback')
  }
}
