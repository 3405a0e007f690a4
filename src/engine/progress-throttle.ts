import type { Clock } from '../core/clock.ts'
import type { TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'

/** Milliseconds of an interval, and how many tasks may report in one. */
export const progressInterval = { length: 250, tasks: 1_000 } as const

/**
 * Limits progress to what a reader can follow: each task at most once per interval, and a limited number of tasks. In
 * between, the latest progress of each task waits, and those that have waited longest are sent first. However often handlers
 * report, readers receive the same amount.
 */
export class ProgressThrottle {
  readonly #clock: Clock
  readonly #tell: (event: TaskEvent) => void
  readonly #told = new Set<TaskId>()
  readonly #waiting = new Map<TaskId, TaskEvent>()
  #stop: (() => void) | undefined

  constructor(clock: Clock, tell: (event: TaskEvent) => void) {
    this.#clock = clock
    this.#tell = tell
  }

  add(event: TaskEvent): void {
    if (
      this.#waiting.has(event.id) ||
      this.#told.has(event.id) ||
      this.#told.size >= progressInterval.tasks
    ) {
      this.#waiting.set(event.id, event)
    } else {
      this.#say(event)
    }
  }

  /** Sends the progress of this task now, because a later event of the task is about to be sent. */
  urge(id: TaskId): void {
    const event = this.#waiting.get(id)
    if (event === undefined) return
    this.#waiting.delete(id)
    this.#say(event)
  }

  /** Discards pending progress without listeners. */
  forget(id: TaskId): void {
    this.#waiting.delete(id)
  }

  close(): void {
    this.#stop?.()
  }

  #say(event: TaskEvent): void {
    this.#told.add(event.id)
    this.#tell(event)
    this.#stop ??= this.#clock.after(progressInterval.length, () => this.#turn())
  }

  #turn(): void {
    this.#stop = undefined
    this.#told.clear()
    for (const [id, event] of this.#waiting) {
      if (this.#told.size >= progressInterval.tasks) return
      this.#waiting.delete(id)
      this.#say(event)
    }
  }
}
