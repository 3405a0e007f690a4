import type { Clock } from '../core/clock.ts'
import type { Task, TaskId } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'

/** Milliseconds until the first check, and how much longer until each further one: they end after about ten seconds. */
const firstLook = 10
const growth = 1.5
const looks = 17

export type CallerTransactionsOptions = Readonly<{
  store: Store
  clock: Clock
  journal: Journal
  /** Claims tasks that have entered the queue. */
  claimer: Readonly<{ kick(): void }>
}>

/**
 * Tasks submitted in transactions of callers. Nothing reports when those commit, and until then nothing has happened. So
 * this node checks for a while whether they exist; checks share a statement. Those committed later are found by the regular
 * claims.  It subscribes to the journal first: whatever is published about such a task comes after its submit.
 */
export class CallerTransactions implements Subscriber {
  readonly #options: CallerTransactionsOptions
  readonly #stops = new Set<() => void>()
  /** Those not seen yet, with the others of their transaction. */
  readonly #expected = new Map<TaskId, readonly Move[]>()

  constructor(options: CallerTransactionsOptions) {
    this.#options = options
  }

  /** `replaced`: moves of earlier tasks in the same transaction, whose existence says nothing about it. */
  expect(submits: readonly Move[], replaced: readonly Move[] = []): void {
    const [first] = submits
    if (first === undefined) return
    const moves = [...submits, ...replaced]
    for (const { task } of submits) this.#expected.set(task.id, moves)
    this.#later(firstLook, first.task.id)
  }

  moved({ task }: Move): void {
    this.seen(task)
  }

  seen({ id }: Task): void {
    const submits = this.#expected.get(id)
    if (submits === undefined) return
    this.#forget(submits)
    this.#options.journal.publish(submits)
    this.#options.claimer.kick()
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops.clear()
    this.#expected.clear()
  }

  #later(wait: number, id: TaskId): void {
    const stop = this.#options.clock.after(wait, () => {
      this.#stops.delete(stop)
      void this.#look(wait, id)
    })
    this.#stops.add(stop)
  }

  /** Either all of a transaction exist, or none. */
  async #look(wait: number, id: TaskId): Promise<void> {
    const task = await this.#options.store.get(id).catch(() => null)
    const submits = this.#expected.get(id)
    if (submits === undefined) return
    if (task !== null) this.#options.journal.see(task)
    else if (wait < firstLook * growth ** looks) this.#later(wait * growth, id)
    else this.#forget(submits)
  }

  #forget(submits: readonly Move[]): void {
    for (const { task } of submits) this.#expected.delete(task.id)
  }
}
