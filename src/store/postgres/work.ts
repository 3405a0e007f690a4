import type { NodeId, Fence, Json, LogLine, Task, TaskId } from '../../core/task.ts'
import type { Move, TransitionContext } from '../../core/transition.ts'
import { compactLines, lineOf } from '../codec.ts'
import { logLimit, timelineLimit } from '../store.ts'
import type { Rows } from './connection.ts'
import { Tally } from './counters.ts'
import type { KnownRow } from './row-cache.ts'
import { packed } from './column-batching.ts'
import { changedColumns, numberOf, tagColumns, tagsOf, taskOf } from './rows.ts'
import { decodeText, encodeText } from './text.ts'
import type { Transaction } from './transaction.ts'

type Held = {
  readonly rowId: number
  /** As it was locked and read, or known before. */
  readonly before: Task
  task: Task
  lines: string
  changed: boolean
  /** Null: to be deleted. */
  checkpoint?: Json | null
  result?: Json | null
  log?: readonly LogLine[]
}

export type OccupiedSlot = Readonly<{ id: TaskId; fence: Fence; node: NodeId; type: string }>

/**
 * The tasks that one transaction has locked, or knows. Several calls may move the same task one after the other; what has become of
 * each is written once, in a few statements for all of them.
 */
export class Work {
  readonly moment: TransitionContext
  readonly #held = new Map<TaskId, Held>()
  readonly #deleted: Held[] = []
  readonly #tally = new Tally()
  #fencedOff: OccupiedSlot[] = []
  readonly #newlyFencedOff: OccupiedSlot[] = []
  readonly #vacated: OccupiedSlot[] = []

  constructor(moment: TransitionContext) {
    this.moment = moment
  }

  hold(rows: Rows): void {
    this.holdKnown(rows.map((row) => ({ rowId: numberOf(row), task: taskOf(row) })))
  }

  /** Neither locked nor read: the move proves that they are still so. */
  holdKnown(rows: readonly KnownRow[]): void {
    for (const { rowId, task } of rows) {
      this.#held.set(task.id, { rowId, before: task, task, lines: '', changed: false })
    }
  }

