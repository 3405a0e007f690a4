import type { TaskId } from '../core/task.ts'
import { DefinitionInvalid } from '../core/errors.ts'
import type {
  Child,
  ChildType,
  Duration,
  SpawnOptions,
  StepContext,
  StepOptions,
  StepResult,
  ThreadContext,
  WaitOptions,
} from '../registry/context.ts'
import type { AnyTaskType } from '../registry/type.ts'
import type { Breakpoints } from './breakpoints.ts'
import type { Mortal } from './mortal.ts'

export type Watch = Readonly<{
  node: Mortal
  breakpoints: Breakpoints
  pause: (id: TaskId) => Promise<void>
  crash: () => void
}>

/** The type with a handler that runs on the main thread, stops at breakpoints, and dies with its node. */
export function watched(type: AnyTaskType, watch: Watch): AnyTaskType {
  if (type.runs === 'command') {
    throw new DefinitionInvalid(
      `task type ${JSON.stringify(type.type)}: an executable has no handler to test. Run it with openTaskManager on sqlite::memory:`,
    )
  }
  return {
    ...type,
    runs: 'inline',
    run: (parameters, task) => type.run(parameters, new WatchedContext(task, type.type, watch)),
  }
}

/** What the handler sees. Once its node is dead, its next call never returns. */
class WatchedContext implements ThreadContext<unknown> {
  readonly id: TaskId
  readonly attempt: number
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  readonly #task: ThreadContext<unknown>
  readonly #type: string
  readonly #watch: Watch

  constructor(task: ThreadContext<unknown>, type: string, watch: Watch) {
    this.id = task.id
    this.attempt = task.attempt
    this.traceparent = task.traceparent
    this.tracestate = task.tracestate
    this.#task = task
    this.#type = type
    this.#watch = watch
  }

  get fence(): number {
    return this.#task.fence
  }

  get signal(): AbortSignal {
    return this.#task.signal
  }

  get state(): unknown {
    return this.#task.state
  }

  checkpoint(state?: unknown, options?: Readonly<{ durable?: boolean }>): Promise<void> {
    const { node, breakpoints, pause, crash } = this.#watch
    return node.outlive(async () => {
      const act = breakpoints.reached(this.id, this.#type, state)
      if (act === 'pause') await pause(this.id)
      await this.#task.checkpoint(state, act === 'crash' ? { durable: true } : options)
      if (act === 'crash') crash()
    })
  }

  /** Cannot suspend a handler that never awaits: it only stores, and throws once the task is cancelled. */
  checkpointSync(state?: unknown): void {
    if (this.#watch.breakpoints.reached(this.id, this.#type, state) !== undefined) {
      throw new DefinitionInvalid(`task type ${this.#type}: checkpointSync cannot pause in a test`)
    }
    void this.#task.checkpoint(state)
    this.#task.signal.throwIfAborted()
  }

  step<Result>(
    name: string,
    run: (step: StepContext) => Promise<Result> | Result,
    options?: StepOptions,
  ): Promise<StepResult<Result>> {
    const { node, breakpoints, pause, crash } = this.#watch
    let wasCalled = false
    const call = async (step: StepContext): Promise<Result> => {
      wasCalled = true
      const result = await run(step)
      if (breakpoints.passed(this.#type, { during: name }) !== 'crash') return result
      crash()
      return new Promise(() => {})
    }
    return node.outlive(async () => {
      const result = await this.#task.step(name, call, options)
      const act = wasCalled ? breakpoints.passed(this.#type, { after: name }) : undefined
      if (act === 'pause') {
        await pause(this.id)
        await this.#task.checkpoint()
      }
      if (act === 'crash') crash()
      return result
    })
  }

  progress(current: number, total?: number, message?: string): void {
    this.#task.progress(current, total, message)
  }

  progressSync(current: number, total?: number, message?: string): void {
    this.#task.progress(current, total, message)
  }

  sleep(time: Duration): Promise<void> {
    return this.#watch.node.outlive(() => this.#task.sleep(time))
  }

  spawn(type: ChildType, parameters: unknown, options?: SpawnOptions): Promise<never> {
    return this.#watch.node.outlive(
      () => this.#task.spawn(type as never, parameters, options) as Promise<never>,
    )
  }

  spawnAll(type: ChildType, list: readonly unknown[], options?: SpawnOptions): Promise<never[]> {
    return this.#watch.node.outlive(
      () => this.#task.spawnAll(type as never, list, options) as Promise<never[]>,
    )
  }

  all(children: readonly Child[]): Promise<never> {
    return this.#watch.node.outlive(() => this.#task.all(children) as Promise<unknown> as Promise<never>)
  }

  any(children: readonly Child[]): Promise<never> {
    return this.#watch.node.outlive(() => this.#task.any(children) as Promise<unknown> as Promise<never>)
  }

  settled(children: readonly Child[]): Promise<never> {
    return this.#watch.node.outlive(() => this.#task.settled(children) as Promise<unknown> as Promise<never>)
  }

  wait(name: string, options?: WaitOptions): Promise<never> {
    return this.#watch.node.outlive(() => this.#task.wait(name, options) as Promise<never>)
  }

  log(...values: readonly unknown[]): void {
    this.#task.log(...values)
  }
}
