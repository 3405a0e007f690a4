import type { LogLine } from '../../core/task.ts'
import { logLimit, type NumberedLine } from '../store.ts'
import type { Statements } from './statements.ts'

/** The log lines of a task, numbered from 1; beyond the limit, the oldest are deleted. */
export function appendLog(sql: Statements, rowId: number, lines: readonly LogLine[]): void {
  const [last] = sql.lastLine.get(rowId) as unknown as [number]
  let number = last
  for (const { at, attempt, text } of lines.slice(-logLimit))
    sql.insertLine.run(rowId, ++number, at, attempt, text)
  if (number > logLimit) sql.trimLog.run(rowId, number - logLimit)
}

export function readLog(sql: Statements, rowId: number, after: number, limit: number): NumberedLine[] {
  const rows = sql.log.all(rowId, after, limit) as unknown as [number, number, number, string][]
  return rows.map(([number, at, attempt, text]) => ({ number, at, attempt, text }))
}
