import { TaskCancelled, TaskFailed } from '../core/errors.ts'
import { isTerminal, type Task, type TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { NumberedLine, StepPage, TaskRecord } from '../store/store.ts'
import type { ControlOptions, ReasonOptions, TaskManagerApi } from './api.ts'
import type { WaitList, WaitListOptions, WaitOutcome } from './waits.ts'
import type { Family, FamilyOptions } from './family.ts'

/** A handle for a submitted task. */
export class TaskHandle<Result = unknown> {
  readonly id: TaskId
  readonly #manager: TaskManagerApi

  constructor(id: TaskId, manager: TaskManagerApi) {
    this.id = id
    this.#manager = manager
  }

  /** The task. */
  async task(): Promise<Task> {
    return (await this.#manager.brief(this.id)).task
  }

  /** The task with its documents and timeline. */
  details(): Promise<TaskRecord> {
    return this.#manager.details(this.id)
  }

  /** A page of the steps that it has stored, in the order in which they were first stored. */
  steps(options: Readonly<{ after?: number; limit?: number }> = {}): Promise<StepPage> {
    return this.#manager.steps(this.id, options)
  }

  /** A page of its waits for answers, in the order in which runs came to them. */
  waits(options: WaitListOptions = {}): Promise<WaitList> {
    return this.#manager.waits.of(this.id, options)
  }

  /**
   * Answers its oldest open wait of this name, or the first one before a run comes to it. Throws `WaitAnswered`, `WaitUnknown` once the
   * task has ended, and `AnswerInvalid`.
   */
  answer(name: string, answer: unknown, options: ReasonOptions = {}): Promise<WaitOutcome> {
    return this.#manager.waits.answer(this.id, name, answer, options)
  }

  /** Its parent, a page of its children, and the tasks that wait for each other with it. */
  family(options: FamilyOptions = {}): Promise<Family> {
    return this.#manager.family(this.id, options)
  }

  /** The log lines that are kept, oldest first. */
  log(options: Readonly<{ after?: number; limit?: number }> = {}): Promise<readonly NumberedLine[]> {
    return this.#manager.log(this.id, options)
  }

  /**
   * Waits for the end. Throws `TaskFailed`, `TaskCancelled`, `TaskUnknown` once it is deleted, `ShuttingDown` if the manager
   * closes first, or the signal's reason. Returns a JSON copy of what the handler returned.
   */
  async result(options: Readonly<{ signal?: AbortSignal }> = {}): Promise<Result> {
    for (;;) {
      await this.#manager.ended(this.id, options)
      const { task, result } = await this.#manager.details(this.id)
      if (task.status === 'completed') return JSON.parse(result ?? 'null') as Result
      if (task.status === 'failed' && task.error !== null) throw new TaskFailed(this.id, task.error)
      if (isTerminal(task.status)) throw new TaskCancelled(this.id)
      // The task was retried in the meantime: its end is still to come.
    }
  }

  /** Resolves when the task is paused, or after `wait` milliseconds. */
  pause(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'pause', options)
  }

  resume(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'resume', options)
  }

  cancel(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'cancel', options)
  }

  /** Runs the task again after a failure or a cancel. */
  retry(options: ControlOptions = {}): Promise<Task> {
    return this.#manager.control(this.id, 'retry', options)
  }

  /** Deletes the task once it has finished. */
  purge(): Promise<void> {
    return this.#manager.purge(this.id)
  }

  /** All transitions from the first one (or after version `after`) to the final one, then live events, without a gap. */
  events(options: Readonly<{ after?: number; signal?: AbortSignal }> = {}): AsyncIterable<TaskEvent> {
    return this.#manager.events(this.id, options)
  }
}

/** Milliseconds that a control waits for the engine by default. */
const defaultWait = { wait: 2_000 } as const
