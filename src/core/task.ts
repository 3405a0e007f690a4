import type { Admission } from './admission.ts'
import type { Awaits } from './awaits.ts'
import type { Sleeps } from './sleep.ts'
import type { TraceContext } from './trace-context.ts'
import type { UniqueKey, UniqueRequest } from './unique-options.ts'

/**
 * The nouns of the domain. Times are Unix milliseconds and durations milliseconds; the wire (`contract/`) uses seconds. JSON
 * documents (parameters, checkpoint, result) are passed as text: the engine never parses them.
 */

export type TaskId = string

/** Random for each start of a node; never a host name. */
export type NodeId = string

/** Rises with every claim and takeover. A write with an older fence matches nothing. */
export type Fence = number

/** A JSON document as text. */
export type Json = string

export const activeStatuses = ['running', 'pausing', 'cancelling'] as const
export const terminalStatuses = ['completed', 'failed', 'cancelled'] as const
export const statuses = [
  'waiting',
  'scheduled',
  'queued',
  'running',
  'pausing',
  'paused',
  'cancelling',
  ...terminalStatuses,
] as const

export type Status = (typeof statuses)[number]
export type TerminalStatus = (typeof terminalStatuses)[number]

/** How the code of a task was stopped if it did not end on its own. `expired`: the task did not start in time. */
export type EndedBy = 'cooperative' | 'terminated' | 'killed' | 'abandoned' | 'expired'

/** An error by value, as passed between threads, stores and the wire. */
export type ErrorRecord = Readonly<{
  code: string
  name: string
  message: string
  stack?: string
  /** The message for the timeline, if it cannot be cut. */
  brief?: string
  /** See `fingerprintOf`. Set when the failure is recorded; errors in a timeline have none. */
  fingerprint?: string
}>

export type Progress = Readonly<{
  current: number
  total?: number
  message?: string
  /** When it was reported. */
  at: number
  /** Units per second, smoothed by the context that reported it; absent until there are two reports. */
  rate?: number
}>

/** Progress as reported by code, wherever it runs; the node adds the time. */
export type ProgressReport = Omit<Progress, 'at'>

/** Delay before the next attempt: `base * factor ** (failures - 1)`, at most `max`, with full jitter of `jitter`. */
export type Backoff = Readonly<{
  base: number
  factor: number
  max: number
  /** From 0 to 1: the random fraction of the delay. */
  jitter: number
}>

/**
 * That a task was asked to make room. `count`: how often so far, `at`: when it was asked last, `fence`: in which run, `for`: for which
 * urgent task.
 */
export type Preemption = Readonly<{ count: number; at: number; fence: Fence; for: TaskId }>

/**
 * What happens to a task if a predecessor fails or is cancelled: it is cancelled, it fails, or it runs as if the predecessor
 * had completed.
 */
export const failurePolicies = ['cancel', 'fail', 'run'] as const
export type FailurePolicy = (typeof failurePolicies)[number]

/** The tasks for whose end a new task waits: ids of tasks that exist, each once. */
export type Predecessors = Readonly<{ ids: readonly TaskId[]; onFailure: FailurePolicy }>

/** Who is told of the end of a task. Its origin decides with which other callbacks it takes turns. */
export type Callback = Readonly<{ url: string; origin: string }>

/** What happens to a child that has not ended when its parent ends, in whatever way. */
export const parentEnds = ['cancel', 'leave'] as const
export type ParentEnd = (typeof parentEnds)[number]

/** The task that has started a task, and how it finds it again. */
export type Parent = Readonly<{
  id: TaskId
  name: string
  /** Which use of the name it was, from 1. */
  occurrence: number
  /** 1 for a child of a task that has no parent. */
  depth: number
  onEnd: ParentEnd
}>

/** `fence`: of the run that starts it. Nothing is started by a run that is no longer the newest. */
export type ParentRequest = Parent & Readonly<{ fence: Fence }>

/** What the caller sets at submit; never changes. */
export type Submission = Readonly<{
  id: TaskId
  type: string
  parameters: Json
  priority: number
  /** The task does not start before this time. Excludes `delay`. */
  runAt: number | null
  /** Milliseconds from the submit before which the task does not start, by the clock of the store. */
  delay: number | null
  /** Milliseconds within which it must start. */
  expiresIn?: number | undefined
  timeout: number | null
  maxAttempts: number
  backoff: Backoff
  tags: readonly string[]
  idempotencyKey: string | null
  /** Hash of type, parameters and options: distinguishes a replay from a reused key. */
  requestHash: string | null
  /** The trace of the submit, in the form of `core/trace-context.ts`. */
  trace: TraceContext | null
  /** The schedule that submits it, and the tick for which it does. */
  schedule?: Readonly<{ id: string; tickAt: number }>
  /** The task whose run starts it; its key is then `childKey`. */
  parent?: ParentRequest
  /** Another task may have this key: then that decides the answer. */
  unique?: UniqueRequest | undefined
  /** Maximum number of tasks of its type that wait, with it; absent for no maximum. */
  maxOfType?: number | undefined
  /** It starts once these have ended. */
  predecessors?: Predecessors | undefined
  /** What decides when it starts, besides its priority and its place in the queue. */
  admission?: Admission | undefined
  /** Who is told of its end. */
  callback?: Callback | undefined
}>

