import type { Edge, EdgePolicy } from '../../core/dependency.ts'
import type { Json, TaskId } from '../../core/task.ts'
import { uniqueName } from '../../core/unique.ts'
import type { Audited } from '../auditing.ts'
import { compactLines } from '../codec.ts'
import { rowIdOf } from '../columns.ts'
import type { CommandContext, Release } from '../commands.ts'
import { logLimit } from '../store.ts'
import { TaskRow, type OccupiedSlot } from '../task-row.ts'
import { record } from './audit.ts'
import { packed } from './column-batching.ts'
import type { Rows } from './connection.ts'
import { Tally } from './counters.ts'
import { writeSlots } from './lane-rows.ts'
import { tell } from './telling.ts'
import type { KnownRow } from './row-cache.ts'
import { changedColumns, isAwaited, tagColumns, tagsOf, taskOf } from './rows.ts'
import { writeSteps } from './steps.ts'
import { writeWaits } from './wait-writes.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'
import { freeKeys, keyRowsOf, takeKeys, type KeyRow } from './unique-keys.ts'

/**
 * The rows that one transaction has locked, or knows. Several calls may change the same row; the changes of all rows are written
 * at the end, in a few statements.
 */
export class Work {
  readonly context: CommandContext
  readonly #rows = new Map<TaskId, TaskRow>()
  #slots: OccupiedSlot[] = []
  #edges = new Map<TaskId, Edge[]>()
  readonly #kept = new Set<TaskId>()
  readonly #counted: Edge[] = []
  readonly #told: TaskRow[] = []
  readonly #informed: TaskId[] = []
  readonly #joinsMore = new Set<TaskId>()
  readonly #released: OccupiedSlot[] = []
  readonly #audited: Audited[] = []
  #keys: readonly KeyRow[] = []

  constructor(context: CommandContext) {
    this.context = context
  }

  hold(rows: Rows): void {
    for (const row of rows) {
      const task = taskOf(row)
      this.#rows.set(task.id, new TaskRow(rowIdOf(row), task, isAwaited(row)))
    }
  }

  /** Neither locked nor read: the move verifies that they are unchanged. */
  holdKnown(rows: readonly KnownRow[]): void {
    for (const { rowId, task } of rows) this.#rows.set(task.id, new TaskRow(rowId, task))
  }

  /** A row that is locked by this transaction, or inserted by it. */
  adopt(row: TaskRow): void {
    this.#rows.set(row.before.id, row)
  }

  /** Who has the unique keys of tasks that may be retried. */
  holdKeys(rows: Rows): void {
    this.#keys = keyRowsOf(rows, this.context.now)
  }

  /** The task that has the unique key of this one now. */
  keyHolder({ task: { id, type, unique } }: TaskRow): TaskId | undefined {
    if (unique === null) return undefined
    const name = uniqueName(type, unique.key)
    const isSame = (row: TaskRow) =>
      row.task.unique !== null && uniqueName(row.task.type, row.task.unique.key) === name
    const taken = this.rows.find((row) => row.retakesKey && isSame(row))
    if (taken !== undefined) return taken.task.id
    const found = this.#keys.find((key) => key.name === name && !key.isOver)
    if (found === undefined || found.row.task.id === id) return undefined
    return this.#rows.get(found.row.task.id)?.freesKey === true ? undefined : found.row.task.id
  }

