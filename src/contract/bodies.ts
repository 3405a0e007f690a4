import { attemptsOf, type Attempt } from '../core/attempts.ts'
import { controlsFrom } from '../core/lifecycle.ts'
import type { StepRecord } from '../core/step.ts'
import {
  activeTime,
  isAsleep,
  isUnstarted,
  pausedTime,
  queueTime,
  type ErrorRecord,
  type Json,
  type Progress,
  type Status,
  type Task,
  type TimelineEntry,
} from '../core/task.ts'
import { isAsleepOnceResumed } from '../core/transition.ts'
import { traceIdOf } from '../core/trace-context.ts'

/**
 * Task bodies as JSON text. Parameters, checkpoint and result are text already and are inserted unchanged: reading a task
 * never parses what a handler or a caller wrote. `now` is Unix milliseconds.
 */

/** A task with its documents, as returned by the engine. */
export type Documents = Readonly<{
  task: Task
  parameters: Json
  checkpoint: Json | null
  result: Json | null
  timeline: readonly TimelineEntry[]
}>

export function statusBody(
  { task, parameters }: Pick<Documents, 'task' | 'parameters'>,
  now: number,
): string {
  return `{${statusFields(task, parameters, now)}}`
}

/** Selected fields of the status body. */
export function selectedBody(
  { task, parameters }: Pick<Documents, 'task' | 'parameters'>,
  now: number,
  fields: ReadonlySet<string>,
): string {
  const all = JSON.parse(`{${statusFields(task, 'null', now)}}`) as Record<string, unknown>
  const selected = Object.entries(all)
    .filter(([name]) => fields.has(name))
    .map(([name, value]) => `"${name}":${name === 'parameters' ? parameters : JSON.stringify(value)}`)
  return `{${selected.join(',')}}`
}

export function resultBody({ task, parameters, result }: Documents, now: number): string {
  return `{${statusFields(task, parameters, now)},"result":${result ?? 'null'}}`
}

export function detailsBody(
  { task, parameters, checkpoint, result, timeline }: Documents,
  now: number,
): string {
  const { base, factor, max, jitter } = task.backoff
  const more = JSON.stringify({
    timeout: seconds(task.timeout),
    backoff: { base: base / 1_000, factor, max: max / 1_000, jitter },
    failures: task.failures,
    preemptions: task.preemption?.count ?? 0,
    crashes: task.crashes,
    fence: task.fence,
    idempotency_key: task.parent === null ? task.idempotencyKey : null,
    unique: uniqueBody(task.unique),
    trace_id: task.trace === null ? null : traceIdOf(task.trace),
    controls: controlsFrom(task.status),
    attempts: attemptBodies(task, timeline),
    timeline: timeline.map(timelineBody),
  })
  const documents = `"result":${result ?? 'null'},"checkpoint":${checkpoint ?? 'null'}`
  return `{${statusFields(task, parameters, now)},${documents},${more.slice(1)}`
}

function uniqueBody(unique: Task['unique']) {
  if (unique === null) return null
  const { key, while: span, for: lasts, debounced = false } = unique
  return { key, while: span, for: seconds(lasts), debounced }
}

type FamilyOf = Readonly<{
  parent: Task | null
  children: Readonly<{
    byStatus: Readonly<Partial<Record<Status, number>>>
    tasks: readonly Task[]
    nextCursor: string | null
  }>
  predecessors: readonly Task[]
  successors: readonly Task[]
}>

export function familyBody({ parent, children, predecessors, successors }: FamilyOf) {
  const { byStatus, tasks, nextCursor } = children
  return {
    parent: parent === null ? null : relativeBody(parent),
    children: {
      total: Object.values(byStatus).reduce((sum, count) => sum + count, 0),
      by_status: byStatus,
      tasks: tasks.map((task) => ({
        ...relativeBody(task),
        name: task.parent?.name ?? '',
        occurrence: task.parent?.occurrence ?? 1,
        created_at: task.createdAt / 1_000,
        completed_at: seconds(task.completedAt),
      })),
      next_cursor: nextCursor,
    },
    predecessors: predecessors.map(relativeBody),
    successors: successors.map(relativeBody),
  }
}

function relativeBody({ id, type, status }: Task) {
  return { task_id: id, task_type: type, status }
}

type StepPage = Readonly<{ steps: readonly StepRecord[]; next: number | null }>

type Line = Readonly<{ number: number; at: number; attempt: number; text: string }>

/** `limit`: how many lines are shown; if one more was found, there are others. */
export function logBody(found: readonly Line[], limit: number): string {
  const lines = found.slice(0, limit)
  return JSON.stringify({
    lines: lines.map(({ number, at, attempt, text }) => ({ number, at: at / 1_000, attempt, message: text })),
    next_after: found.length > lines.length ? (lines.at(-1)?.number ?? null) : null,
  })
}

/** Results are inserted as text. */
export function stepsBody({ steps, next }: StepPage): string {
  const texts = steps.map(({ name, occurrence, status, attempts, startedAt, finishedAt, result, error }) => {
    const fields = JSON.stringify({
      name,
      occurrence,
      status,
      attempts,
      started_at: startedAt / 1_000,
      finished_at: finishedAt / 1_000,
      error: error === null ? null : errorBody(error),
    })
    return `${fields.slice(0, -1)},"result":${result ?? 'null'}}`
  })
  return `{"steps":[${texts.join(',')}],"next_cursor":${next === null ? 'null' : `"${next}"`}}`
}

