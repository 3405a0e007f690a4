import type { Change, Run } from '../data/shapes.ts'
import type { View } from './lanes.ts'
import { endOf, startOf } from './spans.ts'

export type TaskMoved = Extract<Change, { kind: 'transition' }>

/** Runs that are remembered beyond those in view. */
const most = 4_000
/** Changes of a run that are remembered, like those that the server returns. */
const mostChanges = 60

/** The runs on the canvas. Events are applied as they arrive; a burst of events notifies listeners once. */
export class RunModel {
  #runs = new Map<string, Run>()
  #version = 0
  #isChanged = false
  readonly #listeners = new Set<() => void>()

  readonly version = (): number => this.#version

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get runs(): Iterable<Run> {
    return this.#runs.values()
  }

  get size(): number {
    return this.#runs.size
  }

  get(id: string): Run | undefined {
    return this.#runs.get(id)
  }

  /** What was read, together with what has happened since it was asked for (Unix seconds). */
  replace(read: readonly Run[], askedAt: number): void {
    const runs = new Map<string, Run>()
    for (const run of read) {
      const known = this.#runs.get(run.task_id)
      runs.set(run.task_id, known !== undefined && versionOf(known) > versionOf(run) ? known : run)
    }
    for (const [id, run] of this.#runs) {
      if (!runs.has(id) && (run.changes.at(-1)?.at ?? 0) >= askedAt) runs.set(id, run)
    }
    this.#runs = runs
    this.#isChanged = true
    this.flush()
  }

  take(event: TaskMoved): void {
    const { task_id: id, task_type: type, version, at, event: name, status, attempt } = event
    const known = this.#runs.get(id)
    if (known !== undefined && versionOf(known) >= version) return
    const before = known?.changes ?? []
    const kept = before.length < mostChanges ? before : [...before.slice(0, 1), ...before.slice(2)]
    const change = { version, at, event: name, status, attempt }
    this.#runs.set(id, { task_id: id, task_type: type, changes: [...kept, change] })
    this.#isChanged = true
  }

  /** Forgets what is not in view, if there is much. */
  prune({ from, to }: View, now: number): void {
    if (this.#runs.size <= most) return
    for (const [id, run] of this.#runs) if (endOf(run, now) < from || startOf(run) > to) this.#runs.delete(id)
    // What ended first goes first.
    for (const [id, run] of this.#runs) {
      if (this.#runs.size <= most) return
      if (endOf(run, now) < now) this.#runs.delete(id)
    }
  }

  /** Tells listeners if anything has changed. */
  flush(): void {
    if (!this.#isChanged) return
    this.#isChanged = false
    this.#version += 1
    for (const listener of this.#listeners) listener()
  }
}

function versionOf({ changes }: Run): number {
  return changes.at(-1)?.version ?? 0
}
