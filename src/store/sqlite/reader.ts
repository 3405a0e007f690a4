import {
  isByEnd,
  isIdPrefix,
  isNewestFirst,
  matches,
  mustMatch,
  type Filter,
  type Order,
} from '../../core/filter.ts'
import { rangesOf, type IdPart } from '../../core/short-id.ts'
import type { Operation } from '../../core/operation.ts'
import { statuses, type NodeId, type Task, type TaskId, type TimelineEntry } from '../../core/task.ts'
import { timelineOf } from '../codec.ts'
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
  type TypeLimit,
} from '../store.ts'
import { endedPageOf, startOf } from '../ended-page.ts'
import { failedPageOf } from '../failed-page.ts'
import { inQueue, withSuspect, type SuspectHead } from '../suspects.ts'
import { rowIdOf, type StoredRow } from '../columns.ts'
import type { Counters } from './counters.ts'
import { taskOf } from './rows.ts'
import type { Statements } from './statements.ts'

/** Reads the file and changes nothing: single tasks, list pages, the queue. */
export class Reader {
  readonly #sql: Statements
  readonly #counters: Counters

  constructor(sql: Statements, counters: Counters) {
    this.#sql = sql
    this.#counters = counters
  }

  row(id: TaskId): StoredRow | undefined {
    return this.#sql.rowById.get(id) as unknown as StoredRow | undefined
  }

  document(kind: 'parameters' | 'checkpoint' | 'result', rowId: number): string | null {
    const found = this.#sql[kind].get(rowId) as unknown as [string] | undefined
    return found === undefined ? null : found[0]
  }

