import type { Filter } from '../core/filter.ts'
import type { LogHistogram } from '../core/log-histogram.ts'
import type { Operation } from '../core/operation.ts'
import { positionLimit, type Reason } from '../core/reason.ts'
import type { TaskLimit } from '../core/admission.ts'
import type { LimitDefinition } from '../core/limits.ts'
import type { Status, Task, TaskId } from '../core/task.ts'
import { selectedBody, statusBody, type Documents } from './bodies.ts'
import { rateBody } from './limits.ts'

/** Response bodies about many tasks and about the server. Engine times are Unix milliseconds. */

type Page = Readonly<{
  tasks: readonly (Pick<Documents, 'task' | 'parameters'> &
    Readonly<{ cut: number | null; unreadable?: string }>)[]
  nextCursor: string | null
  searchLimited: boolean
}>

/** `fields`: the fields to return for each task; default: all. */
export function listBody(
  { tasks, nextCursor, searchLimited }: Page,
  now: number,
  fields?: readonly string[],
): string {
  const showsWhy = fields === undefined || fields.includes('parameters')
  const bodies = tasks.map((documents) => {
    const body =
      fields === undefined ? statusBody(documents, now) : selectedBody(documents, now, new Set(fields))
    const { cut, unreadable } = documents
    if (!showsWhy || (cut === null && unreadable === undefined)) return body
    const why =
      unreadable === undefined
        ? `"parameters_cut":${cut}`
        : `"parameters_unreadable":${JSON.stringify(unreadable)}`
    return `${body === '{}' ? '{' : `${body.slice(0, -1)},`}${why}}`
  })
  const rest = JSON.stringify({ next_cursor: nextCursor, search_limited: searchLimited })
  return `{"tasks":[${bodies.join(',')}],${rest.slice(1)}`
}

type Explained = Readonly<{
  task: Task
  reasons: readonly Reason[]
  position: number | null
  limits: readonly (TaskLimit &
    Omit<LimitDefinition, 'name'> &
    Readonly<{ running: number; holders: readonly TaskId[]; nextStartAt: number | null; ahead: number }>)[]
  startsIn: number | null
}>

export function explainBody({ task, reasons, position, limits, startsIn }: Explained) {
  return {
    task_id: task.id,
    status: task.status,
    reasons,
    position: position !== null && position > positionLimit ? '>10,000' : position,
    limits: limits.map(({ name, key, concurrency, rate, scope, running, holders, nextStartAt, ahead }) => ({
      name,
      key,
      concurrency,
      rate: rateBody(rate),
      scope,
      running,
      holders,
      next_start_at: nextStartAt === null ? null : nextStartAt / 1_000,
      ahead,
    })),
    eta_seconds: startsIn === null ? null : startsIn / 1_000,
  }
}

export function operationBody(operation: Operation) {
  const { id, action, filter, dryRun, status, createdAt, endedAt, error } = operation
  const { matched, changed, unchanged, refused } = operation
  return {
    operation_id: id,
    action,
    filter: filterBody(filter),
    created_by: operation.by,
    reason: operation.reason,
    dry_run: dryRun,
    status,
    created_at: createdAt / 1_000,
    ended_at: endedAt === null ? null : endedAt / 1_000,
    matched,
    changed,
    unchanged,
    refused,
    error,
  }
}

/** JSON omits undefined fields. */
export function filterBody({
  statuses,
  types,
  tag,
  createdBy,
  parent,
  fingerprint,
  tookMin,
  tookMax,
  text,
  createdAfter,
  createdBefore,
}: Filter) {
  return {
    status: statuses,
    type: types,
    tag,
    created_by: createdBy,
    parent,
    fingerprint,
    took_min: tookMin === undefined ? undefined : tookMin / 1_000,
    took_max: tookMax === undefined ? undefined : tookMax / 1_000,
    q: text,
    created_after: createdAfter === undefined ? undefined : createdAfter / 1_000,
    created_before: createdBefore === undefined ? undefined : createdBefore / 1_000,
  }
}

type NodeOf = Readonly<{
  id: string
  slots: number
  slotsInUse: number
  types: readonly string[]
  version: string
  host: string | null
  pid: number | null
  startedAt: number
  renewedAt: number | null
}>

type WorkerOf = Readonly<{
  name: string
  types: readonly string[]
  tasks: number
  createdBy: string
  registeredAt: number
  seenAt: number
}>

