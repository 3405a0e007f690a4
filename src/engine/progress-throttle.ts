import type { Clock } from '../core/clock.ts'
import type { TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'

/** Milliseconds of a beat, and how many tasks may be told of in one. */
export const progressInterval = { length: 250, tasks: 1_000 } as const

/**
 * Progress no oftener than somebody can follow it: of each task once in a beat, and of so many tasks in all. What comes
 * between waits, the newest of each task, and those that wait longest are told first: however often the handlers report, a
 * reader has the same to take.
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

  /** Of this task now: something else is told of it, which came later. */
  urge(id: TaskId): void {
    const event = this.#waiting.get(id)
    if (event === undefined) return
    this.#waiting.delete(id)
    this.#say(event)
  }

  /** Nobody wants to hear of it any more. */
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