  read(id: TaskId, brief: boolean): TaskRecord | null {
    const row = this.row(id)
    if (row === undefined) return null
    const rowId = rowIdOf(row)
    if (brief) return this.#briefRecord(rowId, taskOf(row))
    return {
      task: taskOf(row),
      parameters: this.document('parameters', rowId) ?? 'null',
      checkpoint: this.document('checkpoint', rowId),
      result: this.document('result', rowId),
      timeline: timelineOf((this.#sql.timeline.get(rowId) as unknown as [string])[0]),
    }
  }

  /** The tasks that a claim of the node takes: the first of each type that may run now, merged. */
  queueHeads(node: NodeId, types: readonly TypeLimit[], limit: number, now: number): QueueHead[] {
    const heads: QueueHead[] = []
    const suspects: SuspectHead<QueueHead>[] = []
    const maySuspect =
      this.#sql.hasSuspects.get() !== undefined && this.#sql.runsSuspect.get(node) === undefined
    for (const { type, concurrency } of types) {
      const queued = this.#counters.get(type, 'queued')
      if (queued === 0 || this.#counters.isHeld(type)) continue
      const room = concurrency === null ? limit : Math.min(limit, concurrency - this.#counters.occupied(type))
      if (room <= 0) continue
      for (const row of this.#sql.queueHead.all(type, now, Math.min(room, queued)))
        heads.push(headOf(type, row, false))
      const suspect = maySuspect ? this.#sql.suspectHead.get(type, now) : undefined
      if (suspect !== undefined) suspects.push({ head: headOf(type, suspect, true), room })
    }
    return withSuspect(heads.sort(inQueue), suspects, limit)
  }

  operation(id: string): Operation | null {
    const row = this.#sql.operation.get(id) as unknown as [body: string] | undefined
    return row === undefined ? null : (JSON.parse(row[0]) as Operation)
  }

  list(query: Query): Page<ListedTask> {
    const { largest } = query.reads ?? unlimitedReads
    return this.#page<ListedTask>(query, (rowId) => {
      const task = this.#task(rowId)
      const [size, parameters] = (this.#sql.parametersUpTo.get(largest, rowId) as unknown as Sized) ?? [
        4,
        'null',
      ]
      const rest = { checkpoint: null, result: null, timeline: [] }
      return parameters === null
        ? { entry: { task, parameters: 'null', cut: size, ...rest }, shown: 0 }
        : { entry: { task, parameters, cut: null, ...rest }, shown: size }
    })
  }

  failed(query: FailedQuery): FailedPage {
    const { after, since, scan } = query
    const { failedAt, rowId } = after ?? { failedAt: Number.MAX_SAFE_INTEGER, rowId: 0 }
    const rows = this.#sql.failedBefore.all(failedAt, rowId, since, scan) as unknown as StoredRow[]
    return failedPageOf(
      rows.map((row) => ({ rowId: rowIdOf(row), task: taskOf(row) })),
      query,
    )
  }

  ended(query: EndedQuery): EndedPage {
    const { order, from, until, scan } = query
    const { endedAt, rowId } = startOf(query)
    const sql = this.#sql
    const rows =
      order === 'newest'
        ? sql.endedNewest.all(endedAt, rowId, from, scan)
        : sql.endedOldest.all(endedAt, rowId, until, scan)
    return endedPageOf(
      (rows as unknown as StoredRow[]).map((row) => ({ rowId: rowIdOf(row), task: taskOf(row) })),
      query,
    )
  }

  timelines(ids: readonly TaskId[]): ReadonlyMap<TaskId, readonly TimelineEntry[]> {
    return new Map(
      ids.flatMap((id) => {
        const found = this.#sql.timelineById.get(id) as unknown as [string] | undefined
        return found === undefined ? [] : [[id, timelineOf(found[0])] as const]
      }),
    )
  }

  find(query: Query): Page<TaskId> {
    return this.#page(query, (rowId) => ({
      entry: (this.#sql.idByNumber.get(rowId) as unknown as [TaskId])[0],
      shown: 0,
    }))
  }

  resolve({ prefix, ending }: IdPart, limit: number): TaskId[] {
    const { firstIdFrom, idsWithin, idsEnding } = this.#sql
    const idsOf = (rows: unknown) => (rows as [TaskId][]).map(([id]) => id)
    const found = new Set(prefix === null ? [] : idsOf(idsWithin.all(prefix, `${prefix}\u{10ffff}`, limit)))
    const idFrom = (from: string) => (firstIdFrom.get(from) as unknown as [TaskId] | undefined)?.[0]
    // From one range to the next, skipping empty ones.
    for (let first = idFrom(''); first !== undefined && found.size < limit;) {
      const range = rangesOf(ending, first).next().value
      if (range === undefined) break
      const { from, to } = range
      first = idFrom(from)
      if (first === undefined || first >= to) continue
      for (const id of idsOf(idsEnding.all(from, to, -ending.length, ending, limit))) found.add(id)
      first = idFrom(to)
    }
    return [...found].sort().slice(0, limit)
  }

  ahead({ priority, queuePosition }: QueuePosition, types: readonly string[], limit: number): number {
    let ahead = 0
    for (const type of types) {
      if (this.#counters.get(type, 'queued') === 0) continue
      const sql = this.#sql
      for (const higher of [sql.aheadByPriority, sql.suspectsAheadByPriority, sql.lanedAheadByPriority])
        ahead += countOf(higher.get(type, priority, limit - ahead))
      for (const before of [sql.aheadByPosition, sql.suspectsAheadByPosition, sql.lanedAheadByPosition])
        ahead += countOf(before.get(type, priority, queuePosition, limit - ahead))
      if (ahead >= limit) break
    }
    return ahead
  }

  /** When the oldest queued task of each type became queued. Of a priority, that is the one at the head of its queue. */
  oldestQueued(types: readonly string[]): ReadonlyMap<string, number> {
    const oldest = new Map<string, number>()
    for (const type of types) {
      if (this.#counters.get(type, 'queued') === 0) continue
      const { oldestBelow, oldestSuspectBelow, oldestLanedBelow } = this.#sql
      for (const headBelow of [oldestBelow, oldestSuspectBelow, oldestLanedBelow]) {
        for (let below = Number.MAX_SAFE_INTEGER; ;) {
          const head = headBelow.get(type, below) as [priority: number, since: number] | undefined
          if (head === undefined) break
          below = head[0]
          oldest.set(type, Math.min(oldest.get(type) ?? head[1], head[1]))
        }
      }
    }
    return oldest
  }

  /** `entryOf` also returns how many bytes of the parameters it has read. */
  #page<Entry>(
    query: Query,
    entryOf: (rowId: number) => Readonly<{ entry: Entry; shown: number }>,
  ): Page<Entry> {
    const { filter, after, limit, scan, reads = unlimitedReads, searched } = query
    const asked = mustMatch(filter, query.order)
    const entries: Entry[] = []
    let next = after
    let looked = 0
    let read = 0
    for (const place of this.#candidates(query)) {
      if (looked >= scan || entries.length >= limit || read >= reads.total) return { entries, next, looked }
      looked += 1
      next = place
      const { rowId } = place
      let bytes = 0
      const parameters = () => {
        const text = this.document('parameters', rowId) ?? ''
        bytes = Buffer.byteLength(text)
        return text
      }
      if (!asked || matches(this.#task(rowId), parameters, filter, searched)) {
        const { entry, shown } = entryOf(rowId)
        entries.push(entry)
        read += Math.max(bytes, shown)
      } else read += bytes
    }
    return { entries, next: null, looked }
  }

  /** Fetched as they are read. */
  *#candidates(query: Query): Generator<ListCursor> {
    const ways = this.#ways(query.filter, query.order)
    const wanted = Math.max(0, Math.min(query.limit, query.scan)) + 1
    const newest = isNewestFirst(query.order)
    const runs = ways.map((way) => new Run(query, way, ways.length === 1 ? wanted : 32))
    for (;;) {
      let first: Run | undefined
      for (const run of runs) {
        const [place, best] = [run.head, first?.head]
        if (place === undefined) continue
        if (best === undefined || isBefore(place, best) !== newest) first = run
      }
      if (first?.head === undefined) return
      yield first.head
      first.advance()
    }
  }

  /** Uses the index that leads to the candidates: one for ends, an id, a parent or a tag, otherwise one per existing type and status. */
  #ways({ text, tag, parent, types, statuses: of = statuses }: Filter, order: Order): Way[] {
    if (isByEnd(order)) {
      const done = isNewestFirst(order) ? 'doneNewest' : 'doneOldest'
      // The times of a filter are those of the submit.
      return [
        (at, rowId, _from, _to, limit) =>
          this.#sql[done].all(at, rowId, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, limit),
      ]
    }
    const [listed, running, tagged, named, ofOne] =
      order === 'newest'
        ? (['listedNewest', 'runningNewest', 'taggedNewest', 'namedNewest', 'childrenNewest'] as const)
        : (['listedOldest', 'runningOldest', 'taggedOldest', 'namedOldest', 'childrenOldest'] as const)
    const sql = this.#sql
    if (text !== undefined && isIdPrefix(text)) {
      return [(...range) => sql[named].all(text, `${text}\u{10ffff}`, ...range)]
    }
    if (parent !== undefined) return [(...range) => sql[ofOne].all(parent, ...range)]
    if (tag !== undefined) return [(...range) => sql[tagged].all(tag, ...range)]
    return [...(types === undefined ? this.#counters.types : new Set(types))].flatMap((type) =>
      [...new Set(of)]
        .filter((status) => this.#counters.get(type, status) > 0)
        .map((status) => {
          const statement = sql[status === 'running' ? running : listed]
          return (...range: Range) => statement.all(type, status, ...range)
        }),
    )
  }

  #task(rowId: number): Task {
    return taskOf(this.#sql.rowByNumber.get(rowId) as unknown as StoredRow)
  }

  #briefRecord(rowId: number, task: Task): TaskRecord {
    const parameters = this.document('parameters', rowId) ?? 'null'
    return { task, parameters, checkpoint: null, result: null, timeline: [] }
  }
}

/** A queued task in no lane. */
export type QueueHead = QueuePosition & Readonly<{ rowId: number; type: string; isSuspect: boolean }>

type Sized = [size: number, parameters: string | null] | undefined

type Range = [at: number, rowId: number, from: number, to: number, limit: number]
type Way = (...range: Range) => unknown
type PlaceRow = [at: number, rowId: number]

/** Candidates of one index, in order, fetched in growing portions. */
class Run {
  readonly #fetch: Way
  readonly #from: number
  readonly #to: number
  #rows: PlaceRow[] = []
  #index = 0
  #portion: number

  constructor({ filter, order, after }: Query, fetch: Way, portion: number) {
    this.#fetch = fetch
    this.#from = filter.createdAfter ?? 0
    this.#to = filter.createdBefore ?? Number.MAX_SAFE_INTEGER
    this.#portion = Math.min(portion, largestPortion)
    const edge = isNewestFirst(order) ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
    this.#load(after ?? { at: edge, rowId: edge })
  }

  get head(): ListCursor | undefined {
    const row = this.#rows[this.#index]
    return row === undefined ? undefined : { at: row[0], rowId: row[1] }
  }

  advance(): void {
    const { head } = this
    this.#index += 1
    if (head === undefined || this.#index < this.#rows.length || this.#rows.length < this.#portion) return
    this.#portion = Math.min(this.#portion * 4, largestPortion)
    this.#load(head)
  }

  #load({ at, rowId }: ListCursor): void {
    this.#rows = this.#fetch(at, rowId, this.#from, this.#to, this.#portion) as PlaceRow[]
    this.#index = 0
  }
}

const largestPortion = 1_000

function isBefore(a: ListCursor, b: ListCursor): boolean {
  return a.at === b.at ? a.rowId < b.rowId : a.at < b.at
}

function headOf(type: string, row: unknown, isSuspect: boolean): QueueHead {
  const [rowId, priority, queuePosition] = row as [rowId: number, priority: number, queuePosition: number]
  return { type, rowId, priority, queuePosition, isSuspect }
}

function countOf(row: unknown): number {
  return (row as [number])[0]
}
