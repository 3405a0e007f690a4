import { TaskCancelled, TaskFailed } from '../core/errors.ts'
import { isTerminal, type Control, type Progress, type Status, type Task, type TaskId } from '../core/task.ts'
import type { Duration } from '../registry/context.ts'
import { parseDuration } from '../core/duration.ts'
import type { Lab } from './lab.ts'

/** A task in a test, across crashes. */
export class TestTask<Result = unknown, State = unknown> {
  readonly id: TaskId
  readonly #lab: Lab

  constructor(id: TaskId, lab: Lab) {
    this.id = id
    this.#lab = lab
  }

  async task(): Promise<Task> {
    return (await this.#lab.node.brief(this.id)).task
  }

  async status(): Promise<Status> {
    return (await this.task()).status
  }

  async progress(): Promise<Progress | null> {
    return (await this.task()).progress
  }

  /** The latest committed checkpoint; undefined without one. Uncommitted ones are up to a tenth of a second newer. */
  async checkpoint(): Promise<State | undefined> {
    const { checkpoint } = await this.#lab.node.details(this.id)
    return checkpoint === null ? undefined : (JSON.parse(checkpoint) as State)
  }

  /** The committed log lines of the handler. */
  async log(): Promise<string[]> {
    return (await this.#lab.node.log(this.id)).map(({ text }) => text)
  }

  /** The names of its events so far: `submitted`, `claimed`, `paused`... */
  async events(): Promise<string[]> {
    return (await this.#lab.node.details(this.id)).timeline.map(({ event }) => event)
  }

  /** Returns the resulting status within two seconds of the clock, like the API. */
  pause(): Promise<Status> {
    return this.#control('pause')
  }

  resume(): Promise<Status> {
    return this.#control('resume')
  }

  cancel(): Promise<Status> {
    return this.#control('cancel')
  }

  retry(): Promise<Status> {
    return this.#control('retry')
  }

  /**
   * Answers the oldest open wait of this name. If the handler has not come to one, the answer is kept for the first. Throws `AnswerInvalid`
   * and `WaitAnswered`.
   */
  answer(name: string, answer: unknown): Promise<void> {
    return this.#lab.answer(this.id, name, answer)
  }

  /**
   * Advances the clock until the task has finished, by at most `within` (an hour); returns the result as parsed from JSON.
   * Throws `TaskFailed`, `TaskCancelled`, or an error with the current status if the time is over.
   */
  async result(within: Duration = '1h'): Promise<Result> {
    const ms = parseDuration(within)
    if (ms === undefined)
      throw new RangeError(`${JSON.stringify(within)} is not a duration; use seconds or text like "10s"`)
    await this.#lab.pass(ms, async () => isTerminal(await this.status()))
    const status = await this.status()
    if (!isTerminal(status))
      throw new Error(`Task ${this.id} did not finish within ${within}: it is ${status}.`)
    const { task, result } = await this.#lab.node.details(this.id)
    if (task.status === 'completed') return JSON.parse(result ?? 'null') as Result
    if (task.status === 'failed' && task.error !== null) throw new TaskFailed(this.id, task.error)
    throw new TaskCancelled(this.id)
  }

  #control(control: Control): Promise<Status> {
    return this.#lab.control(this.id, control)
  }
}
