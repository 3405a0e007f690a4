import { TaskCancelled, TaskFailed } from '../core/errors.ts'
import { isTerminal, type Task, type TaskId } from '../core/task.ts'
import type { TaskEvent } from '../journal/event.ts'
import type { NumberedLine, TaskRecord } from '../store/store.ts'
import type { ControlOptions, TaskManagerApi } from './api.ts'

/** A submitted task in the hands of its caller. */
export class TaskHandle<Result = unknown> {
  readonly id: TaskId
  readonly #manager: TaskManagerApi

  constructor(id: TaskId, manager: TaskManagerApi) {
    this.id = id
    this.#manager = manager
  }

  /** The task as it stands. */
  async task(): Promise<Task> {
    return (await this.#manager.brief(this.id)).task
  }

  /** The task with its documents and timeline. */
  details(): Promise<TaskRecord> {
    return this.#manager.details(this.id)
  }

  /** The lines that it has logged and that are kept, the oldest first. */
  log(options: Readonly<{ after?: number; limit?: number }> = {}): Promise<readonly NumberedLine[]> {
    return this.#manager.log(this.id, options)
  }

  /**
   * Waits for the end. Throws `TaskFailed`, `TaskCancelled`, `TaskUnknown` once it is pruned, `ShuttingDown` when the manager
   * closes before, or the signal's reason. A JSON copy of what the handler returned.
   */
  async result(options: Readonly<{ signal?: AbortSignal }> = {}): Promise<Result> {
    for (;;) {
      await this.#manager.ended(this.id, options)
      const { task, result } = await this.#manager.details(this.id)
      if (task.status === 'completed') return JSON.parse(result ?? 'null') as Result
      if (task.status === 'failed' && task.error !== null) throw new TaskFailed(this.id, task.error)
      if (isTerminal(task.status)) throw new TaskCancelled(this.id)
      // Somebody has retried it meanwhile: its end is still to come.
    }
  }

  /** Answers when the handler stands still, or after `wait` milliseconds. */
  pause(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'pause', options)
  }

  resume(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'resume', options)
  }

  cancel(options: ControlOptions = defaultWait): Promise<Task> {
    return this.#manager.control(this.id, 'cancel', options)
  }

  /** Once more after a failure or a cancel. */
  retry(options: ControlOptions = {}): Promise<Task> {
    return this.#manager.control(this.id, 'retry', options)
  }

  /** Deletes the task, once it has ended. */
  purge(): Promise<void> {
    return this.#manager.purge(this.id)
  }

  /** From the first transition (or after the version `after`) to the terminal one, then what happens, without a gap. */
  events(options: Readonly<{ after?: number; signal?: AbortSignal }> = {}): AsyncIterable<TaskEvent> {
    return this.#manager.events(this.id, options)
  }
}

/** Milliseconds that a control waits for the engine unless told otherwise. */
const defaultWait = { wait: 2_000 } as const
