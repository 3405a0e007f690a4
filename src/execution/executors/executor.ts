import type { Ended } from '../../core/attempt-machine.ts'
import type { Json, ProgressReport } from '../../core/task.ts'
import type { AnyTaskType, Runtime } from '../../registry/type.ts'

/** One run to be carried out. Documents travel as stored, and are parsed where the code runs. */
export type Run = Readonly<{
  type: AnyTaskType
  id: string
  attempt: number
  fence: number
  parameters: Json
  /** To go on from; null on a fresh start. */
  checkpoint: Json | null
  /** Its process has died so often since its last checkpoint: it runs apart from other tasks. */
  crashes: number
}>

/** What a run tells the node that carries it. None of these calls blocks the handler but `durable`. */
export type RunCallbacks = Readonly<{
  checkpoint(state: Json): void
  /** Resolves after the commit; false when the task is not active now, so that nothing was written. */
  durable(state: Json): Promise<boolean>
  progress(progress: ProgressReport): void
  log(message: string): void
  /** The handler stands at a pause point, and stays there until `resume` or `abort`. */
  suspended(): void
  /** The place where it runs goes away: it should end at its next pause point and go on elsewhere. */
  displaced(why: string): void
}>

export type { Ended }

/** Code at work. Whoever holds it may pause, resume and abort it in any order. */
export interface Execution {
  /** Resolves when the code has really stopped; never rejects. */
  readonly done: Promise<Ended>
  pause(): void
  /** Goes on; with `fence`, as the run of a new claim. */
  resume(fence?: number): void
  /** The signal aborts with this reason, and every `task.*` call throws it. */
  abort(reason: Error): void
  /** Ends the code by force, whatever it does; undefined where that cannot be done. */
  readonly kill: (() => void) | undefined
}

/** Carries out runs of types; one implementation for each place where code can run. */
export interface Executor {
  start(run: Run, host: RunCallbacks): Execution
  /** Whether runs of this runtime can be started now. False for a while when the machine had no room for another process. */
  hasRoom(runs: Runtime): boolean
  /** Ends what the executor itself keeps running; called once no run is wanted any more. */
  close(): Promise<void>
}
