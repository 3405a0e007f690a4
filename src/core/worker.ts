import type { Stop } from './attempt-machine.ts'
import type { Caller } from './caller.ts'
import type { NodeId, Status, Task, TimelineEntry } from './task.ts'

/** A type that a remote worker runs, as it was registered. */
export type WorkerType = Readonly<{
  type: string
  description: string
  /** JSON schema of the parameters; null accepts any object. */
  parameters: Readonly<Record<string, unknown>> | null
  /** Maximum number running at once, over all workers; null without a limit. */
  concurrency: number | null
  attempts: number
  /** Milliseconds of active time per attempt. */
  timeout: number | null
  /** `none`: it cannot be paused while it runs. */
  pause: 'checkpoint' | 'none'
}>

/**
 * A program in any language that runs tasks over HTTP. In the store it is a node of its own: it claims and settles under its
 * own id, whichever server carries its calls. Times are Unix milliseconds.
 */
export type Worker = Readonly<{
  id: NodeId
  name: string
  types: readonly WorkerType[]
  /** Signs its lease tokens. */
  secret: string
  /** Who registered it: the key, if any, and its name. */
  callerId: string | null
  createdBy: string
  /** The latest time. */
  registeredAt: number
  /** Its last call, to some seconds. */
  seenAt: number
}>

/** What a store keeps of a worker besides its id and times. */
export type WorkerBody = Omit<Worker, 'id' | 'registeredAt' | 'seenAt'>

export type NewWorker = Readonly<{ id: NodeId; body: WorkerBody }>

/** An active task of a worker. */
export type WorkerRun = Readonly<{
  task: Task
  /** Milliseconds since its claim or its last beat. */
  silent: number
  /** Milliseconds of active time so far. */
  active: number
}>

/** Milliseconds without a call after which a worker, and a type that only it ran, is forgotten. */
export const workerMemory = 86_400_000

const prefix = 'worker '

/** The id under which a worker claims tasks: timelines show it. */
export function workerId(name: string): NodeId {
  return `${prefix}${name}`
}

export function isWorkerId(node: NodeId): boolean {
  return node.startsWith(prefix)
}

/** The worker as it is registered again: tokens that it holds remain valid. */
export function registeredAgain(body: WorkerBody, earlier: WorkerBody | undefined): WorkerBody {
  return earlier === undefined ? body : { ...body, secret: earlier.secret }
}

/** What the next beat of a run tells its worker. */
export type WorkerSignal = 'none' | 'pause' | 'cancel' | 'drain'

/** `drains`: the last server is shutting down. */
export function signalOf(
  { task, active }: Pick<WorkerRun, 'task' | 'active'>,
  { pause, drains }: Readonly<{ pause: WorkerType['pause']; drains: boolean }>,
): WorkerSignal {
  if (task.status === 'cancelling' || isTimedOut(task, active)) return 'cancel'
  if (pause === 'none') return 'none'
  if (task.status === 'pausing') return 'pause'
  return drains ? 'drain' : 'none'
}

/** Why the run must stop, if it must. A cancel outranks a timeout. */
export function stopOf({ task, active }: Pick<WorkerRun, 'task' | 'active'>): Stop | null {
  if (task.status === 'cancelling') return { kind: 'cancel' }
  return isTimedOut(task, active) ? { kind: 'timeout' } : null
}

function isTimedOut({ timeout, attemptBaseMs }: Task, active: number): boolean {
  return timeout !== null && active - attemptBaseMs >= timeout
}

/** How a worker ends a run. */
export type WorkerSettlement = 'complete' | 'fail' | 'paused' | 'park'

/** What each may cause: a settlement that is repeated has caused one of these. */
const causes: Readonly<Record<WorkerSettlement, readonly string[]>> = {
  complete: ['completed'],
  fail: ['failed', 'retry_scheduled', 'cancelled'],
  paused: ['paused', 'released', 'cancelled'],
  park: ['sleep_started', 'wait_started', 'paused', 'released', 'cancelled'],
}
const endings: ReadonlySet<string> = new Set(Object.values(causes).flat())

/**
 * The status that the first settlement of a claim led to, from the timeline; null if the run ended otherwise, or by another
 * settlement. `claimedAs`: the version of the task after its claim.
 */
export function settledAs(
  timeline: readonly TimelineEntry[],
  {
    worker,
    claimedAs,
    settlement,
  }: Readonly<{ worker: NodeId; claimedAs: number; settlement: WorkerSettlement }>,
): Status | null {
  for (const { version, event, by, status } of timeline) {
    if (version <= claimedAs) continue
    if (event === 'fence_raised' || event === 'lost' || event === 'claimed') return null
    if (by === worker && endings.has(event)) return causes[settlement].includes(event) ? status : null
  }
  return null
}

/** What a lease token names: one claim of one task by one worker. `version`: that of the task after the claim. */
export type LeaseToken = Readonly<{ worker: string; id: string; fence: number; version: number }>

/** The form of a worker's name. */
export const workerName = /^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,99}$/

/** Whether the worker belongs to another caller. */
export function isOfOther(worker: Pick<Worker, 'callerId'>, { id }: Caller): boolean {
  return worker.callerId !== id
}
