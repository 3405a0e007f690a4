import type { Status, TaskId } from '../core/task.ts'
import type { WorkerSignal, WorkerType } from '../core/worker.ts'

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
  leaseUntil: number
}>

export type Beat = Readonly<{
  progress?: Readonly<{ current: number; total?: number | null; message?: string | null }>
  /** A state from which a later run can continue. */
  checkpoint?: unknown
  logs?: readonly string[]
  /** Milliseconds to wait for a signal. */
  wait?: number
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

  complete(token: string, result: unknown): Promise<Standing>
  fail(token: string, failure: Failure): Promise<Standing>
  /** The code has stopped at a pause point; it continues from the checkpoint. */
  paused(token: string, checkpoint: unknown): Promise<Standing>

  /** The live workers. */
  list(): Promise<readonly WorkerInfo[]>
}
