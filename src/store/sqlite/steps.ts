import type { StepRecord } from '../../core/step.ts'
import { stepOf, stepValues } from '../step-rows.ts'
import type { StepPage, StepQuery } from '../store.ts'
import type { Statements } from './statements.ts'

/** Stores steps under the next numbers of the task; those that are completed there stay. */
export function putSteps(sql: Statements, rowId: number, steps: readonly StepRecord[]): void {
  for (const step of steps) sql.putStep.run(rowId, ...stepValues(step))
}

export function readSteps(sql: Statements, rowId: number, { after, limit, bytes }: StepQuery): StepPage {
  const sizes = sql.stepSizes.all(rowId, after, limit + 1) as unknown as [number, number][]
  let size = 0
  let count = 0
  while (count < Math.min(limit, sizes.length) && (count === 0 || size < bytes)) size += sizes[count++]![1]
  const last = sizes[count - 1]?.[0] ?? after
  const rows = sql.stepsUpTo.all(rowId, after, last) as unknown as unknown[][]
  return { steps: rows.map((row) => stepOf(row)), next: count < sizes.length ? last : null }
}
