import { ShuttingDown, TaskUnknown } from '../core/errors.ts'
import { isTerminal, type Task, type TaskId } from '../core/task.ts'
import type { Bus } from '../journal/bus.ts'
import type { Store } from '../store/store.ts'

/** Waits for the ends of tasks; there may be as many waiters as tasks. */
export class Completions {
  readonly #store: Store
  readonly #bus: Bus
  readonly #waiting = new Set<(reason: unknown) => void>()
  #closed = false

  constructor(store: Store, bus: Bus) {
    this.#store = store
    this.#bus = bus
  }

  /** Throws `TaskUnknown`, `ShuttingDown`, or the signal's reason. */
  async of(id: TaskId, signal?: AbortSignal): Promise<Task> {
    signal?.throwIfAborted()
    if (this.#closed) throw new ShuttingDown()
    let letGo = () => {}
    try {
      return await new Promise<Task>((resolve, reject) => {
        const aborted = () => reject(signal?.reason as Error)
        signal?.addEventListener('abort', aborted)
        this.#waiting.add(reject)
        const stop = this.#bus.onTask(
          id,
          (event) => {
            if (event.kind === 'transition' && isTerminal(event.task.status)) resolve(event.task)
          },
          () => reject(new TaskUnknown(id)),
        )
        letGo = () => {
          stop()
          this.#waiting.delete(reject)
          signal?.removeEventListener('abort', aborted)
        }
        // It may have ended before anyone listened.
        this.#store.get(id).then((task) => {
          if (task === null) reject(new TaskUnknown(id))
          else if (isTerminal(task.status)) resolve(task)
        }, reject)
      })
    } finally {
      letGo()
    }
  }

  /** No task ends here any more: notifies all waiters. */
  close(): void {
    this.#closed = true
    for (const reject of this.#waiting) reject(new ShuttingDown())
  }
}
