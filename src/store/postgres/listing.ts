import { isByEnd, isIdPrefix, isNewestFirst, matches, mustMatch } from '../../core/filter.ts'
import { statuses, type TaskId, type TimelineEntry } from '../../core/task.ts'
import {
  unlimitedReads,
  type EndedPage,
  type EndedQuery,
  type FailedPage,
  type FailedQuery,
  type ListedTask,
  type Page,
  type ListCursor,
  type Query,
  type QueuePosition,
  type TaskRecord,
} from '../store.ts'
import { rowIdOf } from '../columns.ts'
import { timelineOf } from '../codec.ts'
import { endedPageOf, startOf } from '../ended-page.ts'
import { failedPageOf } from '../failed-page.ts'
import type { Parameter, Rows, Session } from './connection.ts'
import { selectedCount, taskOf } from './rows.ts'
import type { Statements } from './statements.ts'
import { decodeText, encodeText } from './text.ts'

const largestPortion = 1_000
/** When parameters are read up to a limit: this many of the largest must fit into the memory of a small node. */
const limitedPortion = 200

/** Reads candidates in growing portions until the page is full, or enough were read. */
export async function pageOf<Entry>(
  session: Session,
  sql: Statements,
  query: Query,
  entryOf: (record: ListedTask) => Readonly<{ entry: Entry; shown: number }>,
): Promise<Page<Entry>> {
  const { filter, order, limit, scan, reads = unlimitedReads, searched } = query
  const most = reads === unlimitedReads || reads.largest < 0 ? largestPortion : limitedPortion
  const asked = mustMatch(filter, order)
  const fetch = wayOf(session, sql, query)
  const entries: Entry[] = []
  let next = query.after
  let looked = 0
  let read = 0
  let portion = Math.min(asked ? 64 : Math.max(0, Math.min(limit, scan)) + 1, most)
  for (;;) {
    const rows = await fetch(next, portion)
    for (const row of rows) {
      if (looked >= scan || entries.length >= limit || read >= reads.total) return { entries, next, looked }
      looked += 1
      const record = listedOf(row)
      const rowId = rowIdOf(row)
      const { createdAt, completedAt } = record.task
      next = { at: isByEnd(order) ? (completedAt ?? 0) : createdAt, rowId }
      // Large ones stay on the server until they are searched.
      const isAway = record.cut !== null && mustSearch(record.task, filter)
      const whole = isAway ? await parametersOf(session, sql, rowId) : record.parameters
      let bytes = 0
      const parameters = () => {
        bytes = Buffer.byteLength(whole)
        return whole
      }
      if (!asked || matches(record.task, parameters, filter, searched)) {
        const { entry, shown } = entryOf(record)
        entries.push(entry)
        read += Math.max(bytes, shown)
      } else read += bytes
    }
    if (rows.length < portion) return { entries, next: null, looked }
    portion = Math.min(portion * 4, most)
  }
}

export function shownOf({ cut, parameters }: ListedTask): number {
  return cut === null ? Buffer.byteLength(parameters) : 0
}

/** Whether the filter requires the parameters. */
function mustSearch(task: TaskRecord['task'], filter: Query['filter']): boolean {
  let isNeeded = false
  const look = () => {
    isNeeded = true
    return ''
  }
  matches(task, look, filter)
  return isNeeded
}

async function parametersOf(session: Session, sql: Statements, rowId: number): Promise<string> {
  const [row] = await session.query(sql.parametersByNumber, [rowId])
  return decodeText((row?.[0] as string | undefined) ?? '')
}

function listedOf(row: Rows[number]): ListedTask {
  const size = (row[selectedCount + 1] as number | null) ?? 0
  const isCut = row[selectedCount] === null && size > 0
  return { ...briefRecord(row), cut: isCut ? size : null }
}

export async function countAhead(
  session: Session,
  sql: Statements,
  { priority, queuePosition }: QueuePosition,
  types: readonly string[],
  limit: number,
): Promise<number> {
  const [row] = await session.query(sql.ahead, [
    [...new Set(types)].map(encodeText),
    priority,
    queuePosition,
    limit,
  ])
  return row?.[0] as number
}

export function briefRecord(row: Rows[number]): TaskRecord {
  const parameters = decodeText((row[selectedCount] as string | null) ?? 'null')
  return { task: taskOf(row), parameters, checkpoint: null, result: null, timeline: [] }
}

/** Failed tasks, the latest failure first. */
export async function failedIn(session: Session, sql: Statements, query: FailedQuery): Promise<FailedPage> {
  const { failedAt, rowId } = query.after ?? { failedAt: Number.MAX_SAFE_INTEGER, rowId: 0 }
  const rows = await session.query(sql.failedBefore, [failedAt, rowId, query.since, query.scan])
  return failedPageOf(
    rows.map((row) => ({ rowId: rowIdOf(row), task: taskOf(row) })),
    query,
  )
}

/** Finished tasks in the order of their ends. */
export async function endedIn(session: Session, sql: Statements, query: EndedQuery): Promise<EndedPage> {
  const { order, from, until, scan } = query
  const { endedAt, rowId } = startOf(query)
  const rows =
    order === 'newest'
      ? await session.query(sql.endedNewest, [endedAt, rowId, from, scan])
      : await session.query(sql.endedOldest, [endedAt, rowId, until, scan])
  return endedPageOf(
    rows.map((row) => ({ rowId: rowIdOf(row), task: taskOf(row) })),
    query,
  )
}

export async function timelinesIn(
  session: Session,
  sql: Statements,
  ids: readonly TaskId[],
): Promise<ReadonlyMap<TaskId, readonly TimelineEntry[]>> {
  const rows = await session.query(sql.timelines, [ids.map(encodeText)])
  return new Map(rows.map(([id, timeline]) => [decodeText(id as string), timelineOf(timeline as string)]))
}

type Fetch = (after: ListCursor | null, portion: number) => Promise<Rows>

/** Uses the index that leads to the candidates: one for ends, an id, a parent or a tag, otherwise one per existing type and status. */
function wayOf(session: Session, sql: Statements, { filter, order, reads = unlimitedReads }: Query): Fetch {
  const { text, tag, parent } = filter
  const newest = isNewestFirst(order)
  const edge = newest ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
  // The times of a filter are those of the submit.
  const {
    createdAfter = isByEnd(order) ? Number.MIN_SAFE_INTEGER : 0,
    createdBefore = Number.MAX_SAFE_INTEGER,
  } = isByEnd(order) ? {} : filter
  const by =
    (statement: string, ...keys: readonly Parameter[]): Fetch =>
    (after, portion) => {
      const { at, rowId } = after ?? { at: edge, rowId: edge }
      return session.query(statement, [
        at,
        rowId,
        createdAfter,
        createdBefore,
        portion,
        reads.largest,
        ...keys,
      ])
    }
  if (isByEnd(order)) return by(newest ? sql.doneNewest : sql.doneOldest)
  if (text !== undefined && isIdPrefix(text)) {
    return by(newest ? sql.namedNewest : sql.namedOldest, text, `${text}\u{10ffff}`)
  }
  if (parent !== undefined) return by(newest ? sql.childrenNewest : sql.childrenOldest, encodeText(parent))
  if (tag !== undefined) return by(newest ? sql.taggedNewest : sql.taggedOldest, encodeText(tag))
  const types = filter.types?.map(encodeText) ?? null
  return by(newest ? sql.listedNewest : sql.listedOldest, types, filter.statuses ?? statuses)
}
