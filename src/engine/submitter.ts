import type { Origin } from '../core/caller.ts'
import {
  IdempotencyKeyReused,
  OptionsInvalid,
  QueueFull,
  TooManyQueued,
  UniqueConflict,
} from '../core/errors.ts'
import type { Submission } from '../core/task.ts'
import { headersOf, traceContext } from '../core/trace-context.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Journal } from '../journal/journal.ts'
import type { Registry } from '../registry/registry.ts'
import type { Claimer } from '../scheduling/claimer.ts'
import type { CallersTransaction } from '../store/sharing.ts'
import type { Accepted, Store, Submitted } from '../store/store.ts'
import type { Draft, SubmitOptions } from './api.ts'
import type { CallerTransactions } from './caller-transactions.ts'
import { predecessorUnknown, submissionOf, submissionsOf } from './submission.ts'

export type SubmitterOptions = Readonly<{
  store: Store
  registry: Registry
  journal: Journal
  claimer: Claimer
  callerTransactions: CallerTransactions
  limits: Readonly<{ mustKnow(given: readonly SubmitOptions['limits'][]): Promise<void> }>
  webhooks: Readonly<{ mustReach(given: readonly SubmitOptions['callbackUrl'][]): void }>
  newId: () => string
  maxQueued: number
  /** A submit of this type was refused, because too many tasks wait. */
  refused: (type: string) => void
  /** Throws if no work is accepted. */
  mustTakeWork: () => void
  tracing: Tracing | undefined
}>

export type ChildrenSubmitted = Extract<
  Submitted,
  { kind: 'accepted' | 'no_parent' | 'many_children' | 'conflict' }
>

/** Validates submits, stores them, and publishes them. */
export class Submitter {
  readonly #options: SubmitterOptions

  constructor(options: SubmitterOptions) {
    this.#options = options
  }

