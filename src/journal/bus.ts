import type { TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Report, TaskEvent } from './event.ts'
import type { Subscriber } from './journal.ts'

export type Listener = (event: TaskEvent) => void

/** `deleted`: the task is gone, and with it every event that was not delivered yet. */
type TaskListener = Readonly<{ heard: Listener; deleted: () => void }>

/** Delivers events to listeners of one task or of all. A listener must not block; one that throws affects no other. */
export class Bus implements Subscriber {
  readonly #ofTask = new Map<TaskId, Set<TaskListener>>()
  readonly #ofAll = new Set<Listener>()
  readonly #watchers = new Set<(id: TaskId) => void>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  moved({ task, entry }: Move): void {
    this.emit({ kind: 'transition', id: task.id, task, entry })
  }

  reported(report: Report): void {
    this.emit(report)
  }

  emit(event: TaskEvent): void {
    const listeners = this.#ofTask.get(event.id)
    if (listeners !== undefined) for (const { heard } of listeners) this.#call(() => heard(event))
    for (const listener of this.#ofAll) this.#call(() => listener(event))
  }

  /** Listeners here may not have heard of its end. */
  deleted(id: TaskId): void {
    for (const { deleted } of this.#ofTask.get(id) ?? []) this.#call(deleted)
  }

  /** Returns the function that removes the listener. */
  onTask(id: TaskId, heard: Listener, deleted: () => void = () => undefined): () => void {
    const listener = { heard, deleted }
    let listeners = this.#ofTask.get(id)
    if (listeners === undefined) {
      listeners = new Set()
      this.#ofTask.set(id, listeners)
      for (const watcher of this.#watchers) watcher(id)
    }
    listeners.add(listener)
    return () => {
      const present = this.#ofTask.get(id)
      present?.delete(listener)
      if (present?.size === 0) this.#ofTask.delete(id)
    }
  }

  /** Called for each task that gets its first listener. */
  onWatch(watcher: (id: TaskId) => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  isWatched(id: TaskId): boolean {
    return this.#ofTask.has(id)
  }

  /** Tasks that have listeners of their own. */
  watched(): Iterable<TaskId> {
    return this.#ofTask.keys()
  }

  onAll(listener: Listener): () => void {
    this.#ofAll.add(listener)
    return () => this.#ofAll.delete(listener)
  }

  #call(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#onError(error)
    }
  }
}
