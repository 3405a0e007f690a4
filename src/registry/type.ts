import type { z } from 'zod'
import type { PreemptionRule } from '../core/preemption.ts'
import type { Sensitive } from '../core/redaction.ts'
import type { Backoff } from '../core/task.ts'
import type { AdmissionRules } from './admission.ts'
import type { ThreadContext } from './context.ts'
import type { Typed } from './typed.ts'
import type { UniqueRule } from './unique.ts'

/**
 * `inline`: on the main thread, for code that mostly awaits. `thread`: in a thread of a pool, for code that computes.
 * `process`: in a separate process, for code that can hang in native calls or crash its process. `command`: any executable.
 */
export type Runtime = 'inline' | 'thread' | 'process' | 'command'

/** `remote`: in workers that ask for tasks over HTTP, and never on a node. */
export type RunsAt = Runtime | 'remote'

/** How an executable is started and paused. */
export type CommandSpec = Readonly<{
  /** The file and its arguments; never a shell. */
  command: (parameters: unknown) => readonly string[]
  env: (parameters: unknown) => Readonly<Record<string, string>>
  /** Working folder. */
  cwd: (parameters: unknown) => string | undefined
  pause: PauseBy
}>

/**
 * `freeze`: the processes are stopped and later continue in place. `checkpoint`: the program is asked to write a checkpoint
 * and exit, and is started again with it.
 */
export type PauseBy = 'freeze' | 'checkpoint'

/** Marks a value as a type, whichever copy of this program created it. */
export const brand: unique symbol = Symbol.for('fermata.type') as never

/** A validated type, ready for a registry. Created by `defineTask`. */
export interface TaskType<Input = never, State = unknown, Result = unknown> extends Typed<
  Input,
  State,
  Result
> {
  /** File and line, if known. */
  readonly definedAt: string | undefined
  readonly description: string
  readonly parameters: z.ZodType
  readonly jsonSchema: Readonly<Record<string, unknown>>
  readonly example: unknown
  readonly state: z.ZodType | undefined
  readonly runs: RunsAt
  /** URL of the module that exports it; null if it runs inline. */
  readonly module: string | null
  /** Bytes. */
  readonly memory: number | null
  /** Null unless it is an executable. */
  readonly command: CommandSpec | null
  readonly concurrency: number | null
  /** Maximum tasks that wait; null for no maximum. */
  readonly maxQueued: number | null
  readonly attempts: number
  readonly backoff: Backoff
  /** Milliseconds. */
  readonly timeout: number | null
  /** Milliseconds within which its tasks must start; null if they may wait. */
  readonly expiresIn: number | null
  readonly poisonLimit: number | null
  /** Null if its tasks do not make room for urgent ones. */
  readonly preemption: PreemptionRule | null
  /** Null if its tasks need no unique key. */
  readonly unique: UniqueRule | null
  /** Null if it declares no sensitive values. */
  readonly sensitive: Sensitive | null
  /** Null if only priority and order decide when its tasks start. */
  readonly admission: AdmissionRules | null
  readonly run: (parameters: unknown, task: ThreadContext<unknown>) => unknown
  readonly [brand]: true
}

/** Any type, whatever its parameters and result. */
export type AnyTaskType = TaskType

export function isTaskType(value: unknown): value is AnyTaskType {
  return typeof value === 'object' && value !== null && brand in value
}
