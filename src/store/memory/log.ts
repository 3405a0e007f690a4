import type { LogLine } from '../../core/task.ts'
import { logLimit, type NumberedLine } from '../store.ts'

/** The log with these lines appended and numbered; beyond the limit, the oldest are dropped. */
export function appended(
  log: readonly NumberedLine[],
  lines: readonly LogLine[] = [],
): readonly NumberedLine[] {
  const last = log.at(-1)?.number ?? 0
  const numbered = lines.slice(-logLimit).map((line, index) => ({ ...line, number: last + index + 1 }))
  return [...log, ...numbered].slice(-logLimit)
}