/** `here`: the id of the node that responds. */
export function nodesBody(nodes: readonly NodeOf[], workers: readonly WorkerOf[], here: string) {
  return {
    nodes: nodes.map(({ id, slots, slotsInUse, types, version, host, pid, startedAt, renewedAt }) => ({
      id,
      here: id === here,
      max_concurrent: slots,
      slots_in_use: slotsInUse,
      types,
      version,
      host,
      pid,
      started_at: startedAt / 1_000,
      renewed_at: renewedAt === null ? null : renewedAt / 1_000,
    })),
    workers: workers.map(({ name, types, tasks, createdBy, registeredAt, seenAt }) => ({
      worker: name,
      types,
      tasks,
      created_by: createdBy,
      registered_at: registeredAt / 1_000,
      seen_at: seenAt / 1_000,
    })),
  }
}

type CountsOf = Readonly<Partial<Record<Status, number>>>
type LoopOf = Readonly<{
  p50: number
  p99: number
  max: number
  blocked: readonly Readonly<{ type: string; at: number; ms: number }>[]
}>
type RatesOf = Readonly<Record<string, number>>
type StatsOf = Readonly<{
  counts: Readonly<{
    byType: Readonly<Record<string, CountsOf>>
    fencedOff: Readonly<Record<string, number>>
    held: Readonly<Record<string, unknown>>
  }>
  node: Readonly<{
    id: string
    phase: string
    maxConcurrent: number
    slotsInUse: number
    parked: number
    loop: LoopOf
  }>
  nodes: Readonly<{ alive: number; slots: number; slotsInUse: number }>
  rates: Readonly<{ minute: RatesOf; fiveMinutes: RatesOf; hour: RatesOf }>
  expected: Readonly<Record<string, number | null>>
}>

export function statsBody({ counts, node, nodes, rates, expected }: StatsOf) {
  const names = new Set([...Object.keys(expected), ...Object.keys(counts.byType)])
  const types = [...names].map((type) => {
    const duration = expected[type] ?? null
    const body = {
      counts: counts.byType[type] ?? {},
      held: Object.hasOwn(counts.held, type),
      fenced_off: counts.fencedOff[type] ?? 0,
      expected_duration: duration === null ? null : Math.round(duration) / 1_000,
    }
    return [type, body] as const
  })
  return {
    counts: sumOf(Object.values(counts.byType)),
    types: Object.fromEntries(types),
    rates: { '1m': rounded(rates.minute), '5m': rounded(rates.fiveMinutes), '60m': rounded(rates.hour) },
    nodes: { alive: nodes.alive, slots: nodes.slots, slots_in_use: nodes.slotsInUse },
    node: {
      id: node.id,
      phase: node.phase,
      max_concurrent: node.maxConcurrent,
      slots_in_use: node.slotsInUse,
      parked: node.parked,
      event_loop: {
        p50: node.loop.p50 / 1_000,
        p99: node.loop.p99 / 1_000,
        max: node.loop.max / 1_000,
        blocked: node.loop.blocked.map(({ type, at, ms }) => ({
          type,
          at: at / 1_000,
          duration: ms / 1_000,
        })),
      },
    },
  }
}

type ColumnsOf = Readonly<Record<string, readonly (number | null)[]>>
type HistoryOf = Readonly<{
  step: number
  covered: number
  happened: ColumnsOf
  tasks: ColumnsOf
  marks: readonly Readonly<{ id: string; at: number; version: string }>[]
  durations: Readonly<{ run: LogHistogram; queue: LogHistogram }> | null
}>

export function historyBody(
  { step, covered, happened, tasks, marks, durations }: HistoryOf,
  span: string,
  now: number,
) {
  return {
    span,
    step: step / 1_000,
    start: (now - Math.round(covered)) / 1_000,
    until: now / 1_000,
    happened,
    tasks,
    starts: marks.map(({ id, at, version }) => ({ node: id, at: at / 1_000, version })),
    times:
      durations === null
        ? null
        : { run: distributionBody(durations.run), queue: distributionBody(durations.queue) },
  }
}

/** In seconds. */
function distributionBody(histogram: LogHistogram) {
  const at = (share: number) => {
    const ms = histogram.quantile(share)
    return ms === null ? null : ms / 1_000
  }
  return {
    count: histogram.count,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    buckets: histogram.buckets.map(({ from, to, count }) => ({ from: from / 1_000, to: to / 1_000, count })),
  }
}

function rounded(rates: RatesOf): RatesOf {
  return Object.fromEntries(
    Object.entries(rates).map(([name, rate]) => [name, Math.round(rate * 1_000) / 1_000]),
  )
}

function sumOf(all: readonly CountsOf[]): CountsOf {
  const sum: Partial<Record<Status, number>> = {}
  for (const counts of all) {
    for (const [status, tasks] of Object.entries(counts) as [Status, number][]) {
      sum[status] = (sum[status] ?? 0) + tasks
    }
  }
  return sum
}