/** The hot row: everything about a task except its documents (parameters, checkpoint, result) and its timeline. */
export type Task = Readonly<{
  id: TaskId
  type: string
  status: Status
  priority: number
  /** Position in the queue within a priority; assigned again at every transition to `queued`. */
  queuePosition: number
  /** Raised by one with every transition; also the SSE event id. */
  version: number
  fence: Fence
  attempt: number
  /** False if the next claim starts a new attempt. */
  attemptOpen: boolean
  maxAttempts: number
  failures: number
  /** Node crashes since the last committed checkpoint. */
  crashes: number
  timeout: number | null
  backoff: Backoff
  tags: readonly string[]
  idempotencyKey: string | null
  requestHash: string | null
  /** The name of the caller that submitted it. */
  createdBy: string
  trace: TraceContext | null
  /** The schedule that submitted it, and for which of its ticks. */
  scheduleId: string | null
  tickAt: number | null
  /** The task that has started it. */
  parent: Parent | null
  /** The key that no other task of its type may have meanwhile. */
  unique: UniqueKey | null
  /** Null for most tasks: only its priority and its place in the queue decide when it starts. */
  admission: Admission | null
  /** Milliseconds within which it must start for the first time; null if it may wait forever. */
  expiresIn: number | null
  /** When it ends unless it starts before, see `core/expiry.ts`; null once it has started. */
  expiresAt: number | null
  /** Who is told of its end. */
  callback: Callback | null
  /** That it was asked to make room for an urgent task; null if it never was. */
  preemption: Preemption | null
  /** The node that has code of this task, running or parked. */
  ownerNode: NodeId | null
  /** The last accepted control that is still in effect. */
  requestedControl: Control | null
  createdAt: number
  runAt: number | null
  /** Milliseconds of the delay with which `runAt` was set; null if a time was set, or none. */
  delay: number | null
  startedAt: number | null
  completedAt: number | null
  /** When the current status began; `running`, `pausing` and `cancelling` are one stretch of active time. */
  statusSince: number
  /** Last committed sign of life of the current run. */
  savedAt: number | null
  activeMs: number
  /** `activeMs` at the start of the current attempt: the timeout counts from here. */
  attemptBaseMs: number
  queuedMs: number
  pausedMs: number
  progress: Progress | null
  error: ErrorRecord | null
  endedBy: EndedBy | null
  /** Predecessors whose end has not been counted yet; 0 once it no longer waits for any. */
  missing: number
  /** What its handler has slept since its checkpoint; null if it has not. */
  sleeps: Sleeps | null
  /** How often something has happened for which its handler can wait, other than time. */
  news: number
  /** What its handler waits for, while it is waiting or paused; null if it waits for a time only, or for nothing. */
  awaits: Awaits | null
}>

/** A line logged by a handler or printed by a command. */
export type LogLine = Readonly<{ at: number; attempt: number; text: string }>

export type Control = 'pause' | 'resume' | 'cancel' | 'retry'

export const controls = ['pause', 'resume', 'cancel', 'retry'] as const

/** One transition in the timeline. `version` is the task's version after it. */
export type TimelineEntry = Readonly<{
  version: number
  at: number
  event: string
  status: Status
  attempt: number
  /** Who caused it: the name of a caller, the id of a node, `promoter`, `releaser`, `expirer` or `reaper`. */
  by: string
  /** The reason that the caller gave, or what happened. */
  why?: string
  error?: ErrorRecord
  endedBy?: EndedBy
}>

/** Statuses in which a task waits for a start: it counts as queued for every maximum. */
export const unstartedStatuses = ['waiting', 'scheduled', 'queued'] as const

export function isUnstarted(status: Status): boolean {
  return status === 'queued' || status === 'scheduled' || status === 'waiting'
}

/**
 * It waits for a start, so it counts towards the maximum of its type and of its limits. A task whose handler waits has started.
 */
export function isQueuing(task: Pick<Task, 'status' | 'missing'>): boolean {
  return isUnstarted(task.status) && !isAsleep(task)
}

/** Its handler waits: for its `runAt`, for what it `awaits`, or for the first of both. */
export function isAsleep({ status, missing }: Pick<Task, 'status' | 'missing'>): boolean {
  return status === 'waiting' && missing === 0
}

export function isTerminal(status: Status): status is TerminalStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

export function isActive(status: Status): boolean {
  return status === 'running' || status === 'pausing' || status === 'cancelling'
}

/** Consecutive losses without a new checkpoint that make a task a suspect. */
export const suspectFrom = 2

/**
 * It may be what crashes its node. A node runs one suspect at a time, beside any number of other tasks, so that its next
 * loss distinguishes it from its neighbors (ADR 6).
 */
export function isSuspect({ crashes }: Pick<Task, 'crashes'>): boolean {
  return crashes >= suspectFrom
}

/** Active time up to `now`, including the current run. */
export function activeTime(task: Task, now: number): number {
  return task.activeMs + (isActive(task.status) ? Math.max(0, now - task.statusSince) : 0)
}

export function queueTime(task: Task, now: number): number {
  return task.queuedMs + (task.status === 'queued' ? Math.max(0, now - task.statusSince) : 0)
}

export function pausedTime(task: Task, now: number): number {
  return task.pausedMs + (task.status === 'paused' ? Math.max(0, now - task.statusSince) : 0)
}
