import type { Admission, Crowded, TaskLimit } from '../core/admission.ts'
import { bucketOf } from '../core/limits.ts'
import type { Submission } from '../core/task.ts'

/**
 * How many tasks may wait of a type, and for a bucket of a limit, for all SQL stores. What waits for a bucket is a row, like a slot, so
 * that neither can differ from the tasks.
 */

/** Tasks that wait, and how many may. */
export type QueueBound = Readonly<{ queued: number; max: number }>

/**
 * What submits ask about: types with a bound, and with how many waiting tasks of each there is surely room for all of them; and buckets, which may
 * have a bound.
 */
export type BoundsWanted = Readonly<{
  types: ReadonlyMap<string, number>
  buckets: ReadonlyMap<string, TaskLimit>
}>

/** Undefined for submits that nothing bounds. */
export function boundsWanted(
  calls: readonly Readonly<{ submissions: readonly Submission[] }>[],
): BoundsWanted | undefined {
  const isBound = ({ maxOfType, admission }: Submission) =>
    maxOfType !== undefined || (admission !== undefined && admission.limits.length > 0)
  if (!calls.some(({ submissions }) => submissions.some(isBound))) return undefined
  const types = new Map<string, number>()
  const buckets = new Map<string, TaskLimit>()
  const adding = new Map<string, number>()
  for (const { submissions } of calls) {
    for (const { type, maxOfType, admission } of submissions) {
      adding.set(type, (adding.get(type) ?? 0) + 1)
      if (maxOfType !== undefined)
        types.set(type, Math.min(maxOfType, types.get(type) ?? Number.POSITIVE_INFINITY))
      for (const limit of admission?.limits ?? []) buckets.set(bucketOf(limit), limit)
    }
  }
  for (const [type, max] of types) types.set(type, max - adding.get(type)!)
  return { types, buckets }
}

/** A submit that adds a task. `replaces`: what leaves the queue for it in the same commit. */
export type Entering = Readonly<{
  index: number
  submission: Submission
  replaces: Readonly<{ admission?: Admission | null | undefined }> | undefined
}>

/** What waits in a transaction, from what it has read and what its submits add. */
export class QueueBounds {
  readonly #types: Map<string, number>
  readonly #buckets: Map<string, QueueBound>

  /** `types`: tasks that wait of each. `buckets`: those that have a bound. */
  constructor(types: ReadonlyMap<string, number>, buckets: ReadonlyMap<string, QueueBound>) {
    this.#types = new Map(types)
    this.#buckets = new Map(buckets)
  }

  /** Adds these, or returns the answer to the first one for which there is no room, and adds none. */
  admit(entering: readonly Entering[]): Crowded | undefined {
    const types = new Map<string, number>()
    const buckets = new Map<string, number>()
    for (const { index, submission, replaces } of entering) {
      const { type, maxOfType, admission } = submission
      const ofType = (types.get(type) ?? this.#types.get(type) ?? 0) + (replaces === undefined ? 1 : 0)
      types.set(type, ofType)
      if (maxOfType !== undefined && ofType > maxOfType)
        return { kind: 'crowded', index, limit: null, max: maxOfType }
      const count = (limit: TaskLimit, by: number) => {
        const bucket = bucketOf(limit)
        const bound = this.#buckets.get(bucket)
        if (bound === undefined) return undefined
        const queued = (buckets.get(bucket) ?? bound.queued) + by
        buckets.set(bucket, queued)
        return queued > bound.max ? bound.max : undefined
      }
      for (const limit of replaces?.admission?.limits ?? []) count(limit, -1)
      for (const limit of admission?.limits ?? []) {
        const max = count(limit, 1)
        if (max !== undefined) return { kind: 'crowded', index, limit, max }
      }
    }
    for (const [type, queued] of types) this.#types.set(type, queued)
    for (const [bucket, queued] of buckets)
      this.#buckets.set(bucket, { max: this.#buckets.get(bucket)!.max, queued })
    return undefined
  }
}
