import { sleep } from '../core/clock.ts'
import type { Fence, Task, TaskId } from '../core/task.ts'
import type { AnyTaskType, Runtime } from '../registry/type.ts'
import type { Claimed } from '../store/store.ts'
import { Attempt, type AttemptCallbacks } from './attempt.ts'
import type { AttemptServices } from './services.ts'

/** All code of tasks that is alive on this node: who holds a slot, who is parked, who waits for a parking place. */
export class Attempts {
  readonly #node: AttemptServices
  readonly #maxParked: Readonly<Record<Runtime, number>>
  readonly #onChange: () => void
  /** The newest copy of each task; older ones that have not stopped yet are only in `#alive`. */
  readonly #newest = new Map<TaskId, Attempt>()
  readonly #alive = new Set<Attempt>()
  /** In the order in which they were parked. */
  readonly #parked = new Set<Attempt>()
  readonly #waitingToPark = new Set<Attempt>()
  /** Fences of claimed tasks whose earlier copy is on its way out. */
  readonly #waitingToStart = new Map<TaskId, Fence>()
  readonly #holders = new Set<Attempt>()
  #draining: string | undefined

  constructor(node: AttemptServices, maxParked: Readonly<Record<Runtime, number>>, onChange: () => void) {
    this.#node = node
    this.#maxParked = maxParked
    this.#onChange = onChange
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

  /** Takes a claimed task into a slot: its parked copy goes on, or its handler starts. */
  start(claimed: Claimed, type: AnyTaskType): void {
    const earlier = this.#newest.get(claimed.task.id)
    if (earlier !== undefined) {
      if (earlier.adopt(claimed)) {
        this.#place(earlier)
        this.#parkWaiting()
        return
      }
      if (earlier.isAlive) {
        // It may not have heard that it was superseded.
        earlier.send({ kind: 'row', row: claimed.task })
        void this.#startAfter(earlier, claimed, type)
        return
      }
    }
    this.#begin(claimed, type)
  }

  /** A row was committed: the copy on this node follows it. */
  follow(task: Task): void {
    this.#newest.get(task.id)?.send({ kind: 'row', row: task })
  }

  /** No pause is waited for any more: every copy ends at its next pause point. */
  drain(why: string): void {
    this.#draining = why
    for (const attempt of this.#alive) attempt.send({ kind: 'drain', why })
  }

  /** Aborts whatever still runs. */
  abortAll(why: string): void {
    for (const attempt of this.#alive) attempt.send({ kind: 'unwind', why })
  }

  /** The node that claimed them is over: their tasks are someone else's. */
  disown(why: string): void {
    for (const attempt of this.#alive) attempt.send({ kind: 'disown', why })
  }

  /** Tasks of which code is alive. */
  ids(): Iterable<TaskId> {
    return this.#newest.keys()
  }

  /** Code of its newest run is here, as far as this node knows. */
  has(id: TaskId): boolean {
    return this.#newest.get(id)?.isCurrent === true
  }

  /** Code of this very run is here, or about to start: a copy with an older fence is none. */
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

  /** The copy before this one is on its way out; two copies at once are what fences forbid only in the store. */
  async #startAfter(earlier: Attempt, claimed: Claimed, type: AnyTaskType): Promise<void> {
    const { id, fence } = claimed.task
    this.#waitingToStart.set(id, fence)
    await Promise.race([earlier.finished, sleep(this.#node.clock, this.#node.cancelGrace)])
    // Claimed once more while it waited.
    if (this.#waitingToStart.get(id) !== fence) return
    this.#waitingToStart.delete(id)
    // Its lease may have ended meanwhile: then the task is someone else's.
    if (claimed.task.ownerNode !== this.#node.node || !this.#node.mayStart()) {
      this.#node.notStarted()
      this.#onChange()
      return
    }
    this.#begin(claimed, type)
    // What became of the task meanwhile was told to the earlier copy.
    const task = await this.#node.store.get(id).catch(() => null)
    if (task !== null) this.follow(task)
  }

  #begin(claimed: Claimed, type: AnyTaskType): void {
    const attempt = new Attempt(claimed, type, this.#node, this.#callbacks)
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
      this.#parkWaiting()
      this.#onChange()
    },
    over: (attempt) => {
      this.#alive.delete(attempt)
      if (this.#newest.get(attempt.id) === attempt) this.#newest.delete(attempt.id)
      this.#place(attempt)
      this.#parkWaiting()
      this.#onChange()
    },
  }

  #place(attempt: Attempt): void {
    if (attempt.holdsSlot) this.#holders.add(attempt)
    else this.#holders.delete(attempt)
    if (attempt.phase !== 'parked') this.#parked.delete(attempt)
    else this.#parked.add(attempt)
  }

  /**
   * A parked copy is only a cache of the checkpoint: at the limit the oldest one that has a checkpoint makes room. One
   * without is never unwound by choice; rather the newcomer waits in `pausing`.
   */
  #parkWaiting(): void {
    for (const attempt of this.#waitingToPark) {
      if (attempt.phase !== 'suspended') {
        this.#waitingToPark.delete(attempt)
        continue
      }
      const place = attempt.type.runs
      const beside = [...this.#parked].filter(({ type }) => type.runs === place)
      if (beside.length >= this.#maxParked[place]) {
        const oldest = beside.find(({ hasCheckpoint }) => hasCheckpoint)
        if (oldest === undefined) continue
        oldest.send({ kind: 'unwind', why: 'the limit of parked handlers was reached' })
      }
      this.#waitingToPark.delete(attempt)
      attempt.send({ kind: 'parking-granted' })
    }
  }
}