export function timelineBody(entry: TimelineEntry) {
  const { version, at, event, status, attempt, by, why, error, endedBy } = entry
  return {
    version,
    at: at / 1_000,
    event,
    status,
    attempt,
    by,
    ...(why === undefined ? {} : { why }),
    ...(error === undefined ? {} : { error: errorBody(error) }),
    ...(endedBy === undefined ? {} : { ended_by: endedBy }),
  }
}

/** `now` is passed only while the task is running, since only then does the ETA shrink. */
export function progressBody(progress: Progress, now?: number) {
  const { current, at } = progress
  const [total, rate] = [progress.total ?? null, progress.rate ?? null]
  const ratio = total === null ? null : total > 0 ? Math.min(1, Math.max(0, current / total)) : 1
  let eta: number | null = null
  if (now !== undefined && total !== null && rate !== null && rate > 0) {
    eta = Math.max(0, Math.round(((total - current) / rate) * 1_000 - Math.max(0, now - at)) / 1_000)
  }
  return { current, total, message: progress.message ?? null, ratio, rate, eta_seconds: eta }
}

/** Without the stack, which only appears in the attempts of the task details. */
function errorBody({ code, name, message, fingerprint }: ErrorRecord) {
  return { code, name, message, ...(fingerprint === undefined ? {} : { fingerprint }) }
}

/**
 * The timeline has brief errors. The latest error is stored complete, with its stack, in the task's row until the task is
 * retried.
 */
function attemptBodies(task: Task, timeline: readonly TimelineEntry[]) {
  const attempts = attemptsOf(timeline)
  const newest = task.error === null ? undefined : attempts.findLast(({ error }) => error !== null)
  return attempts.map((attempt) =>
    attemptBody(attempt === newest ? { ...attempt, error: task.error } : attempt),
  )
}

function attemptBody({ attempt, startedAt, endedAt, event, status, error, endedBy }: Attempt) {
  return {
    attempt,
    started_at: seconds(startedAt),
    ended_at: seconds(endedAt),
    event,
    status,
    error:
      error === null
        ? null
        : { code: error.code, name: error.name, message: error.message, stack: error.stack ?? null },
    ended_by: endedBy,
  }
}

/** Built by hand, because servers are polled for this most. Ids, types and statuses need no escaping. */
function statusFields(task: Task, parameters: Json, now: number): string {
  const { progress, error, tags } = task
  const live = task.status === 'running' ? now : undefined
  return (
    `"task_id":"${task.id}","task_type":"${task.type}","status":"${task.status}"` +
    `,"created_at":${task.createdAt / 1_000},"created_by":${JSON.stringify(task.createdBy)},"parent_id":${task.parent === null ? 'null' : `"${task.parent.id}"`},"started_at":${seconds(task.startedAt)}` +
    `,"completed_at":${seconds(task.completedAt)}` +
    `,"progress":${progress === null ? 'null' : JSON.stringify(progressBody(progress, live))}` +
    `,"parameters":${parameters},"priority":${task.priority}` +
    `,"attempt":${task.attempt},"max_attempts":${task.maxAttempts},"run_at":${seconds(task.runAt)}` +
    `,"expires_at":${isUnstarted(task.status) || task.endedBy === 'expired' ? seconds(task.expiresAt) : 'null'}` +
    `,"tags":${tags.length === 0 ? '[]' : JSON.stringify(tags)},"version":${task.version}` +
    `,"execution_time":${activeTime(task, now) / 1_000},"queue_time":${queueTime(task, now) / 1_000}` +
    `,"paused_time":${pausedTime(task, now) / 1_000}` +
    `,"error":${error === null ? 'null' : JSON.stringify(errorBody(error))}` +
    `,"ended_by":${task.endedBy === null ? 'null' : `"${task.endedBy}"`}` +
    `,"schedule_id":${task.scheduleId === null ? 'null' : `"${task.scheduleId}"`},"tick_at":${seconds(task.tickAt)}` +
    `,"waiting_for":${waitingFor(task, now)}` +
    admissionFields(task.admission)
  )
}

function waitingFor(task: Task, now: number): string {
  if (task.missing > 0) return `{"tasks":${task.missing},"waits":[]}`
  const sleeps = isAsleep(task) || (task.status === 'paused' && isAsleepOnceResumed(task, now))
  if (!sleeps) return 'null'
  const { waits = [], children } = task.awaits ?? {}
  const joins = children === undefined ? '' : `,"children":${children}`
  return `{"tasks":0,"waits":${JSON.stringify(waits)}${joins}${task.runAt === null ? '' : `,"until":${seconds(task.runAt)}`}}`
}

function admissionFields(admission: Task['admission']): string {
  if (admission === null) return ',"limits":{},"fairness_key":null'
  const { limits, fairnessKey } = admission
  const keys = Object.fromEntries(limits.map(({ name, key }) => [name, key]))
  return `,"limits":${JSON.stringify(keys)},"fairness_key":${JSON.stringify(fairnessKey)}`
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1_000
}
