import { bucketOf } from '../core/limits.ts'
import type { Task } from '../core/task.ts'
import { roomIn, type BucketFacts } from './lanes.ts'
import { answerTo, type Answer, type Reading } from './reading.ts'
import { urgentAtOnce } from './store.ts'
import { inQueue } from './suspects.ts'

/** A queued urgent task; `lane`: null in the plain queue; `places`: how many tasks of its type may start now. */
export type Urgent = Readonly<{ task: Task; lane: string | null; places: number }>

/** What the rules read of a store, in one transaction. */
export interface UrgentRows {
  /** Per type, in the order of the queue: at most `most` of the plain queue, and `most` of the lanes without these. */
  urgent(most: number, without: readonly string[]): Answer<readonly Urgent[]>
  buckets(names: readonly string[]): Answer<readonly BucketFacts[]>
}

/**
 * Urgent tasks that only lack a slot of a node, in the order of the queue: as many as their types and the limits of all nodes let start now.
 * Those that do not fit must not hide others, so they are read again without the lanes that are full.
 */
export function* startableUrgent(rows: UrgentRows, now: number): Reading<readonly Task[]> {
  const read = new Map<string, Urgent>()
  const facts = new Map<string, BucketFacts>()
  const full = new Set<string>()
  for (let most = urgentAtOnce; ; most *= 2) {
    for (const one of yield* answerTo(rows.urgent(most, [...full]))) read.set(one.task.id, one)
    const all = [...read.values()].sort((a, b) => inQueue(a.task, b.task))
    const unknown = new Set(all.flatMap(bucketsOf).filter((bucket) => !facts.has(bucket)))
    if (unknown.size > 0)
      for (const one of yield* answerTo(rows.buckets([...unknown]))) facts.set(one.bucket, one)
    const known = full.size
    const fitting = fittingOf(all, facts, full, now)
    if (fitting.length >= urgentAtOnce || full.size === known) return fitting.slice(0, urgentAtOnce)
  }
}

/** Lanes of which no further task can start are added to `full`. */
function fittingOf(
  all: readonly Urgent[],
  facts: ReadonlyMap<string, BucketFacts>,
  full: Set<string>,
  now: number,
): Task[] {
  const started = new Map<string, number>()
  const startedOf = (name: string) => started.get(name) ?? 0
  return all.flatMap((one) => {
    const { task, lane, places } = one
    const type = `type ${task.type}`
    const buckets = bucketsOf(one)
    const isFree = buckets.every((bucket) => {
      const known = facts.get(bucket)
      return known === undefined || known.scope === 'node' || roomIn(known, now) > startedOf(bucket)
    })
    if (!isFree && lane !== null) full.add(lane)
    if (!isFree || startedOf(type) >= places) return []
    for (const name of [type, ...buckets]) started.set(name, startedOf(name) + 1)
    return [task]
  })
}

function bucketsOf({ task: { admission } }: Urgent): string[] {
  return (admission?.limits ?? []).map(bucketOf)
}
