import { IdempotencyKeyReused, QueueFull, ShuttingDown } from '../core/errors.ts'
import type { Submission, Task, TimelineEntry } from '../core/task.ts'
import type { Registry } from '../registry/registry.ts'
import type { Store, Submitted } from '../store/store.ts'
import type { Accepted, Draft, SubmitOptions } from './api.ts'
import { submissionOf, submissionsOf } from './submission.ts'

export type SubmitterOptions = Readonly<{
  store: Store
  registry: Registry
  /** A new id, and the time. */
  moment: () => Readonly<{ id: string; now: number }>
  maxQueued: number
  ready: () => boolean
  /** There may be something to claim. */
  claim: () => void
  committed: (task: Task, entry: TimelineEntry) => void
  dueAt: (time: number | null) => void
}>

/** Checks what callers ask for, stores it, and tells everybody. */
export class Submitter {
  readonly #options: SubmitterOptions

  constructor(options: SubmitterOptions) {
    this.#options = options
  }

  async submit(type: string, parameters: unknown, options: SubmitOptions): Promise<Accepted> {
    const { registry, moment } = this.#options
    const [accepted] = await this.#store([submissionOf(registry.get(type), parameters, options, moment())])
    return accepted!
  }

  async submitAll(type: string, drafts: readonly Draft[]): Promise<readonly Accepted[]> {
    const { registry, moment } = this.#options
    return this.#store(submissionsOf(registry.get(type), drafts, moment))
  }

  async #store(submissions: readonly Submission[]): Promise<readonly Accepted[]> {
    const { store, maxQueued, ready, claim, committed, dueAt } = this.#options
    if (!ready()) throw new ShuttingDown()
    const answer = store.submit(submissions, { by: 'api', maxQueued })
    // A free slot is claimed in the very transaction that inserts the task.
    claim()
    const accepted = tasksOf(await answer, submissions, maxQueued)
    for (const { task, replayed } of accepted) {
      if (replayed) continue
      committed(task, {
        version: 1,
        at: task.createdAt,
        move: 'submit',
        status: task.status,
        attempt: 0,
        by: 'api',
      })
      if (task.status === 'scheduled') dueAt(task.runAt)
    }
    return accepted
  }
}

function tasksOf(
  answer: Submitted,
  submissions: readonly Submission[],
  maxQueued: number,
): readonly Accepted[] {
  switch (answer.kind) {
    case 'accepted':
      return answer.tasks
    case 'conflict':
      throw new IdempotencyKeyReused(submissions[answer.index]?.idempotencyKey ?? '', answer.id)
    case 'full':
      throw new QueueFull(maxQueued)
  }
}
