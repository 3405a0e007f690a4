import { isExpired } from '../../core/expiry.ts'
import type { TaskId } from '../../core/task.ts'
import { keepsKey, uniqueName } from '../../core/unique.ts'
import { rowIdOf } from '../columns.ts'
import { wantedKeys, type SubmitCall } from '../commands.ts'
import { TaskRow } from '../task-row.ts'
import type { Rows } from './connection.ts'
import { selectedCount, taskOf } from './rows.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** The rows of unique keys: who has which. A row is deleted with the move that ends that a task has its key. */

/** `isOver`: the row is still there, but the task no longer has the key. */
export type KeyRow = Readonly<{ name: string; row: TaskRow; isOver: boolean }>

type Key = Readonly<{ type: string; key: string; id: TaskId }>

/** Reads who has the keys of these calls. Those that may change are locked. Undefined if the calls have no keys. */
export function askHolders(tx: Transaction, calls: readonly SubmitCall[]): Promise<Rows> | undefined {
  const wanted = [...wantedKeys(calls).values()]
  if (wanted.length === 0) return undefined
  const { sql } = tx.source
  const ask = (text: string, mayChange: boolean) => {
    const keys = wanted.filter((key) => key.mayChange === mayChange)
    if (keys.length === 0) return []
    return tx.ask(text, [keys.map(({ type }) => encodeText(type)), keys.map(({ key }) => encodeText(key))])
  }
  return Promise.all([ask(sql.lockHolders, true), ask(sql.keyHolders, false)]).then((found) => found.flat())
}

export function keyRowsOf(rows: Rows, now: number): KeyRow[] {
  return rows.map((row) => {
    const task = taskOf(row)
    const [takenAt, lasts] = row.slice(selectedCount) as [number, number | null]
    const isOver = !keepsKey(task) || isExpired(task, now) || (lasts !== null && now - takenAt >= lasts)
    return {
      name: uniqueName(task.type, task.unique?.key ?? ''),
      row: new TaskRow(rowIdOf(row), task),
      isOver,
    }
  })
}

export function holdersOf(keys: readonly KeyRow[]): Map<string, TaskRow> {
  return new Map(keys.filter(({ isOver }) => !isOver).map(({ name, row }) => [name, row]))
}

/** Of those that a submit has found, and of those that have their keys after it. */
export function writeHolders(
  tx: Transaction,
  found: readonly KeyRow[],
  holders: ReadonlyMap<string, TaskRow>,
  now: number,
): void {
  const lost = found.filter(({ name, row }) => holders.get(name) !== row)
  const kept = new Set(found.map(({ row }) => row))
  freeKeys(
    tx,
    lost.map(({ row }) => row),
  )
  takeKeys(
    tx,
    [...holders.values()].filter((row) => !kept.has(row)),
    now,
  )
}

export function freeKeys(tx: Transaction, rows: readonly TaskRow[]): void {
  if (rows.length === 0) return
  tx.write(tx.source.sql.freeKeys, columnsOf(rows.map(keyOf)))
}

/** In key order: two nodes that take the same keys wait for each other in one order. The second one aborts, and looks again. */
export function takeKeys(tx: Transaction, rows: readonly TaskRow[], now: number): void {
  if (rows.length === 0) return
  const sorted = rows.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  tx.write(tx.source.sql.takeKeys, [
    ...columnsOf(sorted.map(keyOf)),
    sorted.map(() => now),
    sorted.map(({ task }) => task.unique?.for ?? null),
  ])
}

function keyOf({ before: { type, unique, id } }: TaskRow): Key {
  return { type, key: unique?.key ?? '', id }
}

function nameOf({ before: { type, unique } }: TaskRow): string {
  return uniqueName(type, unique?.key ?? '')
}

function columnsOf(keys: readonly Key[]) {
  return [
    keys.map(({ type }) => encodeText(type)),
    keys.map(({ key }) => encodeText(key)),
    keys.map(({ id }) => encodeText(id)),
  ]
}
