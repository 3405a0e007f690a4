import type { FailurePolicy, ParentEnd } from '../core/task.ts'
import type { Typed } from './typed.ts'
import type { ZodType } from 'zod'

/** Seconds as a number, or a string with units: `'10m'`, `'1h30m'`, `'250ms'`. */
export type Duration = number | string

export type StepOptions = Readonly<{
  /** How often the function is called again if it fails, after the delays of the backoff of the type. Default: 0. */
  retries?: number
  /** How long a call may take. Its signal is aborted then, and it counts as failed. */
  timeout?: Duration
}>

/** What the function of a step sees. */
export type StepContext = Readonly<{
  /** The same for every call of this step, in all runs: other systems recognise a repeated request by it. */
  idempotencyKey: string
  /** Call of the function, from 1, over all runs that stored how the step ended. */
  attempt: number
  /** Aborted with the signal of the task, and when the call takes too long. */
  signal: AbortSignal
}>

/** The result of a step as it is stored: nothing becomes null. */
export type StepResult<Result> = [Result] extends [void] ? null : Result

/** Options of a child. Durations are seconds or strings with units. */
export type SpawnOptions = Readonly<{
  /** How a later run of the task finds the child again. Default: its type. Uses of one name are counted in each run, as for steps. */
  name?: string
  /** What happens to the child if it has not ended when its parent ends, in whatever way. Default `cancel`. */
  onParentEnd?: ParentEnd
  /** -1000 to 1000, higher first. Default: that of the parent. */
  priority?: number
  /** Start after this delay. Excludes `runAt`. */
  delay?: Duration
  /** Start at or after this time: a date, or Unix seconds. */
  runAt?: Date | number
  /** It is cancelled if it has not started within this time. Default: that of its type. */
  expiresIn?: Duration
  timeout?: Duration
  maxAttempts?: number
  backoff?: Duration | Readonly<{ base?: Duration; factor?: number; max?: Duration; jitter?: number }>
  /** Default: those of the parent. */
  tags?: readonly string[]
  /** Ids of tasks: it starts once all of them have completed. At most 10,000. */
  after?: readonly string[]
  /** What happens to it if one of these fails or is cancelled. Default `cancel`. */
  onFailure?: FailurePolicy
  /** Keys under limits, by the name of the limit; in place of those that the type computes. */
  limits?: Readonly<Record<string, string>>
  /** Tasks with different keys take turns; in place of the key that the type computes. */
  fairnessKey?: string
  /** Told of its end, as a webhook is: `https://` or `http://`, without a password. */
  callbackUrl?: string
}>

declare const resultOf: unique symbol

/** A type, by its definition or by its name. */
export type ChildType = string | Typed

/** A task that was started by `spawn`. */
export type Child<Result = unknown> = Readonly<{
  id: string
  type: string
  name: string
  /** Which use of the name it is in a run, from 1. */
  occurrence: number
  [resultOf]?: Result
}>

/** What a child has returned, as it is stored: nothing becomes null. */
export type ChildResult<Of> = Of extends Child<infer Result> ? StepResult<Result> : unknown

/** How a child has ended. */
export type SettledChild<Of extends Child = Child> = Of extends Child
  ?
      | Readonly<{ status: 'completed'; child: Of; result: ChildResult<Of> }>
      | Readonly<{
          status: 'failed'
          child: Of
          error: Readonly<{ code: string; name: string; message: string }>
        }>
      | Readonly<{ status: 'cancelled'; child: Of }>
  : never

/** The first child that has completed. */
export type CompletedChild<Of extends Child = Child> = Of extends Child
  ? Readonly<{ child: Of; result: ChildResult<Of> }>
  : never

export type WaitOptions<Answer = unknown> = Readonly<{
  /** What an answer must be; others are refused. Must have a JSON schema of at most 64 KiB. Default: any JSON value. */
  schema?: ZodType<Answer>
  /** What people are asked. At most 4,000 characters. */
  message?: string
  /** From the moment at which the first run comes to it. Default: no limit. */
  timeout?: Duration
}>

/** What a wait returns that nobody has answered in time. */
export type TimedOut = Readonly<{ timedOut: true }>

