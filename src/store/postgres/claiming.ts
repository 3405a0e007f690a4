import { holdEntry } from '../../core/audit.ts'
import type { Origin } from '../../core/caller.ts'
import { isExpired } from '../../core/expiry.ts'
import { isSuspect } from '../../core/task.ts'
import * as commands from '../commands.ts'
import type { StoredRow } from '../columns.ts'
import type { Claimed, ClaimRequest } from '../store.ts'
import { pickTasks } from '../lanes.ts'
import { readLater } from '../reading.ts'
import { withSuspect } from '../suspects.ts'
import { addEntries } from './audit.ts'
import type { Rows } from './connection.ts'
import type { Hints } from './hints.ts'
import { PostgresLanes } from './lane-rows.ts'
import type { KnownRow } from './row-cache.ts'
import { selectedCount, taskOf } from './rows.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { Work } from './work.ts'

/**
 * Takes the best queued tasks that nobody else is currently claiming. The lock order is that of all transactions: named
 * tasks, then the node, then types by name, then whatever is free.
 */
export async function claim(
  tx: Transaction,
  request: ClaimRequest,
  knownTypes: Set<string>,
  hints: Hints,
): Promise<Taken> {
  const { node, limit, types } = request
  if (limit <= 0 || types.length === 0) return nothing
  const { sql, clock } = tx.source
  const limited = types.filter(({ concurrency }) => concurrency !== null).map(({ type }) => encodeText(type))
  tx.write(sql.joinClaims, [tx.source.schema])
  const names = types.map(({ type }) => encodeText(type))
  const now = clock?.now() ?? null
  const places = hints.of(types)
  const living = tx.ask(sql.lockNode, [encodeText(node), now, names, hints.firstNote])
  if (limited.length > 0) {
    if (limited.some((type) => !knownTypes.has(type))) tx.write(sql.addTypes, [limited.toSorted()])
    tx.afterCommit(() => {
      for (const type of limited) knownTypes.add(type)
    })
    // Counting starts once the lock is held: nobody else claims a task of these types until the commit.
    tx.write(sql.lockTypes, [limited])
  }
  const wanted = [names, types.map(({ concurrency }) => concurrency), limit]
  const suspecting = tx.ask(sql.suspects, [...wanted, encodeText(node), now])
  const picking = tx.ask(sql.claim, [
    ...wanted,
    places.map((place) => place?.priority ?? null),
    places.map((place) => place?.queuePosition ?? null),
    now,
  ])
  const work = new Work(await tx.moment(0))
  const [alive] = await living
  if (alive === undefined) return nothing
  // Its time may have come since the statement.
  const startable = (rows: Rows) => rows.filter((row) => !isExpired(taskOf(row), work.context.now))
  const plain = merged(startable(await picking), startable(await suspecting), limit)
  const { rows, wakesAt } =
    alive[0] === true
      ? await withLanes(tx, request, plain, work.context.now, hints)
      : { rows: plain, wakesAt: undefined }
  work.hold(rows)
  const claimed = work.rows.map((row, index): Claimed => {
    const [parameters, checkpoint] = (rows[index] ?? []).slice(selectedCount) as (string | null)[]
    const documents = { parameters: decodeText(parameters ?? 'null'), checkpoint: decodedOrNull(checkpoint) }
    return commands.claim(row, node, documents, work.context)
  })
  await work.write(tx)
  return { claimed, rows: work.known, wakesAt }
}

/** `wakesAt`: when a rate may allow the next start; undefined if nothing was learned about it. */
export type Taken = Readonly<{
  claimed: readonly Claimed[]
  rows: readonly KnownRow[]
  wakesAt: number | null | undefined
}>

/** What a claim takes of the plain queue and of the lanes, which are locked until the commit. */
async function withLanes(
  tx: Transaction,
  { node, limit, types }: ClaimRequest,
  plain: Rows,
  now: number,
  hints: Hints,
): Promise<Readonly<{ rows: Rows; wakesAt: number | null }>> {
  const { sql, schema } = tx.source
  tx.write(sql.lockLanes, [schema])
  // Its notes are gone once it is committed, even if it claims nothing.
  tx.leaveMark()
  const heads = plain.map((row) => {
    const task = taskOf(row)
    return {
      type: task.type,
      priority: task.priority,
      position: task.queuePosition,
      isSuspect: isSuspect(task),
    }
  })
  const lanes = new PostgresLanes(tx, { node, now, limit, firstNote: hints.firstNote })
  tx.afterCommit(() => hints.learnNotes(lanes.lastNote))
  const request = { node, now, limit, types, plain: heads, round: hints.round }
  const { picks, wakesAt } = await readLater(pickTasks(lanes, request))
  const places = picks.flatMap((pick) => ('place' in pick ? [pick.place] : []))
  const [laned, due] = await Promise.all([
    places.length === 0 ? [] : tx.ask(sql.claimedTasks, [places]),
    lanes.wakesAt(),
  ])
  let next = 0
  const rows = picks.map((pick) => ('plain' in pick ? plain[pick.plain]! : laned[next++]!))
  return { rows, wakesAt: wakesAt(due) }
}

/** The claimed rows; the locks of others end with the transaction. */
function merged(unsuspected: Rows, suspects: Rows, limit: number): Rows {
  if (suspects.length === 0) return unsuspected
  const headOf = (row: StoredRow) => {
    const { type, priority, queuePosition } = taskOf(row)
    return { type, priority, queuePosition, row }
  }
  const heads = suspects.map((row) => ({ head: headOf(row), room: row[selectedCount + 2] as number }))
  return withSuspect(unsuspected.map(headOf), heads, limit).map(({ row }) => row)
}

function decodedOrNull(text: string | null | undefined): string | null {
  return text == null ? null : decodeText(text)
}

/** Waits for claims in progress on all nodes, so that its result holds for every later claim. */
export async function hold(
  tx: Transaction,
  { type, held, by, audit }: Readonly<{ type: string; held: boolean; by: string; audit: Origin | undefined }>,
): Promise<boolean> {
  const { sql, schema, clock } = tx.source
  tx.leaveMark()
  tx.write(sql.holdClaims, [schema])
  const name = encodeText(type)
  const reason = audit?.reason === undefined ? null : encodeText(audit.reason)
  const changed = held
    ? tx.ask(sql.hold, [name, clock?.now() ?? null, encodeText(by), reason])
    : tx.ask(sql.lift, [name])
  if ((await changed).length === 0) return false
  if (audit !== undefined) addEntries(tx, [holdEntry(audit, type, held)], (await tx.moment(0)).now)
  return true
}

const nothing: Taken = { claimed: [], rows: [], wakesAt: undefined }
