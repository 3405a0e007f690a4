import { DefinitionInvalid } from '../core/errors.ts'
import { parseDuration } from '../core/duration.ts'
import type { SubmitOptions } from '../engine/api.ts'
import type { TaskManager } from '../engine/task-manager.ts'
import type { Duration } from '../registry/context.ts'
import { Registry } from '../registry/registry.ts'
import type { AnyTaskType, TaskType } from '../registry/type.ts'
import { inlineExecutor } from '../execution/executors/inline.ts'
import { openMemory } from '../store/memory/store.ts'
import { Breakpoints, type At } from './breakpoints.ts'
import { FakeClock } from './clock.ts'
import { Lab } from './lab.ts'
import { Mortal } from './mortal.ts'
import { TestTask } from './task.ts'
import { watched } from './watched.ts'

export type TestManagerOptions = Readonly<{
  tasks: readonly AnyTaskType[]
  /** Maximum number of tasks running at once. Default 10. */
  maxConcurrent?: number
}>

/**
 * A complete task manager in memory, on a clock that only the test advances. Handlers run on the main thread, whatever their
 * types say. It can crash and recover like a real one: committed data remains, everything else is lost.
 */
export class TestManager implements AsyncDisposable {
  readonly #lab: Lab
  readonly #tasks: readonly AnyTaskType[]
  readonly #breakpoints = new Breakpoints()
  #node!: Mortal

  private constructor(lab: Lab, tasks: readonly AnyTaskType[]) {
    this.#lab = lab
    this.#tasks = tasks
  }

  static async open({ tasks, maxConcurrent = 10 }: TestManagerOptions): Promise<TestManager> {
    // The memory store needs no turn of its own.
    const clock = new FakeClock(undefined, 3)
    const lab = new Lab(clock, await openMemory({ clock }), tasks, { maxConcurrent })
    const manager = new TestManager(lab, tasks)
    await manager.#startNode()
    return manager
  }

  /** The library's task manager on the current node, not the one from before a crash. */
  get manager(): TaskManager {
    return this.#lab.node
  }

  /** Warnings and errors logged by the manager. */
  get warnings(): readonly string[] {
    return this.#lab.warnings
  }

  /** The time of the clock. */
  get now(): Date {
    return new Date(this.#lab.clock.now())
  }

  /** Submits a task, and lets happen what is due now. Throws what the library throws. */
  async submit<Input, State, Result>(
    type: TaskType<Input, State, Result>,
    parameters: Input,
    options?: SubmitOptions,
  ): Promise<TestTask<Result, State>> {
    const { task } = await this.manager.enqueue(type.type, parameters, options)
    await this.advance(0)
    return new TestTask<Result, State>(task.id, this.#lab)
  }

  /** Advances the clock: every timer fires in order, each at its own time, and what it triggers runs before the next one. */
  async advance(time: Duration): Promise<void> {
    const ms = parseDuration(time)
    if (ms === undefined)
      throw new RangeError(`${JSON.stringify(time)} is not a duration; use seconds or text like "10s"`)
    await this.#lab.pass(ms)
  }

  /** Pauses the next task of the type that reaches such a checkpoint. */
  pauseAt<Input, State, Result>(type: TaskType<Input, State, Result>, at: At<State>): void {
    this.#breakpoints.set(this.#named(type), 'pause', at)
  }

  /**
   * The next time a task of the type reaches such a checkpoint, its node dies right after the commit, and another one
   * starts.
   */
  crashAt<Input, State, Result>(type: TaskType<Input, State, Result>, at: At<State>): void {
    this.#breakpoints.set(this.#named(type), 'crash', at)
  }

  /** The node dies now, as by `kill -9`, and another one starts. Handlers hang forever in their next `task.*` call. */
  async crash(): Promise<void> {
    this.#die()
    await this.advance(0)
  }

  /** Stops as on SIGTERM, and starts again. */
  async restart(): Promise<void> {
    await this.#close()
    await this.#startNode()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
    await this.#lab.store[Symbol.asyncDispose]()
  }

  #die(): void {
    this.#node.kill()
    this.#lab.started = this.#lab.started.then(() => this.#startNode())
  }

  async #startNode(): Promise<void> {
    const node = new Mortal(this.#lab.clock, this.#lab.store)
    this.#node = node
    const watch = {
      node,
      breakpoints: this.#breakpoints,
      pause: async (id: string) => void (await this.manager.control(id, 'pause')),
      crash: () => this.#die(),
    }
    await this.#lab.startNode({
      clock: node.clock,
      store: node.store,
      executor: inlineExecutor(node.clock),
      registry: new Registry(this.#tasks.map((type) => watched(type, watch))),
    })
  }

  async #close(): Promise<void> {
    const closing = this.manager.close()
    await this.#lab.pass(30_000)
    await closing
  }

  #named(type: AnyTaskType): string {
    if (this.#tasks.includes(type)) return type.type
    throw new DefinitionInvalid(`task type ${JSON.stringify(type.type)}: this manager does not have it`)
  }
}