  holdSlots(rows: Rows): void {
    this.#slots = rows.map(([id, fence, node, type]) => ({
      id: decodeText(id as string),
      fence: fence as number,
      node: decodeText(node as string),
      type: decodeText(type as string),
    }))
  }

  /** Edges to what waits for the tasks that calls have asked for. */
  holdEdges(rows: Rows): void {
    const edges = rows.map(([predecessor, successor, onFailure]) => ({
      predecessor: decodeText(predecessor as string),
      successor: decodeText(successor as string),
      onFailure: onFailure as EdgePolicy,
    }))
    this.#edges = Map.groupBy(edges, ({ predecessor }) => predecessor)
  }

  /** Children whose parents have not ended, or whose end has not been counted yet. */
  holdLinks(rows: Rows): void {
    for (const [id] of rows) this.#kept.add(decodeText(id as string))
  }

  isKept(id: TaskId): boolean {
    return this.#kept.has(id)
  }

  edgesFrom(predecessor: TaskId): readonly Edge[] {
    return this.#edges.get(predecessor) ?? []
  }

  /** Tasks whose handlers wait for other children than those that have ended. */
  holdJoins(rows: Rows): void {
    for (const [id] of rows) this.#joinsMore.add(decodeText(id as string))
  }

  joinsMore(successor: TaskId): boolean {
    return this.#joinsMore.has(successor)
  }

  /** Each is counted once, also if several calls of this transaction have found it. */
  count({ counted, told, informed }: Release): void {
    const done = new Set(counted)
    for (const { predecessor } of counted)
      this.#edges.set(
        predecessor,
        this.edgesFrom(predecessor).filter((edge) => !done.has(edge)),
      )
    this.#counted.push(...counted)
    this.#told.push(...told)
    this.#informed.push(...informed)
  }

  /** Those that are not deleted, in the order in which they were read. */
  get rows(): TaskRow[] {
    return [...this.#rows.values()].filter(({ isDeleted }) => !isDeleted)
  }

  /** Undefined if it does not exist, or was deleted in this transaction. */
  row(id: TaskId): TaskRow | undefined {
    const row = this.#rows.get(id)
    return row?.isDeleted === true ? undefined : row
  }

  /** Every row is written, so its expected state is verified. */
  get provesAll(): boolean {
    return this.rows.every(({ isChanged }) => isChanged)
  }

  /** The current rows. */
  get known(): KnownRow[] {
    return this.rows.map(({ rowId, task }) => ({ rowId, task }))
  }

  /** Slots of fenced-off code of the tasks named by this transaction, as they are now. */
  get slots(): OccupiedSlot[] {
    return [...this.#slots, ...this.#newSlots].filter((slot) => !this.#released.includes(slot))
  }

  holdsSlot(id: TaskId): boolean {
    return this.slots.some((slot) => slot.id === id)
  }

  get #newSlots(): OccupiedSlot[] {
    return [...this.#rows.values()].flatMap(({ fencedOff = [] }) => fencedOff)
  }

  release(slots: readonly OccupiedSlot[]): void {
    this.#released.push(...slots)
  }

  record(audited: Audited | undefined): void {
    if (audited !== undefined) this.#audited.push(audited)
  }

  /** Waits only if a timeline is so long that it must be read to be shortened. */
  async write(tx: Transaction): Promise<void> {
    const { sql } = tx.source
    const [rows, newSlots] = [this.rows, this.#newSlots]
    const changed = rows.filter(({ isChanged }) => isChanged)
    const deleted = [...this.#rows.values()].filter(({ isDeleted }) => isDeleted)
    if (
      [changed, deleted, newSlots, this.#released, this.#counted, this.#told].some(({ length }) => length > 0)
    )
      tx.leaveMark()
    tx.rows += changed.length + deleted.length
    tx.inPortions(changed, (portion) => writeMoves(tx, portion))
    writeDocuments(tx, rows)
    writeSteps(tx, rows)
    const again = rows.filter(({ forgetsChildren }) => forgetsChildren)
    if (again.length > 0) tx.write(sql.forgetChildren, [again.map(({ task }) => encodeText(task.id))])
    writeWaits(tx, rows)
    writeLogs(tx, rows)
    writeDeleted(tx, deleted)
    if (newSlots.length > 0) {
      tx.write(sql.fenceOff, [
        newSlots.map(({ id }) => encodeText(id)),
        newSlots.map(({ fence }) => fence),
        newSlots.map(({ node }) => encodeText(node)),
        newSlots.map(({ type }) => encodeText(type)),
      ])
    }
    if (this.#released.length > 0) {
      const ids = this.#released.map(({ id }) => encodeText(id))
      const fences = this.#released.map(({ fence }) => fence)
      tx.write(sql.releaseSlots, [ids, fences])
      tx.write(sql.freeSlots, [ids, fences])
    }
    this.#writeKeys(tx)
    if (this.#counted.length > 0) {
      const predecessors = this.#counted.map(({ predecessor }) => encodeText(predecessor))
      tx.write(sql.dropEdges, [predecessors, this.#counted.map(({ successor }) => encodeText(successor))])
    }
    if (this.#informed.length > 0) tx.write(sql.dropJoins, [this.#informed.map(encodeText)])
    if (this.#told.length > 0) tx.write(sql.told, [this.#told.map(({ task }) => encodeText(task.id))])
    writeSlots(tx, [...this.#rows.values()])
    const tally = new Tally()
    for (const row of this.#rows.values()) row.count(tally.add)
    tally.write(tx)
    record(tx, this.#audited, this.context.now)
    await tell(tx, [], changed)
    await shortenTimelines(
      tx,
      changed.filter((row) => row.mustShortenTimeline),
    )
  }

  #writeKeys(tx: Transaction): void {
    const keyed = [...this.#rows.values()].filter(({ before }) => before.unique !== null)
    if (keyed.length === 0) return
    const retaken = keyed.filter((row) => row.retakesKey)
    const names = new Set(retaken.map(({ task }) => uniqueName(task.type, task.unique?.key ?? '')))
    const over = this.#keys.filter(({ name, isOver }) => isOver && names.has(name)).map(({ row }) => row)
    freeKeys(tx, [...keyed.filter((row) => row.freesKey), ...over])
    takeKeys(tx, retaken, this.context.now)
  }
}

function writeMoves(tx: Transaction, changed: readonly TaskRow[]): void {
  const { parts, values } = packed([
    { name: 'id', type: 'text', values: changed.map(({ task }) => encodeText(task.id)) },
    { name: 'from_status', type: 'text', values: changed.map(({ before }) => before.status) },
    { name: 'from_version', type: 'int', values: changed.map(({ before }) => before.version) },
    { name: 'timeline', type: 'text', values: changed.map(({ lines }) => lines) },
    ...changedColumns(changed),
  ])
  tx.write(tx.source.sql.moveTasks(parts), values)
}

function writeDocuments(tx: Transaction, rows: readonly TaskRow[]): void {
  const { sql } = tx.source
  const put = (text: string, documents: readonly (readonly [rowId: number, body: Json])[]) => {
    if (documents.length === 0) return
    tx.write(text, [documents.map(([rowId]) => rowId), documents.map(([, body]) => encodeText(body))])
  }
  const drop = (text: string, numbers: readonly number[]) => {
    if (numbers.length > 0) tx.write(text, [numbers])
  }
  const given = (kind: 'parameters' | 'checkpoint' | 'result') =>
    rows.flatMap(({ rowId, [kind]: body }) => (typeof body === 'string' ? [[rowId, body] as const] : []))
  const gone = (kind: 'checkpoint' | 'result') =>
    rows.flatMap(({ rowId, [kind]: body }) => (body === null ? [rowId] : []))
  put(sql.setParameters, given('parameters'))
  put(sql.putCheckpoints, given('checkpoint'))
  drop(sql.dropCheckpoints, gone('checkpoint'))
  put(sql.putResults, given('result'))
  drop(sql.dropResults, gone('result'))
}

function writeLogs(tx: Transaction, rows: readonly TaskRow[]): void {
  const { sql } = tx.source
  const lines = rows.flatMap(({ rowId, log = [] }) =>
    log.map((line, index) => ({ ...line, rowId, place: index + 1 })),
  )
  if (lines.length === 0) return
  tx.write(sql.appendLog, [
    lines.map(({ rowId }) => rowId),
    lines.map(({ place }) => place),
    lines.map(({ at }) => at),
    lines.map(({ attempt }) => attempt),
    lines.map(({ text }) => encodeText(text)),
  ])
  tx.write(sql.trimLog, [[...new Set(lines.map(({ rowId }) => rowId))], logLimit])
}

function writeDeleted(tx: Transaction, deleted: readonly TaskRow[]): void {
  if (deleted.length === 0) return
  const { sql } = tx.source
  const numbers = deleted.map(({ rowId }) => rowId)
  tx.write(sql.deleteTasks, [deleted.map(({ task }) => encodeText(task.id))])
  const { dropParameters, dropCheckpoints, dropResults, dropSteps, dropWaits, dropLog } = sql
  for (const drop of [dropParameters, dropCheckpoints, dropResults, dropSteps, dropWaits, dropLog])
    tx.write(drop, [numbers])
  const tags = tagsOf(deleted)
  if (tags.length > 0) tx.write(sql.dropTags, tagColumns(tags))
}

async function shortenTimelines(tx: Transaction, long: readonly TaskRow[]): Promise<void> {
  if (long.length === 0) return
  const { sql } = tx.source
  const rows = await tx.ask(sql.timelines, [long.map(({ task }) => encodeText(task.id))])
  const shortened = rows.map(([, lines]) => compactLines(lines as string))
  tx.write(sql.setTimelines, [rows.map(([id]) => id as string), shortened])
}
