import type { TaskId } from '../../core/task.ts'
import { stepOf, stepValues } from '../step-rows.ts'
import type { NumberedStep, StepPage, StepQuery } from '../store.ts'
import type { TaskRow } from '../task-row.ts'
import type { Parameter, Session } from './connection.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

/** After what is dropped: a retry from the start and a step of the new run can share a transaction. */
export function writeSteps(tx: Transaction, rows: readonly TaskRow[]): void {
  const { sql } = tx.source
  const dropped = rows.filter(({ dropsSteps }) => dropsSteps).map(({ rowId }) => rowId)
  if (dropped.length > 0) tx.write(sql.dropSteps, [dropped])
  const steps = rows.flatMap(({ rowId, steps = [] }) =>
    steps.map((step, index) => [rowId, index, ...stepValues(step, encodeText)]),
  )
  if (steps.length > 0) tx.write(sql.putSteps, columnsOf(steps))
}

/** For `addSteps`. */
export function addedSteps(images: readonly Readonly<{ rowId: number; steps: readonly NumberedStep[] }>[]) {
  return columnsOf(
    images.flatMap(({ rowId, steps }) =>
      steps.map((step) => [rowId, step.number, ...stepValues(step, encodeText)]),
    ),
  )
}

export async function readSteps(
  session: Session,
  sql: Statements,
  id: TaskId,
  { after, limit, bytes }: StepQuery,
): Promise<StepPage> {
  const rows = await session.query(sql.steps, [encodeText(id), after, limit, bytes])
  const steps = rows.map((row) => stepOf(row, decodeText))
  const [last] = rows.at(-1)?.slice(-1) ?? []
  const { number } = steps.at(-1) ?? { number: after }
  return { steps, next: Number(last ?? 0) > number ? number : null }
}

function columnsOf(rows: readonly (string | number | null)[][]): Parameter[] {
  return (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]!))
}
