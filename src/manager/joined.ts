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
export class Joined {
  readonly #store: Store
  readonly #clock: Clock
  readonly #there: (tasks: readonly Task[]) => void
  readonly #stops = new Set<() => void>()

  /** `there`: these were committed. */
  constructor(store: Store, clock: Clock, there: (tasks: readonly Task[]) => void) {
    this.#store = store
    this.#clock = clock
    this.#there = there
  }

  expect(tasks: readonly Task[]): void {
    const [first] = tasks
    if (first !== undefined) this.#later(firstLook, first.id, tasks)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops.clear()
  }

  #later(wait: number, id: TaskId, tasks: readonly Task[]): void {
    const stop = this.#clock.after(wait, () => {
      this.#stops.delete(stop)
      void this.#look(wait, id, tasks)
    })
    this.#stops.add(stop)
  }

  /** All of them are there, or none. */
  async #look(wait: number, id: TaskId, tasks: readonly Task[]): Promise<void> {
    const found = await this.#store.get(id).catch(() => null)
    if (found !== null) this.#there(tasks)
    else if (wait < firstLook * growth ** looks) this.#later(wait * growth, id, tasks)
  }
}
