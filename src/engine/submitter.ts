import type { Clock } from '../core/clock.ts'
import { IdempotencyKeyReused, OptionsInvalid, QueueFull } from '../core/errors.ts'
import type { Submission, Task, TaskId, TimelineEntry } from '../core/task.ts'
import type { Registry } from '../registry/registry.ts'
import type { CallersTransaction } from '../store/sharing.ts'
import type { Store, Submitted } from '../store/store.ts'
import type { Accepted, Draft, SubmitOptions } from './api.ts'
import { CallerTransactions } from './caller-transactions.ts'
import { submissionOf, submissionsOf } from './submission.ts'

export type SubmitterOptions = Readonly<{
  store: Store
  registry: Registry
  clock: Clock
  newId: () => string
  maxQueued: number
  /** Throws why no work is taken. */
  mustTakeWork: () => void
  /** There may be something to claim. */
  claim: () => void
  committed: (task: Task, entry: TimelineEntry) => void
  dueAt: (time: number | null) => void
}>

/** Checks what callers ask for, stores it, and tells everybody. */
export class Submitter {
  readonly #options: SubmitterOptions
  readonly #joined: CallerTransactions

  constructor(options: SubmitterOptions) {
    this.#options = options
    const { store, clock, claim } = options
    this.#joined = new CallerTransactions(store, clock, (tasks) => {
      this.#announce(tasks)
      claim()
    })
  }

  /** `tx`: within this transaction of the caller; whether it commits, and when, is his affair. */
  async submit(
    type: string,
    parameters: unknown,
    options: SubmitOptions,
    tx?: CallersTransaction,
  ): Promise<Accepted> {
    const submission = submissionOf(
      this.#options.registry.get(type),
      parameters,
      options,
      this.#options.newId(),
    )
    const [accepted] = await this.#store([submission], tx)
    return accepted!
  }

  async submitAll(
    type: string,
    drafts: readonly Draft[],
    tx?: CallersTransaction,
  ): Promise<readonly Accepted[]> {
    return this.#store(submissionsOf(this.#options.registry.get(type), drafts, this.#options.newId), tx)
  }

  /** Something is about to be told of this task. */
  found(id: TaskId): void {
    this.#joined.found(id)
  }

  stop(): void {
    this.#joined.stop()
  }

  async #store(
    submissions: readonly Submission[],
    tx: CallersTransaction | undefined,
  ): Promise<readonly Accepted[]> {
    const { store, maxQueued, mustTakeWork, claim } = this.#options
    mustTakeWork()
    const options = { by: 'api', maxQueued }
    const answer =
      tx === undefined
        ? store.submit(submissions, options)
        : (store.shared ?? notShared()).submitWithin(tx, submissions, options)
    // A free slot is claimed in the very transaction that inserts the task.
    if (tx === undefined) claim()
    const accepted = tasksOf(await answer, submissions, maxQueued)
    const fresh = accepted.flatMap(({ task, replayed }) => (replayed ? [] : [task]))
    if (tx === undefined) this.#announce(fresh)
    else this.#joined.expect(fresh)
    return accepted
  }

  #announce(tasks: readonly Task[]): void {
    const { committed, dueAt } = this.#options
    for (const task of tasks) {
      const { status, createdAt: at } = task
      committed(task, { version: 1, at, event: 'submitted', status, attempt: 0, by: 'api' })
      if (status === 'scheduled') dueAt(task.runAt)
    }
  }
}

function notShared(): never {
  throw new OptionsInvalid([
    { path: 'tx', message: 'requires PostgreSQL: this task manager uses an embedded database' },
  ])
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
