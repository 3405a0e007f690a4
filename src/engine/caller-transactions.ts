import type { Clock } from '../core/clock.ts'
import type { Task, TaskId } from '../core/task.ts'
import type { Store } from '../store/store.ts'

/** Milliseconds until the first look, and how much longer until each further one: they end after some ten seconds. */
const firstLook = 10
const growth = 1.5
const looks = 17

/**
 * Tasks that were submitted in transactions of callers. Nobody says when those commit, and until then nothing has happened: so
 * this node looks for a while whether they are there, each look being one of those that share a statement. What is committed
 * later is found by the claims that look each second anyway.
 */
export class CallerTransactions {
  readonly #store: Store
  readonly #clock: Clock
  readonly #there: (tasks: readonly Task[]) => void
  readonly #stops = new Set<() => void>()
  /** Those that were not seen yet, with the others of their transaction. */
  readonly #expected = new Map<TaskId, readonly Task[]>()

  /** `there`: these were committed; said once. */
  constructor(store: Store, clock: Clock, there: (tasks: readonly Task[]) => void) {
    this.#store = store
    this.#clock = clock
    this.#there = there
  }

  expect(tasks: readonly Task[]): void {
    const [first] = tasks
    if (first === undefined) return
    for (const { id } of tasks) this.#expected.set(id, tasks)
    this.#later(firstLook, first.id)
  }

  /** This task was found by someone else: whatever is told of it comes after its submit. */
  found(id: TaskId): void {
    const tasks = this.#expected.get(id)
    if (tasks === undefined) return
    this.#forget(tasks)
    this.#there(tasks)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops.clear()
    this.#expected.clear()
  }

  #later(wait: number, id: TaskId): void {
    const stop = this.#clock.after(wait, () => {
      this.#stops.delete(stop)
      void this.#look(wait, id)
    })
    this.#stops.add(stop)
  }

  /** All of a transaction are there, or none. */
  async #look(wait: number, id: TaskId): Promise<void> {
    const task = await this.#store.get(id).catch(() => null)
    const tasks = this.#expected.get(id)
    if (tasks === undefined) return
    if (task !== null) this.found(id)
    else if (wait < firstLook * growth ** looks) this.#later(wait * growth, id)
    else this.#forget(tasks)
  }

  #forget(tasks: readonly Task[]): void {
    for (const { id } of tasks) this.#expected.delete(id)
  }
}
