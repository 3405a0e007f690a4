import type { Task, TaskId } from '../../src/core/task.ts'
import type { SubmitOptions } from '../../src/engine/api.ts'
import type { Expired } from '../../src/store/store.ts'
import type { Chance } from '../support/chance.ts'

/** In every fifth world, tasks must start in time. */
export function hasExpiry(chance: Chance): boolean {
  return chance.between(1, 5) === 1
}

/** Some tasks have little time, and some have more than they need. */
export function timeToStart(chance: Chance, delay: number | undefined): Pick<SubmitOptions, 'expiresIn'> {
  if (chance.next() < 0.3) return {}
  return { expiresIn: (delay ?? 0) + chance.of([0.02, 0.3, 2, 8])! }
}

/** What the job sees that ends tasks if nothing expires. */
export async function nothingExpires(): Promise<Expired> {
  return { moved: [], dueIn: null }
}

/** Milliseconds in which a node notices that the time of a task is over, although no other one has told it. */
const lateBy = 3_000

/** What is left to a task. `since`: from when its time runs; null while it is paused. */
type Left = { ms: number; since: number | null }

/** Counts the time of tasks by the true time, and takes nothing from what the store computes. Each check returns what is wrong. */
export class ExpiryWitness {
  readonly #left = new Map<TaskId, Left>()
  /** Milliseconds by which the clock of the store may differ. */
  readonly #tolerance: number
  readonly #calmFrom: number

  /** `calmFrom`: from when nothing disturbs a node that ends tasks. */
  constructor(tolerance: number, calmFrom: number) {
    this.#tolerance = tolerance
    this.#calmFrom = calmFrom
  }

  submitted({ id, expiresIn, startedAt }: Task, now: number): void {
    if (expiresIn !== null && startedAt === null) this.#left.set(id, { ms: expiresIn, since: now })
  }

  moved(before: Task, task: Task, event: string | undefined, now: number): string | undefined {
    const { id, expiresIn, startedAt, status } = task
    const known = this.#left.get(id)
    if (event === 'expired' && known === undefined) return `${id} has expired, although it may wait`
    if (event === 'retried' && startedAt === null && expiresIn !== null)
      this.#left.set(id, { ms: expiresIn, since: now })
    if (known === undefined) return undefined
    const left = known.since === null ? known.ms : known.ms - (now - known.since)
    if (startedAt !== null && before.startedAt === null) {
      this.#left.delete(id)
      if (left < -this.#tolerance) return `${id} has started ${-left} ms after its time was over`
    }
    if (event === 'expired') {
      this.#left.delete(id)
      if (left > this.#tolerance) return `${id} has expired ${left} ms too early`
      const isCalm = now + left > this.#calmFrom
      if (isCalm && -left > lateBy + this.#tolerance) return `${id} has expired ${-left} ms too late`
    }
    if (status === 'paused' && known.since !== null) {
      known.ms = left
      known.since = null
    } else if (status !== 'paused' && known.since === null) known.since = now
    return undefined
  }
}
