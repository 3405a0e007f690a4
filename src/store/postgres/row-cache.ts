import { isActive, type NodeId, type Task, type TaskId } from '../../core/task.ts'

/** `rowId`: the key of its documents. */
export type KnownRow = Readonly<{ rowId: number; task: Task }>

/** More than that run on no node; what is beyond was forgotten by its owner. */
const most = 20_000

/**
 * The rows of tasks that run on this node, as it wrote them last. Nobody else changes such a row without raising its
 * version, and every move proves the version that it moves from: so these rows need not be read again before they are
 * written. A move that fails the proof is done anew, with the row locked and read.
 */
export class KnownRows {
  readonly #rows = new Map<TaskId, KnownRow>()
  readonly #isOurs: (node: NodeId) => boolean

  constructor(isOurs: (node: NodeId) => boolean) {
    this.#isOurs = isOurs
  }

  /** Undefined unless all are known. Each is given out once: whatever becomes of the transaction, none is used twice. */
  take(ids: readonly TaskId[]): KnownRow[] | undefined {
    const rows = ids.map((id) => this.#rows.get(id))
    for (const id of ids) this.#rows.delete(id)
    return rows.every((row) => row !== undefined) ? rows : undefined
  }

  /** The connection is a new one: the database may be another one, or an older state of it. */
  forget(): void {
    this.#rows.clear()
  }

  /** These rows were committed: those that run under a node of ours are kept. */
  keep(rows: readonly KnownRow[]): void {
    if (this.#rows.size > most) this.#rows.clear()
    for (const row of rows) {
      const { id, ownerNode, status } = row.task
      if (ownerNode !== null && this.#isOurs(ownerNode) && isActive(status)) this.#rows.set(id, row)
      else this.#rows.delete(id)
    }
  }
}
