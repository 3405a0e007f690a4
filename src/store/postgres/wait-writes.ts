import type { Wait } from '../../core/wait.ts'
import type { TaskRow } from '../task-row.ts'
import { waitValues } from '../wait-rows.ts'
import type { Parameter } from './connection.ts'
import { encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** After what is dropped. One that is there is replaced, under its number. */
export function writeWaits(tx: Transaction, rows: readonly TaskRow[]): void {
  const { sql } = tx.source
  const dropped = rows.filter(({ dropsSteps }) => dropsSteps).map(({ rowId }) => rowId)
  if (dropped.length > 0) tx.write(sql.dropWaits, [dropped])
  const waits = rows.flatMap(({ rowId, wait }) => (wait === undefined ? [] : [{ rowId, waits: [wait] }]))
  if (waits.length === 0) return
  tx.leaveMark()
  tx.write(sql.putWaits, addedWaits(waits))
}

/** For `putWaits`. */
export function addedWaits(
  images: readonly Readonly<{ rowId: number; waits: readonly Wait[] }>[],
): Parameter[] {
  const rows = images.flatMap(({ rowId, waits }) =>
    waits.map((wait) => [rowId, ...waitValues(wait, encodeText)]),
  )
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]!))
}
