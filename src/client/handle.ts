import type { Calls, ReasonOptions, WaitOptions } from './calls.ts'
import { FermataError, isFermataError } from './errors.ts'
import { longPatience, type EventOptions } from './streams.ts'
import type { CallOptions } from './transport.ts'
import type {
  ControlAnswer,
  LogLine,
  ChildTask,
  TaskStep,
  TaskWait,
  Progress,
  TaskDetails,
  TaskEvent,
  TaskResult,
  TaskStatus,
} from './types.ts'
import { backoff, now, sleep } from './waiting.ts'

export type ResultOptions = CallOptions &
  Readonly<{
    /** Maximum seconds to wait. Default: until the task has finished. */
    timeout?: number
  }>

/** Maximum seconds to wait for one response; proxies in between may cut off longer ones. */
const longestWait = 25

/** A handle for one task. */
export class TaskHandle<Result = unknown> {
  readonly id: string
  readonly #client: Calls

  constructor(id: string, client: Calls) {
    this.id = id
    this.#client = client
  }

  /** The status of the task, with its progress and times. */
  status(options?: CallOptions): Promise<TaskStatus> {
    return this.#client.getTaskStatus(this.id, options)
  }

  /** All details of the task: documents, attempts and timeline too. */
  details(options?: CallOptions): Promise<TaskDetails> {
    return this.#client.getTask(this.id, options)
  }

  /**
   * Waits for the end, across server restarts, and returns the result of the handler as parsed from JSON. Throws
   * `TASK_FAILED` with the `taskError`, `CANCELLED`, `RESULT_NOT_READY` after the `timeout`, or the signal's reason.
   */
  async result(options: ResultOptions = {}): Promise<Result> {
    const { status, result, error } = await this.#ended(options)
    if (status === 'completed') return result as Result
    if (status === 'cancelled' || error === null) {
      throw new FermataError('CANCELLED', `Task ${this.id} was cancelled.`)
    }
    throw new FermataError('TASK_FAILED', `Task ${this.id} failed: ${error.message}`, { taskError: error })
  }

  /**
   * Iterates over events: every transition from the first one, or after version `after`, once and in order, with progress
   * and log lines in between, until the task has finished. The stream survives broken connections and server restarts.
   */
  events(options?: EventOptions): AsyncGenerator<TaskEvent, void, undefined> {
    return this.#client.streamTaskEvents(this.id, options)
  }

  /** Yields the current progress, and each change; ends with the last one when the task has finished. */
  async *progress(options: CallOptions = {}): AsyncGenerator<Progress, void, undefined> {
    let last: Progress | undefined
    for await (const event of this.events(options)) {
      if (event.kind !== 'progress') continue
      const { kind: _, task_id: __, at: ___, ...progress } = event
      if (!isSame(progress, last)) yield progress
      last = progress
    }
    const { progress } = await this.status(options)
    if (progress !== null && !isSame(progress, last)) yield progress
  }

  /** Its waits for answers, in the order in which runs came to them. */
  async *waits(options: CallOptions = {}): AsyncGenerator<TaskWait, void, undefined> {
    let cursor: string | undefined
    do {
      const page = await this.#client.getTaskWaits(this.id, {
        ...options,
        ...(cursor === undefined ? {} : { cursor }),
      })
      yield* page.waits
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** Answers its oldest open wait of this name, or the first one before it comes to it. Throws `WAIT_ANSWERED` if somebody else was first. */
  async answer(name: string, answer: unknown, options: ReasonOptions = {}): Promise<void> {
    await this.#client.answerTask(this.id, name, answer, options)
  }

  /** The log lines that are kept, oldest first. */
  async log(options: CallOptions & Readonly<{ after?: number; limit?: number }> = {}): Promise<LogLine[]> {
    return (await this.#client.getTaskLog(this.id, options)).lines
  }

  /** The steps that it has stored, in the order in which they were first stored. */
  async *steps(options: CallOptions = {}): AsyncGenerator<TaskStep, void, undefined> {
    let cursor: string | undefined
    do {
      const page = await this.#client.getTaskSteps(this.id, {
        ...options,
        ...(cursor === undefined ? {} : { cursor }),
      })
      yield* page.steps
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** The tasks that it has started, the oldest first. */
  async *children(options: CallOptions = {}): AsyncGenerator<ChildTask, void, undefined> {
    let cursor: string | undefined
    do {
      const { children } = await this.#client.getTaskFamily(this.id, {
        ...options,
        ...(cursor === undefined ? {} : { cursor }),
      })
      yield* children.tasks
      cursor = children.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** Resolves when the task is paused, or after `wait` seconds (2). */
  pause(options?: WaitOptions): Promise<ControlAnswer> {
    return this.#client.pauseTask(this.id, options)
  }

  resume(options?: WaitOptions): Promise<ControlAnswer> {
    return this.#client.resumeTask(this.id, options)
  }

  cancel(options?: WaitOptions): Promise<ControlAnswer> {
    return this.#client.cancelTask(this.id, options)
  }

  /** Runs the task again after a failure or a cancel. */
  retry(options?: WaitOptions & Readonly<{ from?: 'checkpoint' | 'start' }>): Promise<ControlAnswer> {
    return this.#client.retryTask(this.id, options)
  }

  async #ended({ timeout = Infinity, patience = longPatience, signal }: ResultOptions): Promise<TaskResult> {
    const end = now() + timeout
    for (let early = 0; ; early++) {
      const left = Math.max(0, end - now())
      const wait = Math.min(longestWait, left)
      const asked = now()
      try {
        return await this.#client.getTaskResult(this.id, { wait, signal, patience: Math.min(patience, left) })
      } catch (error) {
        if (!isFermataError(error, 'RESULT_NOT_READY') || now() >= end) throw error
      }
      // A server that is about to stop does not wait.
      if (now() - asked >= wait / 2) early = 0
      else await sleep(Math.min(backoff(early), Math.max(0, end - now())), signal)
    }
  }
}

/** The progress without rate and ETA, which change with every read. */
function isSame(one: Progress, other: Progress | undefined): boolean {
  return one.current === other?.current && one.total === other.total && one.message === other.message
}
