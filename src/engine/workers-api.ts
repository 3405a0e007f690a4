import type { Awaits } from '../core/awaits.ts'
import type { SleepsLeft } from '../core/sleep.ts'
import type { StepReport } from '../core/step.ts'
import type { Status, TaskId } from '../core/task.ts'
import type { WaitRequest, WaitState } from '../core/wait.ts'
import type { WorkerSignal, WorkerType } from '../core/worker.ts'
import type { StepPage } from '../store/store.ts'

/** A type as a worker registers it. Durations are milliseconds. */
export type WorkerTypeDraft = Readonly<{ type: string; pause: WorkerType['pause'] }> &
  Partial<Omit<WorkerType, 'type' | 'pause'>>

/** A task that a worker has claimed. Documents are JSON text. */
export type ClaimedTask = Readonly<{
  id: TaskId
  type: string
  token: string
  attempt: number
  fence: number
  parameters: string
  checkpoint: string | null
  /** What earlier runs have slept since the checkpoint. */
  sleeps: SleepsLeft | null
  leaseUntil: number
}>

export type Beat = Readonly<{
  progress?: Readonly<{ current: number; total?: number | null; message?: string | null }>
  /** A state from which a later run can continue. */
  checkpoint?: unknown
  logs?: readonly string[]
  /** Steps that have ended: a completed one stays as it was first stored. */
  steps?: readonly WorkerStep[]
  /** Milliseconds to wait for a signal. */
  wait?: number
}>

/** A step that has ended. Its result is any value. */
export type WorkerStep = Omit<Extract<StepReport, { error: unknown }>, 'error'> &
  (Readonly<{ result: unknown }> | Readonly<{ error: Failure['error'] }>)

/** Why a run ends although its code has not: the task continues in a later run. Times in milliseconds. */
export type Parking = Readonly<{
  /** When the code has something to do because of time; null if never. */
  wakeIn: number | null
  /** What else gives it something to do. */
  awaits: Awaits | null
  sleeps: SleepsLeft
  checkpoint?: unknown
}>

export type Failure = Readonly<{
  error: Readonly<{ code?: string; message: string }>
  retryable?: boolean
  /** Milliseconds before the next attempt, instead of the back-off. */
  delay?: number
}>

/** How a task stands after a settlement. */
export type Standing = Readonly<{ id: TaskId; status: Status }>

/** A live worker. Times are Unix milliseconds. */
export type WorkerInfo = Readonly<{
  name: string
  types: readonly string[]
  /** Its active tasks. */
  tasks: number
  createdBy: string
  registeredAt: number
  seenAt: number
}>

/** Remote workers, for one caller. A token of a claim that has ended throws `LeaseLost`. */
export interface WorkersApi {
  /**
   * Adds or replaces a worker. Returns for how many milliseconds a claim lives without a beat. Throws `TypeTaken`,
   * `WorkerNameTaken` and `OptionsInvalid`.
   */
  register(name: string, types: readonly WorkerTypeDraft[]): Promise<Readonly<{ lease: number }>>

  /**
   * Claims up to `max` queued tasks of these types (default: all of the worker), and waits for them for up to `wait`
   * milliseconds. Throws `WorkerUnknown`.
   */
  claim(
    name: string,
    options: Readonly<{ types?: readonly string[]; max: number; wait: number; signal: AbortSignal }>,
  ): Promise<readonly ClaimedTask[]>

  /** Gives back tasks that never reached their worker. */
  giveBack(tasks: readonly ClaimedTask[]): Promise<void>

  /** Renews the lease of a task, and stores what is given. */
  beat(
    token: string,
    beat: Beat,
    signal: AbortSignal,
  ): Promise<Readonly<{ signal: WorkerSignal; leaseUntil: number }>>

  /** A page of the stored steps of the task, after this number. Throws `DocumentUnreadable`. */
  steps(token: string, after: number): Promise<StepPage>

  /**
   * How a wait is, which is stored if it was not before. Throws `OptionsInvalid` for a schema that is not valid, `TooManyWaits` and
   * `DocumentUnreadable`.
   */
  wait(token: string, request: WaitRequest): Promise<Exclude<WaitState, { kind: 'unreadable' | 'full' }>>

  complete(token: string, result: unknown): Promise<Standing>
  fail(token: string, failure: Failure): Promise<Standing>
  /** The code has stopped at a pause point; it continues from the checkpoint. */
  paused(token: string, checkpoint: unknown): Promise<Standing>
  /**
   * The code has nothing to do before a time or an answer: the task waits without a worker. If what it waits for has come already, it is
   * queued.
   */
  park(token: string, parking: Parking): Promise<Standing>

  /** The live workers. */
  list(): Promise<readonly WorkerInfo[]>
}
