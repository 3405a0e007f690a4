import { rangesOf, type IdPart } from '../../core/short-id.ts'
import type { TaskId } from '../../core/task.ts'
import type { Rows, Session } from './connection.ts'
import type { Statements } from './statements.ts'

/** Maximum id ranges per statement: those of seven weeks. */
const rangesAtOnce = 1_000

/** Ids that match a partial id: see the port of the store. */
export async function resolveId(
  session: Session,
  sql: Statements,
  { prefix, ending }: IdPart,
  limit: number,
): Promise<TaskId[]> {
  const begins =
    prefix === null ? [] : await session.query(sql.idsWithin, [prefix, `${prefix}\u{10ffff}`, limit])
  const found = new Set(idsOf(begins))
  const [last] = idsOf(await session.query(sql.lastId))
  let after = ''
  // Skips times without tasks.
  while (last !== undefined && found.size < limit) {
    const [first] = idsOf(await session.query(sql.firstIdFrom, [after]))
    if (first === undefined) break
    const [low, high]: [string[], string[]] = [[], []]
    for (const { from, to } of rangesOf(ending, first)) {
      if (from > last || low.length === rangesAtOnce) break
      low.push(from)
      high.push(to)
    }
    if (low.length === 0) break
    const rows = await session.query(sql.idsEnding, [low, high, ending.length, ending, limit])
    for (const id of idsOf(rows)) found.add(id)
    after = high.at(-1)!
  }
  return [...found].sort().slice(0, limit)
}

function idsOf(rows: Rows): TaskId[] {
  return rows.map(([id]) => id as TaskId)
}