  holdFencedOff(rows: Rows): void {
    this.#fencedOff = rows.map(([id, fence, node, type]) => ({
      id: decodeText(id as string),
      fence: fence as number,
      node: decodeText(node as string),
      type: decodeText(type as string),
    }))
  }

  /** All of them, in the order in which they were read. */
  get tasks(): Task[] {
    return [...this.#held.values()].map(({ task }) => task)
  }

  /** Every row is written, so that what it was before is proven. */
  get provesAll(): boolean {
    return this.#held.values().every(({ changed }) => changed)
  }

  /** As they are now. */
  get rows(): KnownRow[] {
    return [...this.#held.values()].map(({ rowId, task }) => ({ rowId, task }))
  }

  task(id: TaskId): Task | undefined {
    return this.#held.get(id)?.task
  }

  move(move: Move): Move {
    const { task, entry } = move
    const held = this.#of(task.id)
    this.#tally.add(task.type, held.task.status, -1)
    this.#tally.add(task.type, task.status, 1)
    held.task = task
    held.lines += `,${lineOf(entry)}`
    held.changed = true
    return move
  }

  moveIfAny(move: Move | null): Move[] {
    return move === null ? [] : [this.move(move)]
  }

  /** Changes that are no transition. */
  keep(task: Task): void {
    const held = this.#of(task.id)
    held.task = task
    held.changed = true
  }

  /** With all that is known of it; for what comes after in this transaction it is not there any more. */
  delete(id: TaskId): void {
    const held = this.#of(id)
    this.#tally.add(held.task.type, held.task.status, -1)
    this.#held.delete(id)
    this.#deleted.push(held)
  }

  putCheckpoint(id: TaskId, checkpoint: Json | null): void {
    this.#of(id).checkpoint = checkpoint
  }

  putResult(id: TaskId, result: Json | null): void {
    this.#of(id).result = result
  }

  addLog(id: TaskId, lines: readonly LogLine[]): void {
    const held = this.#of(id)
    held.log = [...(held.log ?? []), ...lines].slice(-logLimit)
  }

  codeAlive(id: TaskId): boolean {
    return this.#fencedOff.some((place) => place.id === id)
  }

  fenceOff(place: OccupiedSlot): void {
    this.#fencedOff.push(place)
    this.#newlyFencedOff.push(place)
  }

  vacate(node: NodeId, id: TaskId, fence: Fence): void {
    const gone = this.#fencedOff.find(
      (place) => place.id === id && place.fence === fence && place.node === node,
    )
    if (gone === undefined) return
    this.#fencedOff = this.#fencedOff.filter((place) => place !== gone)
    this.#vacated.push(gone)
  }

  /** Waits only when a timeline has become so long that it must be read to be shortened. */
  async write(tx: Transaction): Promise<void> {
    const { sql } = tx.source
    const changed = [...this.#held.values()].filter((held) => held.changed)
    if ([changed, this.#deleted, this.#newlyFencedOff, this.#vacated].some(({ length }) => length > 0)) {
      tx.leaveMark()
    }
    tx.inPortions(changed, (portion) => writeMoves(tx, portion))
    this.#writeDocuments(tx)
    this.#writeLog(tx)
    this.#writeDeleted(tx)
    if (this.#newlyFencedOff.length > 0) {
      tx.write(sql.fenceOff, [
        this.#newlyFencedOff.map(({ id }) => encodeText(id)),
        this.#newlyFencedOff.map(({ fence }) => fence),
        this.#newlyFencedOff.map(({ node }) => encodeText(node)),
        this.#newlyFencedOff.map(({ type }) => encodeText(type)),
      ])
    }
    if (this.#vacated.length > 0) {
      const ids = this.#vacated.map(({ id }) => encodeText(id))
      tx.write(sql.vacate, [ids, this.#vacated.map(({ fence }) => fence)])
    }
    this.#tally.write(tx)
    await this.#shorten(
      tx,
      changed.filter(({ before, task }) => isLong(before, task)),
    )
  }

  #writeDocuments(tx: Transaction): void {
    const { sql } = tx.source
    const all = [...this.#held.values()]
    const put = (text: string, documents: readonly (readonly [rowId: number, body: Json])[]) => {
      if (documents.length === 0) return
      tx.write(text, [documents.map(([rowId]) => rowId), documents.map(([, body]) => encodeText(body))])
    }
    const drop = (text: string, numbers: readonly number[]) => {
      if (numbers.length > 0) tx.write(text, [numbers])
    }
    const given = (kind: 'checkpoint' | 'result') =>
      all.flatMap(({ rowId, [kind]: body }) => (typeof body === 'string' ? [[rowId, body] as const] : []))
    const gone = (kind: 'checkpoint' | 'result') =>
      all.flatMap(({ rowId, [kind]: body }) => (body === null ? [rowId] : []))
    put(sql.putCheckpoints, given('checkpoint'))
    drop(sql.dropCheckpoints, gone('checkpoint'))
    put(sql.putResults, given('result'))
    drop(sql.dropResults, gone('result'))
  }

  #writeLog(tx: Transaction): void {
    const { sql } = tx.source
    const lines = [...this.#held.values()].flatMap(({ rowId, log = [] }) =>
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

  #writeDeleted(tx: Transaction): void {
    if (this.#deleted.length === 0) return
    const { sql } = tx.source
    const numbers = this.#deleted.map(({ rowId }) => rowId)
    tx.write(sql.deleteTasks, [this.#deleted.map(({ task }) => encodeText(task.id))])
    for (const drop of [sql.dropParameters, sql.dropCheckpoints, sql.dropResults, sql.dropLog])
      tx.write(drop, [numbers])
    const tags = tagsOf(this.#deleted)
    if (tags.length > 0) tx.write(sql.dropTags, tagColumns(tags))
  }

  async #shorten(tx: Transaction, long: readonly Held[]): Promise<void> {
    if (long.length === 0) return
    const { sql } = tx.source
    const rows = await tx.ask(sql.timelines, [long.map(({ task }) => encodeText(task.id))])
    const shortened = rows.map(([, lines]) => compactLines(lines as string))
    tx.write(sql.setTimelines, [rows.map(([id]) => id as string), shortened])
  }

  #of(id: TaskId): Held {
    const held = this.#held.get(id)
    if (held === undefined) throw new Error(`task ${id} is not held by this transaction`)
    return held
  }
}

function writeMoves(tx: Transaction, changed: readonly Held[]): void {
  const { parts, values } = packed([
    { name: 'id', type: 'text', values: changed.map(({ task }) => encodeText(task.id)) },
    { name: 'from_status', type: 'text', values: changed.map(({ before }) => before.status) },
    { name: 'from_version', type: 'int', values: changed.map(({ before }) => before.version) },
    { name: 'timeline', type: 'text', values: changed.map(({ lines }) => lines) },
    ...changedColumns(changed),
  ])
  tx.write(tx.source.sql.moveTasks(parts), values)
}

/** Beyond the limit a timeline is shortened at every fiftieth version. */
function isLong(before: Task, after: Task): boolean {
  return after.version > timelineLimit && Math.floor(before.version / 50) !== Math.floor(after.version / 50)
}
