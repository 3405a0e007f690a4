import type { Clock } from '../../core/clock.ts'
import type { NodeId } from '../../core/task.ts'
import type { NodeInfo, LiveNode } from '../store.ts'

type Started = { readonly node: NodeInfo; readonly startedAt: number; renewedAt: number; ended: boolean }

/** All nodes of the memory store. Without leases, one lives at a time. */
export class MemoryNodes {
  readonly #clock: Pick<Clock, 'now'>
  readonly #lease: number | null
  /** In start order. */
  readonly #started = new Map<NodeId, Started>()

  constructor(clock: Pick<Clock, 'now'>, lease: number | null) {
    this.#clock = clock
    this.#lease = lease
  }

  start(node: NodeInfo): void {
    if (this.#started.has(node.id)) throw new Error(`there was a node ${node.id} already`)
    if (this.#lease === null) for (const earlier of this.#started.values()) earlier.ended = true
    const now = this.#clock.now()
    this.#started.set(node.id, { node, startedAt: now, renewedAt: now, ended: false })
  }

  /** False if its lease has ended. */
  renew(id: NodeId): boolean {
    const started = this.#started.get(id)
    if (started === undefined || !this.isAlive(id)) return false
    started.renewedAt = this.#clock.now()
    return true
  }

  end(id: NodeId): void {
    const started = this.#started.get(id)
    if (started !== undefined) started.ended = true
  }

  isAlive(id: NodeId): boolean {
    const started = this.#started.get(id)
    if (started === undefined || started.ended) return false
    return this.#lease === null || this.#clock.now() <= started.renewedAt + this.#lease
  }

  living(slotsInUse: (id: NodeId) => number): LiveNode[] {
    return [...this.#started.values()]
      .filter(({ node }) => this.isAlive(node.id))
      .map(({ node, startedAt, renewedAt }) => ({
        ...node,
        startedAt,
        renewedAt: this.#lease === null ? null : renewedAt,
        slotsInUse: slotsInUse(node.id),
      }))
  }
}
