import type { Json, ProgressReport } from '../../../core/task.ts'
import type { LogLines } from '../backlog.ts'
import type { Ended } from '../executor.ts'

/**
 * What a node and a host process say to each other, and the host and its threads: the same words on both ways. `run` is a
 * number of the node's own for one run; nothing here is kept or crosses versions.
 */
export type ToThread =
  | Start
  | Readonly<{ kind: 'pause'; run: number }>
  | Readonly<{ kind: 'resume'; run: number; fence: number | undefined }>
  | Readonly<{ kind: 'abort'; run: number; reason: Reason }>
  /** Answers `durable`. */
  | Readonly<{ kind: 'held'; run: number; call: number; held: boolean }>

/** With what a thread is started. */
export type ThreadData = Readonly<{
  /** Rises with every message to the thread. */
  bell: ArrayBufferLike
  /** Descriptor of the file of the lease; undefined where there are no leases. */
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
  /** Bytes. */
  memory: number | null
}>

/** An error of the core by value. */
export type Reason = Readonly<{ code: string; message: string }>

export type FromThread =
  | Readonly<{ kind: 'checkpoint'; run: number; state: Json }>
  | Readonly<{ kind: 'durable'; run: number; call: number; state: Json }>
  | Readonly<{ kind: 'progress'; run: number; progress: ProgressReport }>
  | Readonly<{ kind: 'log'; run: number; log: LogLines }>
  | Readonly<{ kind: 'suspended'; run: number }>
  /** `clean`: nothing of the run is left in the thread, which can take another one. */
  | Readonly<{ kind: 'ended'; run: number; ended: Ended; clean: boolean }>

export type FromHost =
  | FromThread
  /** The thread was told to terminate and does not: it is stuck in native code. */
  | Readonly<{ kind: 'stuck'; run: number }>
