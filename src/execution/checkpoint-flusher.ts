import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Tenant } from '../core/lease.ts'
import type { Fence, TaskId } from '../core/task.ts'
import type { Save, Store } from '../store/store.ts'
import type { Logger } from '../core/logger.ts'
import type { PendingWrites } from './pending-writes.ts'

/** Milliseconds for which checkpoints and progress are collected before they are written: far below the promised second. */
const gatherFor = 100

/** A run that has something to save. */
export type Savable = {
  readonly id: TaskId
  readonly fence: Fence
  readonly pendingWrites: PendingWrites
  /** Rises when it settles into a pause and when it leaves it: a refusal of an earlier save means nothing. */
  readonly suspensionEpoch: number
  /** What was written in this suspension epoch found the task not active with its fence. */
  superseded(suspensionEpoch?: number): void
}

/**
 * Coalesces checkpoints and progress: one write per run at a time, and those of all runs in one turn. Each is a separate
 * call, so that a run whose row is locked by others delays no other run.
 */
export class CheckpointFlusher {
  readonly #store: Store
  readonly #tenant: Tenant
  readonly #clock: Clock
  readonly #logger: Logger
  #dirty = new Set<Savable>()
  #gathering = false
  readonly #writing = new Map<Savable, Promise<void>>()

  constructor(store: Store, tenant: Tenant, clock: Clock, logger: Logger) {
    this.#store = store
    this.#tenant = tenant
    this.#clock = clock
    this.#logger = logger
  }

  add(run: Savable): void {
    this.#dirty.add(run)
    if (this.#gathering) return
    this.#gathering = true
    this.#clock.after(gatherFor, () => {
      this.#gathering = false
      void this.#write()
    })
  }

  forget(run: Savable): void {
    this.#dirty.delete(run)
  }

  /** Writes what is pending; after a failure of the store, it retries together with what was added since. */
  flush(): Promise<void> {
    if (this.#writing.size === 0) return this.#write()
    return Promise.all(this.#writing.values()).then(() => this.#write())
  }

  /** What a run reports during a write is written next. */
  async #write(): Promise<void> {
    const runs = [...this.#dirty].filter((run) => !this.#writing.has(run))
    for (const run of runs) {
      this.#dirty.delete(run)
      const writing = this.#save(run).then(() => {
        this.#writing.delete(run)
        if (this.#dirty.has(run)) this.add(run)
      })
      this.#writing.set(run, writing)
    }
    await Promise.all(runs.flatMap((run) => this.#writing.get(run) ?? []))
  }

  async #save(run: Savable): Promise<void> {
    const { suspensionEpoch } = run
    try {
      const save: Save = { id: run.id, fence: run.fence, ...run.pendingWrites.send() }
      const [held] = await this.#store.save(this.#tenant.node, [save])
      if (held !== false) run.pendingWrites.saved()
      else {
        run.pendingWrites.giveBack()
        run.superseded(suspensionEpoch)
      }
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#later(run, error)
      else this.#refused(run, error)
    }
  }

  #later(run: Savable, error: StoreUnavailable): void {
    const fields = { err: error, task: run.id }
    this.#logger.warn(fields, 'could not save checkpoints and progress; retrying')
    run.pendingWrites.giveBack()
    this.add(run)
  }

  /** Reported again with the outcome of the run, unless it is replaced until then: the task fails by it, and no other. */
  #refused(run: Savable, error: unknown): void {
    this.#logger.error(
      { err: error, task: run.id },
      'the database rejected a checkpoint or progress of a run',
    )
    run.pendingWrites.giveBack()
  }
}
