import * as rules from '../../core/transition.ts'
import type { Claimed, ClaimRequest } from '../store.ts'
import { withSuspect } from '../suspects.ts'
import type { Rows } from './connection.ts'
import type { Hints } from './hints.ts'
import type { KnownRow } from './row-cache.ts'
import { selectedCount, taskOf, type Row } from './rows.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { Work } from './work.ts'

/**
 * Takes the best queued tasks that nobody else is just taking. The order of the locks is that of all transactions: tasks
 * that are named, then the node, then types in the order of their names, then whatever is free.
 */
export async function claim(
  tx: Transaction,
  { node, limit, types }: ClaimRequest,
  knownTypes: Set<string>,
  hints: Hints,
): Promise<Readonly<{ claimed: readonly Claimed[]; rows: readonly KnownRow[] }>> {
  if (limit <= 0 || types.length === 0) return nothing
  const { sql, clock } = tx.source
  const limited = types.filter(({ concurrency }) => concurrency !== null).map(({ type }) => encodeText(type))
  tx.write(sql.joinClaims, [tx.source.schema])
  const living = tx.ask(sql.lockNode, [encodeText(node), clock?.now() ?? null])
  if (limited.length > 0) {
    if (limited.some((type) => !knownTypes.has(type))) tx.write(sql.addTypes, [limited.toSorted()])
    tx.afterCommit(() => {
      for (const type of limited) knownTypes.add(type)
    })
    // Counting begins when the lock is held: nobody else takes a task of these types until the commit.
    tx.write(sql.lockTypes, [limited])
  }
  const places = hints.of(types)
  const wanted = [
    types.map(({ type }) => encodeText(type)),
    types.map(({ concurrency }) => concurrency),
    limit,
  ]
  const suspecting = tx.ask(sql.suspects, [...wanted, encodeText(node)])
  const picking = tx.ask(sql.claim, [
    ...wanted,
    places.map((place) => place?.priority ?? null),
    places.map((place) => place?.queuePosition ?? null),
  ])
  const work = new Work(await tx.moment(0))
  if ((await living).length === 0) return nothing
  const rows = merged(await picking, await suspecting, limit)
  work.hold(rows)
  const claimed = rows.map((row): Claimed => {
    const task = taskOf(row)
    const parameters = row[selectedCount] as string | null
    const checkpoint = row[selectedCount + 1] as string | null
    return {
      ...work.move(rules.claimed(task, node, work.moment)),
      previousFence: task.fence,
      parameters: decodeText(parameters ?? 'null'),
      checkpoint: checkpoint === null ? null : decodeText(checkpoint),
    }
  })
  await work.write(tx)
  return { claimed, rows: work.rows }
}

/** The rows that are claimed; the locks of others end with the transaction. */
function merged(unsuspected: Rows, suspects: Rows, limit: number): Rows {
  if (suspects.length === 0) return unsuspected
  const headOf = (row: Row) => {
    const { type, priority, queuePosition } = taskOf(row)
    return { type, priority, queuePosition, row }
  }
  const heads = suspects.map((row) => ({ head: headOf(row), room: row[selectedCount + 2] as number }))
  return withSuspect(unsuspected.map(headOf), heads, limit).map(({ row }) => row)
}

const nothing = { claimed: [], rows: [] }
