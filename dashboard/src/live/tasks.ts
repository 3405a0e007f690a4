import { useSyncExternalStore } from 'react'
import type { Change, TaskStatus } from '../data/shapes.ts'
import { merged, moved, progressed, type LiveTask } from './patch.ts'

/**
 * The tasks that a page shows. Events are applied as they arrive, but components are notified once per frame however many
 * there are, so the cost depends only on what is visible.
 */
export class LiveTasks {
  readonly #tasks = new Map<string, LiveTask>()
  readonly #listeners = new Map<string, Set<() => void>>()
  readonly #changed = new Set<string>()

  get size(): number {
    return this.#tasks.size
  }

  readonly get = (id: string): LiveTask | undefined => this.#tasks.get(id)

  put(tasks: readonly TaskStatus[], now: number): void {
    for (const task of tasks) this.#set(task.task_id, merged(this.#tasks.get(task.task_id), task, now))
  }

  /** Forgets all tasks but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#tasks.keys()) if (!ids.has(id)) this.#tasks.delete(id)
  }

  /** False if the event is about a task that is not shown. */
  take(change: Exclude<Change, { kind: 'resync' }>): boolean {
    const task = this.#tasks.get(change.task_id)
    if (task === undefined) return false
    if (change.kind === 'transition') this.#set(task.task_id, moved(task, change))
    else if (change.kind === 'progress') this.#set(task.task_id, progressed(task, change))
    return true
  }

  /** Notifies components of tasks that changed since the last flush. */
  flush(): void {
    const changed = [...this.#changed]
    this.#changed.clear()
    for (const id of changed) for (const listener of this.#listeners.get(id) ?? []) listener()
  }

  subscribe(id: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(id) ?? new Set()
    this.#listeners.set(id, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(id)
    }
  }

  #set(id: string, task: LiveTask): void {
    if (this.#tasks.get(id) === task) return
    this.#tasks.set(id, task)
    this.#changed.add(id)
  }
}

export function useLiveTask(tasks: LiveTasks, id: string): LiveTask | undefined {
  return useSyncExternalStore(
    (listener) => tasks.subscribe(id, listener),
    () => tasks.get(id),
  )
}
