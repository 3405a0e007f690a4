import type { Status } from '../../core/task.ts'
import type { Counts, Hold } from '../store.ts'
import type { Rows, Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** What one transaction changes in the counts. It adds a few rows; nobody waits for a row that others count in. */
export class Tally {
  readonly #changes = new Map<string, Map<Status, number>>()

  readonly add = (type: string, status: Status, tasks: number): void => {
    let counts = this.#changes.get(type)
    if (counts === undefined) this.#changes.set(type, (counts = new Map()))
    counts.set(status, (counts.get(status) ?? 0) + tasks)
  }

  write(tx: Transaction): void {
    const rows = [...this.#changes].flatMap(([type, counts]) =>
      [...counts].filter(([, tasks]) => tasks !== 0).map(([status, tasks]) => [type, status, tasks] as const),
    )
    this.#changes.clear()
    if (rows.length === 0) return
    tx.write(tx.source.sql.addDeltas, [
      rows.map(([type]) => encodeText(type)),
      rows.map(([, status]) => status),
      rows.map(([, , tasks]) => tasks),
    ])
  }
}

/** Adds up the deltas of transactions; at most one node at a time does it. Loses nothing if another node is doing it. */
export async function rollUp(tx: Transaction): Promise<void> {
  const { sql, schema } = tx.source
  const [row] = await tx.ask(sql.tryRollUp, [schema])
  if (row?.[0] === true) tx.write(sql.rollUp)
}

export function holdOf([, since, by, reason]: Rows[number]): Hold {
  return {
    since: since as number,
    by: decodeText(by as string),
    reason: reason === null ? null : decodeText(reason as string),
  }
}

export async function readCounts(session: Session, sql: Statements): Promise<Counts> {
  const [counts, places, holds] = await Promise.all([
    session.query(sql.counts),
    session.query(sql.fencedOffCounts),
    session.query(sql.holds),
  ])
  const byType: Record<string, Partial<Record<Status, number>>> = {}
  for (const [type, status, tasks] of counts) {
    const ofType = (byType[decodeText(type as string)] ??= {})
    ofType[status as Status] = tasks as number
  }
  const fencedOff = Object.fromEntries(
    places.map(([type, count]) => [decodeText(type as string), count as number]),
  )
  const held = Object.fromEntries(holds.map((row) => [decodeText(row[0] as string), holdOf(row)]))
  return { byType, fencedOff, held }
}

export async function readOldestQueued(
  session: Session,
  sql: Statements,
  types: readonly string[],
  now: number | null,
): Promise<Readonly<Record<string, number>>> {
  const rows = await session.query(sql.oldestQueued, [types.map(encodeText), now])
  return Object.fromEntries(rows.map(([type, age]) => [decodeText(type as string), age as number]))
}

/** Waiting, scheduled and queued tasks, from the result of `counts`. */
export function queueEstimateOf(counts: Rows): number {
  return counts
    .filter(([, status]) => status === 'scheduled' || status === 'queued' || status === 'waiting')
    .reduce((sum, [, , tasks]) => sum + (tasks as number), 0)
}

/**
 * The number of waiting tasks, as far as this node knows. The exact number takes a read of all types, which submits avoid
 * while the limit is far away.
 */
export class QueueEstimate {
  #known = Number.POSITIVE_INFINITY

  /** `tasks` are waiting now, as committed. */
  learn(tasks: number): void {
    this.#known = tasks
  }

  /** This node adds this many; what leaves the queue, or was not committed, is learned later. */
  add(tasks: number): void {
    this.#known += tasks
  }

  /** The connection is new: the database may be another one, or an older state of it. */
  forget(): void {
    this.#known = Number.POSITIVE_INFINITY
  }

  mayBeFull(wanted: number, limit: number): boolean {
    return this.#known + wanted + unseen > limit
  }
}

/** Maximum number that may have come from other nodes since the last read. */
const unseen = 1_000_000
