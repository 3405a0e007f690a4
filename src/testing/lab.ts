import type { Control, Status, TaskId } from '../core/task.ts'
import type { ManagerOptions } from '../engine/options.ts'
import { TaskManager } from '../engine/task-manager.ts'
import { Registry } from '../registry/registry.ts'
import type { AnyTaskType } from '../registry/type.ts'
import { inlineExecutor } from '../execution/executors/inline.ts'
import { noDelay } from '../execution/executors/loop-watch.ts'
import type { Store } from '../store/store.ts'
import type { FakeClock } from './clock.ts'

export type LabOptions = Partial<ManagerOptions>

/** One store, one clock, and nodes that are started, killed and closed on them. */
export class Lab {
  readonly clock: FakeClock
  readonly store: Store
  /** Warnings and errors logged by the nodes. */
  readonly warnings: string[] = []
  /** Until then, a node is starting and no time passes. */
  started: Promise<unknown> = Promise.resolve()
  readonly #types: readonly AnyTaskType[]
  readonly #own: LabOptions
  #ids = 0
  #node!: TaskManager

  constructor(clock: FakeClock, store: Store, types: readonly AnyTaskType[], own: LabOptions = {}) {
    this.clock = clock
    this.store = store
    this.#types = types
    this.#own = own
  }

  /** The latest node. */
  get node(): TaskManager {
    return this.#node
  }

  /** Starts a node. If the previous one was not closed, it is dead for the store, as after `kill -9`. */
  async startNode(own: LabOptions = {}): Promise<TaskManager> {
    const note = (_: object, message: string) => void this.warnings.push(message)
    const opening = TaskManager.open({
      store: withVerbs(this.store, { [Symbol.asyncDispose]: async () => {} }),
      registry: new Registry(this.#types),
      executor: inlineExecutor(this.clock),
      clock: this.clock,
      logger: { debug() {}, info() {}, warn: note, error: note },
      newId: () => `id-${++this.#ids}`,
      random: () => 0,
      loopDelay: noDelay,
      version: 'test',
      host: 'machine',
      pid: 1,
      maxConcurrent: 3,
      types: this.#types.map(({ type }) => type),
      maxQueued: 1_000,
      retention: 60_000,
      auditRetention: 86_400_000,
      cancelGrace: 5_000,
      drain: 25_000,
      maxParked: { inline: 1_000, thread: 8, process: 32, command: 32 },
      closed: () => {},
      ...this.#own,
      ...own,
    })
    // If it fails at once, the failure is that of this call.
    opening.catch(() => undefined)
    await this.clock.advance(0)
    this.#node = await opening
    await this.clock.advance(0)
    return this.#node
  }

  /** Advances the clock by milliseconds, or until `over`; without an argument, only what is due now happens. */
  pass(ms = 0, over: () => Promise<boolean> = never): Promise<void> {
    return this.clock.advance(ms, async () => {
      await this.started
      return !(await over())
    })
  }

  /** Sends a control, waits like a caller of the API, and returns the resulting status. */
  async control(id: TaskId, control: Control): Promise<Status> {
    const answer = this.#node.control(id, control, { wait: 2_000 })
    answer.catch(() => undefined)
    await this.pass()
    const early = await Promise.race([answer, this.pass()])
    if (early !== undefined) return early.status
    await this.pass(2_000)
    return (await answer).status
  }

  /** Answers a wait of the task, as a caller of the library does. */
  async answer(id: TaskId, name: string, answer: unknown): Promise<void> {
    await this.pass()
    const answered = this.#node.waits.answer(id, name, answer)
    answered.catch(() => undefined)
    await this.pass()
    await answered
  }
}

async function never(): Promise<false> {
  return false
}

/** The store with some of its verbs replaced. */
export function withVerbs(store: Store, verbs: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(key in verbs ? verbs : target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