  /** `tx`: within this transaction of the caller, who commits it or not. */
  async submit(
    type: string,
    parameters: unknown,
    options: SubmitOptions,
    origin: Origin,
    tx?: CallersTransaction,
  ): Promise<Accepted> {
    const { registry, newId } = this.#options
    if (options.limits !== undefined || options.callbackUrl !== undefined) await this.mustKnow(options)
    const [accepted] = await this.#traced(type, [options], (trace) => {
      const submission = submissionOf(registry.get(type), parameters, { ...options, ...trace }, newId())
      return this.#store([submission], origin, tx, undefined)
    })
    return accepted!
  }

  async submitAll(
    type: string,
    drafts: readonly Draft[],
    origin: Origin,
    tx?: CallersTransaction,
  ): Promise<readonly Accepted[]> {
    const { registry, newId, limits, webhooks } = this.#options
    const options = drafts.map(({ options = {} }) => options)
    const named = options.map(({ limits }) => limits).filter((given) => given !== undefined)
    if (named.length > 0) await limits.mustKnow(named)
    webhooks.mustReach(options.map(({ callbackUrl }) => callbackUrl))
    return this.#traced(type, options, (trace) => {
      const traced =
        trace === undefined
          ? drafts
          : drafts.map(({ parameters, options }) => ({ parameters, options: { ...options, ...trace } }))
      return this.#store(submissionsOf(registry.get(type), traced, newId), origin, tx, 0)
    })
  }

  /** Under a span of its own, whose context is stored with the tasks. */
  async #traced(
    type: string,
    options: readonly SubmitOptions[],
    submit: (
      trace: Pick<SubmitOptions, 'traceparent' | 'tracestate'> | undefined,
    ) => Promise<readonly Accepted[]>,
  ): Promise<readonly Accepted[]> {
    const { tracing } = this.#options
    if (tracing === undefined) return submit(undefined)
    const parent = traceContext(options[0]?.traceparent, options[0]?.tracestate)
    const span = tracing.submit(type, options.length, parent)
    try {
      const accepted = await submit(headersOf(span.context))
      span.accepted(accepted.map(({ task }) => task.id))
      return accepted
    } catch (error) {
      span.refused(error)
      throw error
    }
  }

  async #store(
    submissions: readonly Submission[],
    origin: Origin,
    tx: CallersTransaction | undefined,
    /** The number of the first task of a batch. */
    first: number | undefined,
  ): Promise<readonly Accepted[]> {
    const { store, maxQueued, mustTakeWork, claimer, journal, callerTransactions } = this.#options
    mustTakeWork()
    const { caller } = origin
    // A caller without a key has no name to hold to account, and submits are the hot path.
    const options = {
      by: caller.name,
      maxQueued,
      ...(caller.id === null ? {} : { audit: origin }),
      ...(caller.tags === null ? {} : { tags: caller.tags }),
    }
    if (tx !== undefined) {
      const answer = await (store.shared ?? notShared()).submitWithin(tx, submissions, options)
      const { tasks, moved = [] } = this.#acceptedOf(answer, submissions, first)
      callerTransactions.expect(tasks.filter(isNew), moved)
      return tasks
    }
    const { answer } = claimer.claimWith(() => store.submit(submissions, options))
    const { tasks, moved = [] } = this.#acceptedOf(await answer, submissions, first)
    journal.publish(tasks.filter(isNew))
    journal.publish(moved)
    return tasks
  }

  /** Children of a run, of one type. How their parent or their place refuses them is a value. */
  async submitChildren(submissions: readonly Submission[], by: string): Promise<ChildrenSubmitted> {
    const { store, maxQueued, claimer, journal } = this.#options
    const { answer } = claimer.claimWith(() => store.submit(submissions, { by, maxQueued }))
    const submitted = await answer
    if (submitted.kind === 'no_parent' || submitted.kind === 'many_children' || submitted.kind === 'conflict')
      return submitted
    const accepted = this.#acceptedOf(submitted, submissions, submissions.length === 1 ? undefined : 0)
    journal.publish(accepted.tasks.filter(isNew))
    journal.publish(accepted.moved ?? [])
    return accepted
  }

  /** Throws for options that name what does not exist. */
  async mustKnow({ limits: named, callbackUrl }: SubmitOptions): Promise<void> {
    const { limits, webhooks } = this.#options
    if (named !== undefined) await limits.mustKnow([named])
    if (callbackUrl !== undefined) webhooks.mustReach([callbackUrl])
  }

  #acceptedOf(
    answer: Submitted,
    submissions: readonly Submission[],
    first: number | undefined,
  ): ReturnType<typeof acceptedOf> {
    const { maxQueued, refused } = this.#options
    if (answer.kind === 'crowded' || answer.kind === 'full') refused(submissions[0]?.type ?? '')
    return acceptedOf(answer, submissions, maxQueued, first)
  }
}

function isNew(accepted: Accepted): accepted is Extract<Accepted, { replayed: false }> {
  return !accepted.replayed
}

function notShared(): never {
  throw new OptionsInvalid([
    { path: 'tx', message: 'requires PostgreSQL: this task manager uses an embedded database' },
  ])
}

function acceptedOf(
  answer: Submitted,
  submissions: readonly Submission[],
  maxQueued: number,
  first: number | undefined,
): Extract<Submitted, { kind: 'accepted' }> {
  switch (answer.kind) {
    case 'accepted':
      return answer
    case 'conflict':
      throw new IdempotencyKeyReused(submissions[answer.index]?.idempotencyKey ?? '', answer.id)
    case 'taken':
      throw new UniqueConflict(submissions[answer.index]?.unique?.key ?? '', answer.id)
    case 'full':
      throw new QueueFull(maxQueued)
    case 'crowded': {
      const { index, limit, max } = answer
      const { type } = submissions[index]!
      throw new TooManyQueued(type, limit, max, submissions.length === 1 ? undefined : index)
    }
    case 'no_parent':
    case 'many_children':
      throw new Error('only runs start children')
    case 'no_predecessor':
      throw predecessorUnknown(
        answer.id,
        answer.place,
        first === undefined ? undefined : first + answer.index,
      )
  }
}
