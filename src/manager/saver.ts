import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
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

type Sent = Readonly<{ run: Savable; stint: number; save: Save }>

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
    await this.#save(
      runs.map((run) => {
        const save = { id: run.id, fence: run.fence, ...run.unsaved.send() }
        return { run, stint: run.stint, save }
      }),
    )
  }

  async #save(sent: readonly Sent[]): Promise<void> {
    try {
      const held = await this.#store.save(
        this.#boot(),
        sent.map(({ save }) => save),
      )
      for (const [index, { run, stint }] of sent.entries()) {
        if (held[index] !== false) run.unsaved.saved()
        else {
          run.unsaved.giveBack()
          run.superseded(stint)
        }
      }
    } catch (error) {
      if (error instanceof StoreUnavailable) this.#later(sent, error)
      else if (sent.length > 1) for (const one of sent) await this.#save([one])
      else this.#refused(sent[0]!, error)
    }
  }

  #later(sent: readonly Sent[], error: StoreUnavailable): void {
    const fields = { err: error, tasks: sent.length }
    this.#logger.warn(fields, 'checkpoints and progress could not be saved; trying again')
    for (const { run } of sent) {
      run.unsaved.giveBack()
      this.add(run)
    }
  }

  /** Said again with the outcome of the run, unless it says something else until then: the task fails by it, and no other. */
  #refused({ run }: Sent, error: unknown): void {
    this.#logger.error(
      { err: error, task: run.id },
      'the store refused a checkpoint or the progress of a run',
    )
    run.unsaved.giveBack()
  }
}
