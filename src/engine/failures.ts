import { turn, type Clock } from '../core/clock.ts'
import type { Filter } from '../core/filter.ts'
import type { TaskId } from '../core/task.ts'
import type { FailedCursor, FailedTask, Store, TaskRecord } from '../store/store.ts'

/** Failed tasks whose failures have the same fingerprint. Times are Unix milliseconds. */
export type FailureGroup = Readonly<{
  fingerprint: string
  code: string
  count: number
  firstAt: number
  lastAt: number
  /** How many are of which type. */
  types: Readonly<Record<string, number>>
  /** How many failed in each step of the span, the oldest step first. */
  history: readonly number[]
  /** The task that failed last, without documents other than parameters; null if it is gone or cannot be decrypted. */
  latest: Readonly<{ id: TaskId; record: TaskRecord | null }>
}>

export type FailureGroups = Readonly<{
  /** The latest failure first. */
  groups: readonly FailureGroup[]
  /** Start and length of the steps. */
  start: number
  step: number
  /** Whether there are more groups, or older failures in the span that were not counted. */
  limited: boolean
}>

export type FailureOptions = Readonly<{
  /** Milliseconds until now that count. Default: a week. */
  span?: number
  /** Maximum groups. Default 100. */
  limit?: number
}>

/** Steps of a history. */
const steps = 24
const week = 604_800_000
/** Failures that are counted at most, the latest. */
export const failureLimit = 10_000
/** Failures per turn of the event loop. */
const atOnce = 500

/** Counts failed tasks by what their failures have in common. */
export async function groupFailures(
  store: Store,
  clock: Clock,
  filter: Omit<Filter, 'text'>,
  { span = week, limit = 100 }: FailureOptions,
): Promise<FailureGroups> {
  const start = store.now() - span
  const step = span / steps
  const groups = new Map<string, Counted>()
  let after: FailedCursor | null = null
  let looked = 0
  do {
    const page = await store.failed({ filter, since: start, after, scan: atOnce })
    for (const task of page.tasks)
      count(groups, task, Math.min(steps - 1, Math.floor((task.failedAt - start) / step)))
    looked += atOnce
    after = page.next
    if (after !== null) await turn(clock)
  } while (after !== null && looked < failureLimit)
  const shown = [...groups.values()].slice(0, limit)
  const latest = await Promise.all(shown.map(({ latestId }) => recordOf(store, latestId)))
  return {
    groups: shown.map(({ latestId, types, ...group }, index) => ({
      ...group,
      types: Object.fromEntries(types),
      latest: { id: latestId, record: latest[index] ?? null },
    })),
    start,
    step,
    limited: after !== null || groups.size > limit,
  }
}

type Counted = {
  fingerprint: string
  code: string
  count: number
  firstAt: number
  lastAt: number
  types: Map<string, number>
  history: number[]
  latestId: TaskId
}

/** Tasks are counted from the latest failure on. */
function count(groups: Map<string, Counted>, task: FailedTask, step: number): void {
  const { fingerprint, failedAt, type } = task
  if (fingerprint === null) return
  const group = groups.get(fingerprint) ?? newGroup(fingerprint, task)
  groups.set(fingerprint, group)
  group.count += 1
  group.firstAt = failedAt
  group.types.set(type, (group.types.get(type) ?? 0) + 1)
  group.history[step]! += 1
}

function newGroup(fingerprint: string, { id, code, failedAt }: FailedTask): Counted {
  return {
    fingerprint,
    code,
    count: 0,
    firstAt: failedAt,
    lastAt: failedAt,
    types: new Map(),
    history: Array.from({ length: steps }, () => 0),
    latestId: id,
  }
}

/** Null if it cannot be decrypted: its group is shown without a message. */
async function recordOf(store: Store, id: TaskId): Promise<TaskRecord | null> {
  const record = await store.read(id, { brief: true })
  return record?.unreadable === undefined ? record : null
}
