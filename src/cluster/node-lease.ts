import { sleep, type Clock } from '../core/clock.ts'
import type { LeaseListener, Tenant } from '../core/lease.ts'
import type { NodeId } from '../core/task.ts'
import type { LeaseRenewer } from '../store/sharing.ts'
import type { NodeInfo, Store } from '../store/store.ts'
import type { Logger } from '../core/logger.ts'

/**
 * The lease of a node has ended, so other nodes run its tasks. `blocked`: code on the main thread could not be stopped in
 * time, and may have run beside its successor.
 */
export type LeaseLoss = Readonly<{ node: string; blocked: boolean }>

export type NodeLeaseOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  newId: () => string
  /** What other nodes are told about this one. */
  info: Omit<NodeInfo, 'id'>
  /** Notifies the program that embeds the node. */
  leaseLost: (loss: LeaseLoss) => void
}>

/** Milliseconds between attempts to start over. */
const tryAgainAfter = 500
/** Milliseconds to wait for the end of a lease renewer: a host name lookup may block its thread. */
const renewerEndsIn = 2_000

/**
 * The node id under which this node claims and writes. With leases, it can be lost if the node was frozen or the database
 * was unavailable for too long; the node then starts over under a new one.
 */
export class NodeLease implements Tenant {
  readonly #options: NodeLeaseOptions
  readonly #listeners: LeaseListener[] = []
  #node: NodeId
  #renewer: LeaseRenewer | undefined
  #mayStart = false
  #ended = false
  #lost = 0
  #beginning: Promise<void> | undefined

  constructor(options: NodeLeaseOptions) {
    this.#options = options
    this.#node = options.newId()
  }

  subscribe(...listeners: readonly LeaseListener[]): void {
    this.#listeners.push(...listeners)
  }

  get node(): NodeId {
    return this.#node
  }

  /** False while the lease is in danger or lost: nothing may start under it. */
  get mayStart(): boolean {
    return this.#mayStart && this.#renewer?.isValid !== false
  }

  /** Milliseconds since the lease was last renewed; null without leases. */
  get age(): number | null {
    return this.#renewer?.age ?? null
  }

  /** Leases that this node has lost. */
  get lost(): number {
    return this.#lost
  }

  async begin(): Promise<void> {
    const { store, info } = this.#options
    const node = this.#node
    await store.startNode({ id: node, ...info })
    this.#mayStart = true
    if (store.shared === null || this.#ended) return
    this.#renewer = store.shared.renewLease(node, {
      endangered: () => this.#endangered(),
      safe: () => this.#safe(),
      unheard: () => {
        this.#options.logger.error(
          { node },
          'the main thread was blocked until the lease ended, so an inline handler may have run at the same time as its successor; consider runs: "thread" for its type',
        )
        this.#tellLoss({ node, blocked: true })
      },
      over: () => {
        if (node === this.#node) this.#over()
      },
    })
  }

  /** After a failed start: it may have been recorded all the same. */
  beginAgain(): Promise<void> {
    this.#node = this.#options.newId()
    return this.begin()
  }

  /** The lease is renewed up to here, so that a drain has its time. */
  async end(): Promise<void> {
    this.#ended = true
    this.#mayStart = false
    await this.#beginning
    try {
      await Promise.race([this.#renewer?.[Symbol.asyncDispose](), sleep(this.#options.clock, renewerEndsIn)])
      await this.#options.store.endNode(this.#node)
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'could not record that this node has ended')
    }
  }

  #endangered(): void {
    this.#mayStart = false
    const { logger } = this.#options
    logger.warn({ node: this.#node }, 'the lease cannot be renewed and is about to end: stopping handlers')
    for (const listener of this.#listeners) listener.endangered?.('the lease of its node is about to end')
  }

  #safe(): void {
    if (this.#ended) return
    this.#mayStart = true
    this.#options.logger.info({ node: this.#node }, 'the lease was renewed in time')
    for (const listener of this.#listeners) listener.usable?.()
  }

  #over(): void {
    const { logger, newId } = this.#options
    const node = this.#node
    this.#mayStart = false
    this.#lost += 1
    logger.warn({ node: this.#node }, 'the lease has ended: the node starts over')
    this.#node = newId()
    for (const listener of this.#listeners) listener.over?.('the lease of its node has ended')
    void this.#renewer?.[Symbol.asyncDispose]()
    this.#renewer = undefined
    this.#tellLoss({ node, blocked: false })
    if (!this.#ended) this.#beginning = this.#beginAnew()
  }

  #tellLoss(loss: LeaseLoss): void {
    try {
      this.#options.leaseLost(loss)
    } catch (error) {
      this.#options.logger.error({ err: error }, 'onLeaseLost threw')
    }
  }

  async #beginAnew(): Promise<void> {
    const { clock, logger, newId } = this.#options
    while (!this.#ended) {
      try {
        await this.begin()
        for (const listener of this.#listeners) listener.usable?.()
        return
      } catch (error) {
        logger.warn({ err: error }, 'the node could not start over; retrying')
        // The start may have been recorded although it was not confirmed.
        this.#node = newId()
        await sleep(clock, tryAgainAfter)
      }
    }
  }
}
