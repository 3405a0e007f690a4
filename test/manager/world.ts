import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { Control, Status, TimelineEntry } from '../../src/core/task.ts'
import type { ManagerOptions } from '../../src/manager/options.ts'
import { TaskManager } from '../../src/manager/task-manager.ts'
import type { TaskHandle } from '../../src/manager/handle.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { AnyTaskType } from '../../src/registry/type.ts'
import { Registry } from '../../src/registry/registry.ts'
import { inlineExecutor } from '../../src/runtime/inline.ts'
import { openMemory } from '../../src/store/memory.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { FakeClock } from '../support/clock.ts'

/** The engine is the same on each of these; a test that holds on one must hold on the other. */
export const stores = [
  { name: 'memory', open: (clock: FakeClock) => openMemory({ clock }) },
  { name: 'SQLite', open: (clock: FakeClock) => openSqlite(':memory:', { clock }) },
] as const

export type OpenStore = (typeof stores)[number]['open']
type Own = Partial<ManagerOptions>

/** One store, one clock, and nodes that are started, killed and closed on them. */
export class World {
  readonly clock: FakeClock
  readonly store: Store
  readonly warnings: string[] = []
  readonly #types: readonly AnyTaskType[]
  readonly #own: Own
  #ids = 0
  #node!: TaskManager

  private constructor(clock: FakeClock, store: Store, types: readonly AnyTaskType[], own: Own) {
    this.clock = clock
    this.store = store
    this.#types = types
    this.#own = own
  }

  static async open(open: OpenStore, types: readonly AnyTaskType[], own: Own = {}): Promise<World> {
    const clock = new FakeClock()
    const world = new World(clock, await open(clock), types, own)
    onTestFinished(() => world.store[Symbol.asyncDispose]())
    await world.boot()
    return world
  }

  get node(): TaskManager {
    return this.#node
  }

  /** A node starts; the one before it, if it was not closed, is dead for the store: as after `kill -9`. */
  async boot(own: Own = {}): Promise<TaskManager> {
    const note = (_: object, message: string) => void this.warnings.push(message)
    const opening = TaskManager.open({
      store: faulty(this.store, { [Symbol.asyncDispose]: async () => {} }),
      registry: new Registry(this.#types),
      executor: inlineExecutor(this.clock),
      clock: this.clock,
      logger: { debug() {}, info() {}, warn: note, error: note },
      newId: () => `id-${++this.#ids}`,
      random: () => 0,
      loopDelay: () => ({ p50: 0, p99: 0, max: 0, blocked: [] }),
      version: 'test',
      host: 'machine',
      pid: 1,
      maxConcurrent: 3,
      types: this.#types.map(({ type }) => type),
      maxQueued: 1_000,
      retention: 60_000,
      cancelGrace: 5_000,
      drain: 25_000,
      maxParked: parking(1_000),
      closed: () => {},
      ...this.#own,
      ...own,
    })
    await this.pass()
    this.#node = await opening
    await this.pass()
    return this.#node
  }

  /** Lets time pass, in milliseconds; without any, only what is due now happens. */
  pass(ms = 0): Promise<void> {
    return this.clock.advance(ms)
  }

  async status(handle: Pick<TaskHandle, 'id'>): Promise<Status | undefined> {
    return (await this.store.get(handle.id))?.status
  }

  async timeline(handle: Pick<TaskHandle, 'id'>): Promise<readonly TimelineEntry[]> {
    return (await this.store.read(handle.id))?.timeline ?? []
  }

  async moves(handle: Pick<TaskHandle, 'id'>): Promise<string> {
    return (await this.timeline(handle)).map(({ move }) => move).join(' ')
  }

  /** Sends a control, waits as a caller of the API does, and answers the status that it is told. */
  async control(handle: Pick<TaskHandle, 'id'>, control: Control): Promise<Status> {
    const answer = this.#node.control(handle.id, control, { wait: 2_000 })
    await this.pass()
    const early = await Promise.race([answer, this.pass()])
    if (early !== undefined) return early.status
    await this.pass(2_000)
    return (await answer).status
  }

  /** Waits for a promise while the clock runs. */
  async until<T>(promise: Promise<T>, ms = 0): Promise<T> {
    let over = false
    const watched = promise.finally(() => {
      over = true
    })
    watched.catch(() => undefined)
    await this.pass(ms)
    expect(over, 'it should have ended by now').toBe(true)
    return watched
  }
}

/** Room for so many suspended handlers. */
export function parking(inline: number): ManagerOptions['maxParked'] {
  return { inline, thread: 8, process: 32, command: 32 }
}

/** The store with some of its verbs replaced. */
export function faulty(store: Store, faults: Partial<Store>): Store {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(key in faults ? faults : target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A door that a handler waits at until the test opens it. */
export function door() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** A type whose handler has no pause point until the test opens the door. */
export function waitsAt(work: ReturnType<typeof door>) {
  return defineTask({
    type: 'waits',
    parameters: z.object({}),
    async run(_, task) {
      await work.opened
      await task.checkpoint()
      return 'done'
    },
  })
}
