import { isActive, type NodeId, type Task, type TaskId } from '../../core/task.ts'

/** `rowId`: the key of its documents. */
export type KnownRow = Readonly<{ rowId: number; task: Task }>

/** More than this do not run on one node; what is beyond was forgotten by its owner. */
const most = 20_000

/**
 * The rows of tasks running on this node, as it last wrote them. Nobody else changes such a row without raising its version,
 * and every move verifies the version it starts from, so these rows need not be read before they are written. A move that
 * fails the check is repeated with the row locked and read.
 */
export class KnownRows {
  readonly #rows = new Map<TaskId, KnownRow>()
  readonly #isOurs: (node: NodeId) => boolean

  constructor(isOurs: (node: NodeId) => boolean) {
    this.#isOurs = isOurs
  }

  /** Undefined unless all are known. Each is taken out once: whatever the outcome of the transaction, none is used twice. */
  take(ids: readonly TaskId[]): KnownRow[] | undefined {
    const rows = ids.map((id) => this.#rows.get(id))
    for (const id of ids) this.#rows.delete(id)
    return rows.every((row) => row !== undefined) ? rows : undefined
  }

  /** The connection is new: the database may be another one, or an older state of it. */
  forget(): void {
    this.#rows.clear()
  }

  /** These rows were committed: those that run under one of our nodes are kept. */
  keep(rows: readonly KnownRow[]): void {
    if (this.#rows.size > most) this.#rows.clear()
    for (const row of rows) {
      const { id, ownerNode, status } = row.task
      if (ownerNode !== null && this.#isOurs(ownerNode) && isActive(status)) this.#rows.set(id, row)
      else this.#rows.delete(id)
    }
  }
}
