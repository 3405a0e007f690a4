import type { Admission } from '../../core/admission.ts'
import { bucketOf, limitOf, type Lane, type Limit } from '../../core/limits.ts'
import { isSuspect } from '../../core/task.ts'
import type { BucketFacts, FoundLane, Head, LaneRows, LaneWrites, ReadyLane, StoredLane } from '../lanes.ts'
import { slotChanges } from '../slot-changes.ts'
import type { TypeLimit } from '../store.ts'
import type { TaskRow } from '../task-row.ts'
import type { Counters } from './counters.ts'
import type { Statements } from './statements.ts'

/** Idle rows that one claim deletes. */
const forgottenAtOnce = 20

/** The rows of lanes, buckets and turns, for the claim of a node. Its places are numbers of rows. */
export class SqliteLanes implements LaneRows<number> {
  readonly #sql: Statements
  readonly #counters: Counters
  readonly #node: string
  readonly #now: number
  readonly #limits = new Map<string, Limit | null>()

  constructor(sql: Statements, counters: Counters, { node, now }: Readonly<{ node: string; now: number }>) {
    this.#sql = sql
    this.#counters = counters
    this.#node = node
    this.#now = now
  }

  news(most: number): Readonly<{ lanes: readonly string[]; buckets: readonly string[] }> {
    const sql = this.#sql
    const notes = sql.laneNotes.all(most) as unknown as [number, string | null, string | null][]
    const last = notes.at(-1)
    if (last !== undefined) sql.dropLaneNotes.run(last[0])
    const rising = sql.risingLanes.all(this.#now, most) as unknown as [string][]
    const due = sql.dueRates.all(this.#now, most) as unknown as [string][]
    sql.dropPassedTurns.run(forgottenAtOnce)
    return {
      lanes: [...notes.flatMap(([, lane]) => lane ?? []), ...rising.map(([id]) => id)],
      buckets: [...notes.flatMap(([, , bucket]) => bucket ?? []), ...due.map(([bucket]) => bucket)],
    }
  }

  find(ids: readonly string[]): readonly FoundLane[] {
    return ids.map((id) => {
      const stored = this.#sql.lane.get(id) as unknown as LaneRow | undefined
      const first = this.#sql.firstInLane.get(id) as unknown as FirstRow | undefined
      return {
        id,
        stored: stored === undefined ? undefined : storedLane(stored),
        first: first === undefined ? undefined : firstOf(first),
      }
    })
  }

  ready(types: readonly TypeLimit[], most: number, without: readonly string[]): readonly ReadyLane[] {
    const { readyLanes, runsSuspect } = this.#sql
    const excluded = JSON.stringify(without)
    const maySuspect = runsSuspect.get(this.#node) === undefined
    return types.flatMap(({ type, concurrency }) => {
      if (this.#counters.isHeld(type)) return []
      const places =
        concurrency === null ? Number.MAX_SAFE_INTEGER : concurrency - this.#counters.occupied(type)
      if (places <= 0) return []
      const rows = kinds
        .filter(([suspect]) => suspect === 0 || maySuspect)
        .flatMap(
          ([suspect, keyed]) => readyLanes.all(type, suspect, keyed, excluded, most) as unknown as LaneRow[],
        )
      return rows.map((row) => ({ stored: storedLane(row), places }))
    })
  }

  heads(
    lanes: readonly Readonly<{ id: string; count: number }>[],
  ): ReadonlyMap<string, readonly Head<number>[]> {
    return new Map(
      lanes.map(({ id, count }) => {
        const rows = this.#sql.headsInLane.all(id, this.#now, count) as unknown as [number, number, number][]
        return [id, rows.map(([place, position, queuedSince]) => ({ place, position, queuedSince }))] as const
      }),
    )
  }

  waiting(buckets: readonly Readonly<{ bucket: string; count: number }>[]): readonly StoredLane[] {
    const { waitingKind, waitingLanes } = this.#sql
    return buckets.flatMap(({ bucket, count }) => {
      const found: StoredLane[] = []
      type Kind = [type: string, suspect: number, keyed: number]
      const next = ([type, suspect, keyed]: Kind) =>
        waitingKind.get(bucket, type, suspect, keyed) as unknown as Kind | undefined
      for (let kind = next(['', -1, -1]); kind !== undefined; kind = next(kind)) {
        found.push(...(waitingLanes.all(bucket, ...kind, count) as unknown as LaneRow[]).map(storedLane))
      }
      return found
    })
  }

  buckets(names: readonly string[]): readonly BucketFacts[] {
    const { slotsIn, slotsOnNode, rate } = this.#sql
    return names.map((bucket): BucketFacts => {
      const known = this.#limitOf(limitOf(bucket).name)
      if (known === null)
        return { bucket, concurrency: null, rate: null, scope: 'global', running: 0, earliest: null }
      const isPerNode = known.scope === 'node'
      const slots = isPerNode ? slotsOnNode.get(bucket, this.#node) : slotsIn.get(bucket)
      const earliest =
        known.rate === null
          ? undefined
          : (rate.get(bucket, isPerNode ? this.#node : '') as unknown as [number] | undefined)
      return {
        bucket,
        concurrency: known.concurrency,
        rate: known.rate,
        scope: known.scope,
        running: (slots as unknown as [number])[0],
        earliest: earliest?.[0] ?? null,
      }
    })
  }

  /** Read once in a claim. */
  #limitOf(name: string): Limit | null {
    let known = this.#limits.get(name)
    if (known === undefined) {
      const row = this.#sql.limit.get(name) as unknown as LimitRow | undefined
      known = row === undefined ? null : limitFrom(row)
      this.#limits.set(name, known)
    }
    return known
  }

  turns(priorities: readonly number[], flows: readonly string[]): Pick<LaneWrites, 'turns' | 'rounds'> {
    const number = (row: unknown) => (row as [number] | undefined)?.[0]
    return {
      rounds: priorities.flatMap((priority) => {
        const turn = number(this.#sql.round.get(priority))
        return turn === undefined ? [] : [{ priority, turn }]
      }),
      turns: priorities.flatMap((priority) =>
        flows.flatMap((flow) => {
          const turn = number(this.#sql.turn.get(priority, flow))
          return turn === undefined ? [] : [{ priority, flow, turn }]
        }),
      ),
    }
  }

  wakesAt(): number | null {
    return (this.#sql.nextRate.get() as unknown as [number | null])[0]
  }

  write({ put, added, drop, rates, turns, rounds, notes }: LaneWrites): void {
    const sql = this.#sql
    for (const stored of drop) {
      sql.dropLane.run(stored.id)
      for (const limit of stored.lane.limits) sql.dropLaneBucket.run(bucketOf(limit), stored.id)
    }
    for (const { id, lane, priority, risesAt, position, turn, waitsFor } of put) {
      const kind = [lane.type, lane.isSuspect ? 1 : 0, lane.fairnessKey === null ? 0 : 1]
      sql.putLane.run(id, JSON.stringify(lane), priority, risesAt, position, turn, waitsFor, ...kind)
    }
    for (const { id, lane } of added)
      for (const limit of lane.limits) sql.putLaneBucket.run(bucketOf(limit), id)
    for (const { bucket, node, earliest, wakesAt } of rates) {
      sql.putRate.run(bucket, node, earliest ?? 0, wakesAt)
    }
    for (const { priority, flow, turn } of turns) sql.putTurn.run(priority, flow, turn)
    for (const { priority, turn } of rounds) sql.putRound.run(priority, turn)
    for (const lane of notes.lanes) sql.noteLane.run(lane)
    for (const bucket of notes.buckets) sql.noteBucket.run(bucket)
  }
}

const kinds = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
] as const

/** What a change of a row does to lanes and slots. */
export function writeSlots(sql: Statements, row: TaskRow): void {
  const changes = slotChanges([row])
  if (changes === undefined) return
  for (const { bucket, taskId } of changes.entered) sql.enterQueue.run(bucket, taskId)
  for (const { bucket, taskId } of changes.left) sql.leaveQueue.run(bucket, taskId)
  for (const lane of changes.lanes) sql.noteLane.run(lane)
  for (const taskId of changes.freed) noteFreed(sql, sql.freeSlots.all(taskId, 0))
  for (const { taskId, fence } of changes.fencedOff) sql.fenceSlots.run(fence, taskId)
  for (const { bucket, taskId, fence, node } of changes.taken) sql.takeSlot.run(bucket, taskId, fence, node)
}

/** Notes the buckets of slots that were deleted. */
export function noteFreed(sql: Statements, rows: unknown[]): void {
  for (const [bucket] of rows as [string][]) sql.noteBucket.run(bucket)
}

type LaneRow = [
  id: string,
  lane: string,
  priority: number,
  risesAt: number | null,
  position: number,
  turn: number,
  waitsFor: string | null,
]

function storedLane([id, lane, priority, risesAt, position, turn, waitsFor]: LaneRow): StoredLane {
  return { id, lane: JSON.parse(lane) as Lane, priority, risesAt, position, turn, waitsFor }
}

type FirstRow = [
  type: string,
  priority: number,
  crashes: number,
  admission: string,
  position: number,
  queuedSince: number,
]

function firstOf([type, priority, crashes, admission, position, queuedSince]: FirstRow): FoundLane['first'] {
  const lane = { type, priority, isSuspect: isSuspect({ crashes }), ...(JSON.parse(admission) as Admission) }
  return { lane, position, queuedSince }
}

export type LimitRow = [
  name: string,
  concurrency: number | null,
  rate: number | null,
  per: number | null,
  scope: Limit['scope'],
  origin: string,
  maxQueued: number | null,
]

export function insertLimit(
  sql: Statements,
  { name, concurrency, rate, scope, origin, maxQueued }: Limit,
): void {
  sql.putLimit.run(
    name,
    concurrency,
    rate?.limit ?? null,
    rate?.per ?? null,
    scope,
    origin,
    maxQueued ?? null,
  )
}

export function limitFrom([name, concurrency, rate, per, scope, origin, maxQueued]: LimitRow): Limit {
  return {
    name,
    concurrency,
    rate: rate === null ? null : { limit: rate, per: per! },
    scope,
    origin,
    ...(maxQueued === null ? {} : { maxQueued }),
  }
}
