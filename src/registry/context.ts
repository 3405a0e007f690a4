/** Seconds as a number, or text with a unit: `'10m'`, `'1h30m'`, `'250ms'`. */
export type Duration = number | string

/** What a handler sees of its task. While the task is paused, every awaited call here suspends. */
export interface TaskContext<State> {
  readonly id: string
  /** 1 for the first; a pause and its resume stay within one attempt. */
  readonly attempt: number
  /** Rises with every claim: name it in outside writes to shut out an older run. */
  readonly fence: number
  /** Aborted when the task is cancelled or times out, or this copy of the handler must end. */
  readonly signal: AbortSignal
  /** The newest committed checkpoint, with which an earlier run ended; undefined on a fresh start. */
  readonly state: State | undefined
  /**
   * A pause point, and with a state a checkpoint too: buffered, the newest wins, committed within a second, or before
   * this resolves with `durable`. Throws the signal's reason once the signal is aborted.
   */
  checkpoint(state?: State, options?: Readonly<{ durable?: boolean }>): Promise<void>
  /**
   * Not awaited and never suspends. `current` counts towards `total`, in units of the handler's choice; null or nothing when
   * the total is not known. Throws `RangeError` for what is no finite number.
   */
  progress(current: number, total?: number | null, message?: string | null): void
  /** Sleeps; a pause inside keeps what is left, a cancel throws at once. */
  sleep(time: Duration): Promise<void>
  /** A line for the people who watch the task. */
  log(...values: readonly unknown[]): void
}

/** What a handler sees in a thread or process of its own, where it may block. */
export interface ThreadContext<State> extends TaskContext<State> {
  /**
   * The same without a promise, for loops that never await: blocks while the task is paused, throws once it is cancelled,
   * and with `durable` blocks until the commit. `task.signal.aborted` is up to date in such a loop too.
   */
  checkpointSync(state?: State, options?: Readonly<{ durable?: boolean }>): void
  progressSync(current: number, total?: number | null, message?: string | null): void
}
