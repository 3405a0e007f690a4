import type { Clock } from '../../core/clock.ts'
import type { NodeId } from '../../core/task.ts'
import type { NodeInfo, LiveNode } from '../store.ts'

/** All nodes of the memory store, of which one lives at a time. */
export class MemoryNodes {
  readonly #clock: Pick<Clock, 'now'>
  readonly #started = new Map<NodeId, Readonly<{ node: NodeInfo; startedAt: number }>>()
  #living: NodeId | undefined

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  start(node: NodeInfo): void {
    if (this.#started.has(node.id)) throw new Error(`there was a node ${node.id} already`)
    this.#started.set(node.id, { node, startedAt: this.#clock.now() })
    this.#living = node.id
  }

  end(id: NodeId): void {
    if (this.isAlive(id)) this.#living = undefined
  }

  isAlive(id: NodeId): boolean {
    return this.#living === id
  }

  living(slotsInUse: (id: NodeId) => number): LiveNode[] {
    const started = this.#started.get(this.#living ?? '')
    if (started === undefined) return []
    const { node, startedAt } = started
    return [{ ...node, startedAt, renewedAt: null, slotsInUse: slotsInUse(node.id) }]
  }
}
