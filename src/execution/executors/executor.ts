import type { Spawned, SpawnRequest } from '../../core/child.ts'
import type { Ended } from '../../core/attempt-machine.ts'
import type { Secrets } from '../../core/redaction.ts'
import type { TraceContext } from '../../core/trace-context.ts'
import type { SleepRequest, SleepsLeft } from '../../core/sleep.ts'
import type { Recalled, StepKey, StepReport } from '../../core/step.ts'
import type { ChildOutcome, JoinRequest, JoinState } from '../../core/join.ts'
import type { WaitRequest, WaitState } from '../../core/wait.ts'
import type { Json, ProgressReport } from '../../core/task.ts'
import type { AnyTaskType, RunsAt } from '../../registry/type.ts'

/** One run to carry out. Documents are passed as stored, and parsed where the code runs. */
export type Run = Readonly<{
  type: AnyTaskType
  id: string
  attempt: number
  fence: number
  parameters: Json
  /** The state to continue from; null on a fresh start. */
  checkpoint: Json | null
  /** Its process has died this often since its last checkpoint: it runs apart from other tasks. */
  crashes: number
  /** What earlier runs have slept since the checkpoint. */
  sleeps: SleepsLeft | null
  /** What must not appear in logs of this process. */
  secrets?: Secrets | undefined
  /** The trace that code of the run continues. */
  trace: TraceContext | null
}>

/** What a run reports to its node. None of these calls blocks the handler except `durable` and those about steps, waits and children. */
export type RunCallbacks = Readonly<{
  checkpoint(state: Json): void
  /** Resolves after the commit; false if the task is not active now, so that nothing was written. */
  durable(state: Json): Promise<boolean>
  /** What is stored of a step; null if the task is not active now. */
  recall(key: StepKey): Promise<Recalled | null>
  /** All completed steps that are stored, for code that is told at its start; null if the task is not active now. */
  completedSteps(): Promise<readonly CompletedStep[] | null>
  /** Resolves after the commit; false if the task is not active now, so that nothing was written. */
  step(report: StepReport): Promise<boolean>
  /** Resolves after the commit; null if the task is not active now, so that nothing was started. */
  spawn(request: SpawnRequest): Promise<Spawned | null>
  /** How a wait is, which is stored if it was not before; null if the task is not active now. */
  wait(request: WaitRequest): Promise<WaitState | null>
  /** How a join of children is. If it is open, their ends are news for the task. Null if the task is not active now. */
  join(request: JoinRequest): Promise<JoinState | null>
  /** What has become of the first of these children, with their results: at least one. Null if the task is not active now. */
  outcomes(children: readonly string[]): Promise<readonly ChildOutcome[] | null>
  progress(progress: ProgressReport): void
  log(message: string): void
  /** The handler is at a pause point, and stays there until `resume` or `abort`. */
  suspended(): void
  /** The handler sleeps or waits, and has nothing else to do: it does not continue before `resume` or `abort`. */
  asleep(request: SleepRequest): void
  /** Its time is over or, if that is `early`, another part of the handler continues: `resume` follows. */
  awake(early: boolean): void
  /** Its executor is going away: it should end at its next pause point and continue elsewhere. */
  displaced(why: string): void
}>

export type CompletedStep = StepKey & Readonly<{ result: Json }>

export type { Ended }

/** Running code. Its owner may pause, resume and abort it in any order. */
export interface Execution {
  /** Resolves when the code has really stopped; never rejects. */
  readonly done: Promise<Ended>
  pause(): void
  /** Continues; with `fence`, as the run of a new claim. */
  resume(fence?: number): void
  /** Something has happened for which code may wait: it looks again. */
  news(): void
  /** Aborts the signal with this reason, which every `task.*` call throws. */
  abort(reason: Error): void
  /** Ends the code by force; undefined if that is impossible. */
  readonly kill: (() => void) | undefined
}

/** Runs types; one implementation per place where code can run. */
export interface Executor {
  start(run: Run, callbacks: RunCallbacks): Execution
  /** Whether runs of this runtime can be started now. False for a while if the machine had no room for another process. */
  hasRoom(runs: RunsAt): boolean
  /** Ends what the executor itself keeps running; called once no more runs are wanted. */
  close(): Promise<void>
}
