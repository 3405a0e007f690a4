import type { Clock } from '../core/clock.ts'
import type { BootId, Fence, TaskId } from '../core/task.ts'
import type { Save, Store } from '../store/store.ts'
import type { Logger } from './logger.ts'
import type { Unsaved } from './unsaved.ts'

/** Milliseconds for which checkpoints and progress gather before they are written: far below the promised second. */
const gatherFor = 100

/** A run that has something to save. */
export type Savable = {
  readonly id: TaskId
  readonly fence: Fence
  readonly unsaved: Unsaved
  /** Rises when it comes to rest in a pause and when it leaves it: a save from before that is refused, which says nothing. */
  readonly stint: number
  /** What was written in this stint found the task not active with its fence. */
  superseded(stint?: number): void
}

/** Coalesces checkpoints and progress of all runs into one write a turn. */
export class Saver {
  readonly #store: Store
  readonly #boot: () => BootId
  readonly #clock: Clock
  readonly #logger: Logger
  #dirty = new Set<Savable>()
  #gathering = false
  #writing: Promise<void> = Promise.resolve()

  constructor(store: Store, boot: () => BootId, clock: Clock, logger: Logger) {
    this.#store = store
    this.#boot = boot
    this.#clock = clock
    this.#logger = logger
  }

  add(run: Savable): void {
    this.#dirty.add(run)
    if (this.#gathering) return
    this.#gathering = true
    this.#clock.after(gatherFor, () => {
      this.#gathering = false
      void this.flush()
    })
  }

  forget(run: Savable): void {
    this.#dirty.delete(run)
  }

  /** Writes what is gathered; after a failure of the store it is tried again with what came since. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    const runs = [...this.#dirty]
    this.#dirty.clear()
    if (runs.length === 0) return
    const stints = runs.map(({ stint }) => stint)
    const saves: Save[] = runs.map((run) => ({ id: run.id, fence: run.fence, ...run.unsaved.send() }))
    try {
      const held = await this.#store.save(this.#boot(), saves)
      for (const [index, run] of runs.entries()) {
        if (held[index] !== false) run.unsaved.saved()
        else {
          run.unsaved.giveBack()
          run.superseded(stints[index])
        }
      }
    } catch (error) {
      this.#logger.warn(
        { err: error, tasks: runs.length },
        'checkpoints and progress could not be saved; trying again',
      )
      for (const run of runs) {
        run.unsaved.giveBack()
        this.add(run)
      }
    }
  }
}
