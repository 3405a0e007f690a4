import { TaskCancelled, TaskFailed } from '../core/errors.ts'
import { isTerminal, type Control, type Progress, type Status, type Task, type TaskId } from '../core/task.ts'
import type { Duration } from '../registry/context.ts'
import { parseDuration } from '../core/duration.ts'
import type { Lab } from './lab.ts'

/** A task in a test: what can be done to it, and what can be seen of it, over crashes too. */
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

  /** The newest committed checkpoint; undefined without one. Uncommitted ones are a tenth of a second away from it. */
  async checkpoint(): Promise<State | undefined> {
    const { checkpoint } = await this.#lab.node.details(this.id)
    return checkpoint === null ? undefined : (JSON.parse(checkpoint) as State)
  }

  /** The lines that the handler has logged and that are committed. */
  async log(): Promise<string[]> {
    return (await this.#lab.node.log(this.id)).map(({ text }) => text)
  }

  /** The names of its events so far: `submitted`, `claimed`, `paused`... */
  async events(): Promise<string[]> {
    return (await this.#lab.node.details(this.id)).timeline.map(({ event }) => event)
  }

  /** Answers the status that the engine has made of it within two seconds of the clock, as the API does. */
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
   * Lets time pass until the task has ended, at most `within` (an hour); answers what the handler returned, as JSON brings it.
   * Throws `TaskFailed`, `TaskCancelled`, or an error that says where the task stands when the time is over.
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
