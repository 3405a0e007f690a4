import type { SpawnRequest } from '../../../core/child.ts'
import type { SleepRequest, SleepsLeft } from '../../../core/sleep.ts'
import type { StepKey, StepReport } from '../../../core/step.ts'
import type { JoinRequest } from '../../../core/join.ts'
import type { WaitRequest } from '../../../core/wait.ts'
import type { Json, ProgressReport } from '../../../core/task.ts'
import type { TraceContext } from '../../../core/trace-context.ts'
import type { LogLines } from '../backlog.ts'
import type { Ended } from '../executor.ts'

/**
 * Messages between a node, its host processes and their threads: the same in both directions. `run` is the node's number for
 * a run; nothing here is stored or used across versions.
 */
export type ToThread =
  | Start
  | Readonly<{ kind: 'pause'; run: number }>
  | Readonly<{ kind: 'resume'; run: number; fence: number | undefined }>
  | Readonly<{ kind: 'abort'; run: number; reason: Reason }>
  | Readonly<{ kind: 'news'; run: number }>
  /** What the call of `RunCallbacks` has returned for which a message with this number asked. */
  | Readonly<{ kind: 'answer'; run: number; call: number; answer: unknown }>

/** What a thread is started with. */
export type ThreadData = Readonly<{
  /** Incremented with every message to the thread. */
  bell: ArrayBufferLike
  /** Descriptor of the lease file; undefined without leases. */
  lease: number | undefined
}>

export type ToHost = ToThread | Readonly<{ kind: 'kill'; run: number }>

export type Start = Readonly<{
  kind: 'start'
  run: number
  /** URL of the module that exports the type. */
  module: string
  type: string
  id: string
  attempt: number
  fence: number
  parameters: Json
  checkpoint: Json | null
  crashes: number
  sleeps: SleepsLeft | null
  trace: TraceContext | null
  /** Bytes. */
  memory: number | null
}>

/** An error of the core by value. */
export type Reason = Readonly<{ code: string; message: string }>

export type FromThread =
  | Readonly<{ kind: 'checkpoint'; run: number; state: Json }>
  | Readonly<{ kind: 'durable'; run: number; call: number; state: Json }>
  | Readonly<{ kind: 'recall'; run: number; call: number; key: StepKey }>
  | Readonly<{ kind: 'step'; run: number; call: number; report: StepReport }>
  | Readonly<{ kind: 'spawn'; run: number; call: number; request: SpawnRequest }>
  | Readonly<{ kind: 'wait'; run: number; call: number; request: WaitRequest }>
  | Readonly<{ kind: 'join'; run: number; call: number; request: JoinRequest }>
  | Readonly<{ kind: 'outcomes'; run: number; call: number; children: readonly string[] }>
  | Readonly<{ kind: 'progress'; run: number; progress: ProgressReport }>
  | Readonly<{ kind: 'log'; run: number; log: LogLines }>
  | Readonly<{ kind: 'suspended'; run: number }>
  | Readonly<{ kind: 'asleep'; run: number; request: SleepRequest }>
  | Readonly<{ kind: 'awake'; run: number; early: boolean }>
  /** `clean`: nothing of the run is left in the thread, so it can take another one. */
  | Readonly<{ kind: 'ended'; run: number; ended: Ended; clean: boolean }>

export type FromHost =
  | FromThread
  /** The thread was told to terminate but does not: it is stuck in native code. */
  | Readonly<{ kind: 'stuck'; run: number }>
