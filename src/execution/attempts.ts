import { sleep } from '../core/clock.ts'
import { isPreempted, preemptionReason } from '../core/preemption.ts'
import { isActive, type Fence, type Task, type TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { LeaseListener } from '../core/lease.ts'
import type { Subscriber } from '../journal/journal.ts'
import type { Registry } from '../registry/registry.ts'
import type { AnyTaskType, Runtime } from '../registry/type.ts'
import type { Claimed } from '../store/store.ts'
import { Attempt, type AttemptCallbacks } from './attempt.ts'
import type { AttemptServices } from './services.ts'

/** A part of the node that is notified about its slots. */
export type SlotListener = Readonly<{
  /** Slots or parking places may be free now. */
  slotsChanged(): void
  /** A task of this node runs nowhere: it must be released. */
  unstarted(): void
}>

export type AttemptsOptions = AttemptServices &
  Readonly<{
    registry: Registry
    /** Maximum tasks that this node runs at once. */
    slots: number
    /** Suspended handlers to keep in memory, by where they run. */
    maxParked: Readonly<Record<Runtime, number>>
  }>

const parkingFull = 'the limit of parked handlers was reached'

/** All live task code on this node: what holds a slot, what is parked, and what waits for a parking place. */
export class Attempts implements Subscriber, LeaseListener {
  readonly #services: AttemptServices
  readonly #registry: Registry
  readonly #slots: number
  readonly #maxParked: Readonly<Record<Runtime, number>>
  readonly #listeners: SlotListener[] = []
  /** The newest copy of each task; older ones that have not stopped yet are only in `#alive`. */
  readonly #newest = new Map<TaskId, Attempt>()
  readonly #alive = new Set<Attempt>()
  /** In the order in which they were parked. */
  readonly #parked = new Set<Attempt>()
  readonly #waitingToPark = new Set<Attempt>()
  /** Fences of claimed tasks whose earlier copy is still stopping. */
  readonly #waitingToStart = new Map<TaskId, Fence>()
  readonly #holders = new Set<Attempt>()
  readonly #preempted = new WeakSet<Attempt>()
  /** Copies for which there is no room, and which end once they are parked. */
  readonly #passing = new Set<Attempt>()
  #draining: string | undefined

  constructor({ registry, slots, maxParked, ...services }: AttemptsOptions) {
    this.#services = services
    this.#registry = registry
    this.#slots = slots
    this.#maxParked = maxParked
  }

  subscribe(...listeners: readonly SlotListener[]): void {
    this.#listeners.push(...listeners)
  }

  /** Slots that a claim may fill now. */
  get freeSlots(): number {
    return this.#services.tenant.mayStart ? this.#slots - this.slotsInUse : 0
  }

  get slotsInUse(): number {
    return this.#waitingToStart.size + this.#holders.size
  }

  get parked(): number {
    return this.#parked.size
  }

  get alive(): number {
    return this.#alive.size
  }

  /** Takes a claimed task into a slot: its parked copy continues, or its handler starts. Throws `TypeUnknown`. */
  start(claimed: Claimed): void {
    const type = this.#registry.get(claimed.task.type)
    const earlier = this.#newest.get(claimed.task.id)
    if (earlier !== undefined) {
      if (earlier.adopt(claimed)) {
        this.#place(earlier)
        this.#parkWaiting()
        return
      }
      if (earlier.isAlive) {
        // It may not have learned that it was superseded.
        earlier.send({ kind: 'row', row: claimed.task })
        void this.#startAfter(earlier, claimed, type)
        return
      }
    }
    this.#begin(claimed, type)
  }

  /** A claim of this node reaches the copy through `start`, which may let it continue under the new fence. */
  moved(move: Move): void {
    const { task, entry } = move
    this.#newest.get(task.id)?.moved(move)
    if (entry.event !== 'claimed' || task.ownerNode !== this.#services.tenant.node) this.seen(task)
  }

  /** The copy of the task on this node follows its row. A row of this node without a copy must be released. */
  seen(task: Task): void {
    const attempt = this.#newest.get(task.id)
    attempt?.send({ kind: 'row', row: task })
    if (attempt !== undefined && isPreempted(task)) this.#preempt(attempt, task)
    const isOurs = task.ownerNode === this.#services.tenant.node && isActive(task.status)
    if (isOurs && !this.runs(task)) for (const listener of this.#listeners) listener.unstarted()
  }

  /** Once: it may already be on its way to its pause point. */
  #preempt(attempt: Attempt, task: Task): void {
    if (!attempt.runs(task.fence) || this.#preempted.has(attempt)) return
    this.#preempted.add(attempt)
    attempt.send({ kind: 'drain', why: preemptionReason(task) })
  }

  /** A copy that is left here continues nothing. */
  deleted(id: TaskId): void {
    this.#newest.get(id)?.send({ kind: 'disown', why: 'its task was deleted' })
  }

  /** Pauses are no longer awaited: every copy ends at its next pause point. */
  drain(why: string): void {
    this.#draining = why
    for (const attempt of this.#alive) attempt.send({ kind: 'drain', why })
  }

  /** Aborts whatever is still running: the lease or the time of a drain is about to end. */
  endangered(why: string): void {
    for (const attempt of this.#alive) attempt.send({ kind: 'unwind', why })
  }

  /** Their tasks belong to other nodes now. */
  over(why: string): void {
    for (const attempt of this.#alive) attempt.send({ kind: 'disown', why })
  }

  /** Tasks with live code. */
  ids(): Iterable<TaskId> {
    return this.#newest.keys()
  }

  /** Whether code of its newest run is here, as far as this node knows. */
  has(id: TaskId): boolean {
    return this.#newest.get(id)?.isCurrent === true
  }

  /** Whether code of this run is here, or about to start: a copy with an older fence does not count. */
  runs({ id, fence }: Task): boolean {
    return this.#waitingToStart.get(id) === fence || this.#newest.get(id)?.runs(fence) === true
  }

  async giveUp(): Promise<void> {
    await Promise.all([...this.#alive].map((attempt) => attempt.giveUp()))
  }

  /** Resolves when no code is alive any more. */
  async ended(): Promise<void> {
    while (this.#alive.size > 0) await Promise.all([...this.#alive].map((attempt) => attempt.finished))
  }

  /** The previous copy is still stopping. Fences forbid two copies only in the store. */
  async #startAfter(earlier: Attempt, claimed: Claimed, type: AnyTaskType): Promise<void> {
    const { id, fence } = claimed.task
    this.#waitingToStart.set(id, fence)
    await Promise.race([earlier.finished, sleep(this.#services.clock, this.#services.cancelGrace)])
    // Claimed again while it waited.
    if (this.#waitingToStart.get(id) !== fence) return
    this.#waitingToStart.delete(id)
    // Its lease may have ended in the meantime: the task belongs to another node then.
    const { tenant } = this.#services
    if (claimed.task.ownerNode !== tenant.node || !tenant.mayStart) {
      for (const listener of this.#listeners) listener.unstarted()
      return
    }
    this.#begin(claimed, type)
    // Events of the task in the meantime went to the earlier copy.
    const task = await this.#services.store.get(id).catch(() => null)
    if (task !== null) this.seen(task)
  }

  #begin(claimed: Claimed, type: AnyTaskType): void {
    const attempt = new Attempt(claimed, type, this.#services, this.#callbacks)
    this.#newest.set(attempt.id, attempt)
    this.#alive.add(attempt)
    this.#place(attempt)
    if (this.#draining !== undefined) attempt.send({ kind: 'drain', why: this.#draining })
  }

  readonly #callbacks: AttemptCallbacks = {
    requestsParking: (attempt) => {
      this.#waitingToPark.add(attempt)
      this.#parkWaiting()
    },
    changed: (attempt) => {
      this.#place(attempt)
      if (attempt.phase !== 'parking' && this.#passing.delete(attempt) && attempt.phase === 'parked')
        attempt.send({ kind: 'unwind', why: parkingFull })
      this.#parkWaiting()
      this.#slotsChanged()
    },
    over: (attempt) => {
      this.#alive.delete(attempt)
      if (this.#newest.get(attempt.id) === attempt) this.#newest.delete(attempt.id)
      this.#place(attempt)
      this.#parkWaiting()
      this.#slotsChanged()
    },
  }

  #slotsChanged(): void {
    for (const listener of this.#listeners) listener.slotsChanged()
  }

  #place(attempt: Attempt): void {
    if (attempt.holdsSlot) this.#holders.add(attempt)
    else this.#holders.delete(attempt)
    if (attempt.phase !== 'parked') this.#parked.delete(attempt)
    else this.#parked.add(attempt)
  }

  /**
   * A parked copy is only a cache of the checkpoint: at the limit, the oldest one with a checkpoint makes room. One without
   * is never unwound voluntarily; the newcomer waits in `pausing` instead. One that waits for children gives up its copy rather
   * than keep its slot, which they may need.
   */
  #parkWaiting(): void {
    for (const attempt of this.#waitingToPark) {
      if (attempt.phase !== 'suspended') {
        this.#waitingToPark.delete(attempt)
        continue
      }
      const place = attempt.type.runs
      // Workers keep nothing in the memory of a node.
      if (place === 'remote') continue
      const beside = [...this.#parked].filter(({ type }) => type.runs === place)
      if (beside.length >= this.#maxParked[place]) {
        const oldest = beside.find(({ hasCheckpoint }) => hasCheckpoint)
        if (oldest === undefined && !attempt.awaitsChildren) continue
        if (oldest === undefined) this.#passing.add(attempt)
        oldest?.send({ kind: 'unwind', why: parkingFull })
      }
      this.#waitingToPark.delete(attempt)
      attempt.send({ kind: 'parking-granted' })
    }
  }
}
