import { operationSeen, type Operation } from '../../core/operation.ts'
import type { NodeId } from '../../core/task.ts'
import { operationsKept } from '../store.ts'

/** The operations of the memory store. */
export class MemoryOperations {
  readonly #kept = new Map<string, { operation: Operation; cancel: boolean }>()

  /** False if a cancel was requested. */
  save(operation: Operation): boolean {
    const cancel = this.#kept.get(operation.id)?.cancel === true
    this.#kept.set(operation.id, { operation, cancel })
    if (this.#kept.size > operationsKept) this.#kept.delete([...this.#kept.keys()][0]!)
    return !cancel
  }

  /** `cancelled`: called if this requests its end, and nobody has before. */
  look(
    id: string,
    cancel: boolean,
    isAlive: (node: NodeId) => boolean,
    cancelled: () => void = () => {},
  ): Operation | null {
    const kept = this.#kept.get(id)
    if (kept === undefined) return null
    const seen = operationSeen(kept.operation, isAlive(kept.operation.node))
    if (cancel && seen.status === 'running' && !kept.cancel) {
      kept.cancel = true
      cancelled()
    }
    return seen
  }
}