/** What a handler sees of its task. While the task is paused, every awaited call here suspends. */
export interface TaskContext<State> {
  readonly id: string
  /** 1 for the first attempt; pausing and resuming stays within one attempt. */
  readonly attempt: number
  /** Rises with every claim. Pass it in writes to other systems to reject those of an older run. */
  readonly fence: number
  /**
   * The trace to continue in calls to other systems, as a W3C `traceparent`: that of this attempt if the node traces, else the
   * one with which the task was submitted, if any.
   */
  readonly traceparent: string | undefined
  /** Goes with `traceparent`. */
  readonly tracestate: string | undefined
  /** Aborted when the task is cancelled or times out, or when this run of the handler must stop. */
  readonly signal: AbortSignal
  /** The latest committed checkpoint of an earlier run; undefined on a fresh start. */
  readonly state: State | undefined
  /**
   * A pause point, and with a state also a checkpoint. It is buffered, the latest wins, and it is committed within a second,
   * or with `durable` before this resolves. Throws the signal's reason once the signal is aborted.
   */
  checkpoint(state?: State, options?: Readonly<{ durable?: boolean }>): Promise<void>
  /**
   * Not awaited, and never suspends. `current` counts towards `total`, in units of your choice; pass null or nothing if the
   * total is unknown. Throws `RangeError` for values that are not finite numbers.
   */
  progress(current: number, total?: number | null, message?: string | null): void
  /**
   * Sleeps. For more than a second, the task becomes `waiting` and frees its slot, once the handler calls nothing else; it continues after
   * a restart, where sleeps since the last checkpoint are not repeated. Such a sleep goes on while the task is paused; a shorter one
   * continues after the pause. A cancel throws immediately. Throws `RangeError` for what is no duration.
   */
  sleep(time: Duration): Promise<void>
  /**
   * Runs a named piece of the handler once: its result is stored before this resolves, and returned without a call in every
   * later run of the task. A function that was running when its node died is called again. Uses of one name are counted in
   * each run, so use it in the same order in every run, or give each its own name. A pause point. Throws what the last call
   * threw, `TOO_MANY_STEPS`, or `NOT_JSON` and `TOO_LARGE` for a result that cannot be stored.
   */
  step<Result>(
    name: string,
    run: (step: StepContext) => Promise<Result> | Result,
    options?: StepOptions,
  ): Promise<StepResult<Result>>
  /**
   * Starts a task of this type as a child of this one, and resolves once it is committed. A later run that comes to the same name gets
   * the same child, whatever its status and parameters are by then. A pause point. Throws what a submit throws, `TOO_MANY_CHILDREN`,
   * `CHILDREN_TOO_DEEP`, and `CHILD_TAKEN` if the name stands for a child of another type.
   */
  spawn<Input, ChildState, Result>(
    type: Typed<Input, ChildState, Result>,
    parameters: Input,
    options?: SpawnOptions,
  ): Promise<Child<Result>>
  /** The same for a type that is defined elsewhere. */
  spawn(type: string, parameters: unknown, options?: SpawnOptions): Promise<Child>
  /**
   * Starts a child for each of these parameters, in commits of up to 500. They share the name, and are told apart by the order in which
   * they are started. A run that is interrupted in between starts only the others.
   */
  spawnAll<Input, ChildState, Result>(
    type: Typed<Input, ChildState, Result>,
    list: readonly Input[],
    options?: SpawnOptions,
  ): Promise<Child<Result>[]>
  spawnAll(type: string, list: readonly unknown[], options?: SpawnOptions): Promise<Child[]>
  /**
   * Waits until all of these children have completed, and returns their results in order. While it waits, the task is `waiting` and holds
   * no slot, as in `wait`. If one fails or is cancelled, it throws `CHILD_FAILED` without waiting for the others; the attempt is the last
   * then, unless the handler catches it. A pause point. Throws `CHILD_UNKNOWN` for what is no child of this task.
   */
  all<const Children extends readonly Child[]>(
    children: Children,
  ): Promise<{ -readonly [Place in keyof Children]: ChildResult<Children[Place]> }>
  /**
   * The same until one has completed, which it returns with its result: the first by the time of its end. Throws `NO_CHILD_COMPLETED` if all
   * have ended and none has.
   */
  any<const Children extends readonly Child[]>(children: Children): Promise<CompletedChild<Children[number]>>
  /** The same until all have ended, in whatever way: it never throws because of a child. */
  settled<const Children extends readonly Child[]>(
    children: Children,
  ): Promise<{ -readonly [Place in keyof Children]: SettledChild<Children[Place]> }>
  /**
   * Waits for an answer from outside: of a person, or of another system. It is asked for with `message`, and returned in every later run
   * of the task. The task becomes `waiting` and frees its slot, once the handler calls nothing else; a pause and a restart change nothing
   * about that. Uses of one name are counted in each run. With a `timeout`, it returns `{ timedOut: true }` if nobody has answered in time. A
   * pause point. Throws `TOO_MANY_WAITS` and `TOO_LARGE`, and `STORED_INVALID` for an answer that does not match the schema after all.
   */
  wait<Answer = unknown>(
    name: string,
    options: WaitOptions<Answer> & Readonly<{ timeout: Duration }>,
  ): Promise<Answer | TimedOut>
  wait<Answer = unknown>(name: string, options?: WaitOptions<Answer>): Promise<Answer>
  /** Adds a line to the log of the task. */
  log(...values: readonly unknown[]): void
}

/** What a handler sees in a thread or process, where it may block. */
export interface ThreadContext<State> extends TaskContext<State> {
  /**
   * The same without a promise, for loops that never await: blocks while the task is paused, throws once it is cancelled,
   * and with `durable` blocks until the commit. `task.signal.aborted` is current in such loops too.
   */
  checkpointSync(state?: State, options?: Readonly<{ durable?: boolean }>): void
  progressSync(current: number, total?: number | null, message?: string | null): void
}
