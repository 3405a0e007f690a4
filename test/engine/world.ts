import { expect, onTestFinished } from 'vitest'
import { z } from 'zod'
import type { Status, TimelineEntry } from '../../src/core/task.ts'
import type { ManagerOptions } from '../../src/engine/options.ts'
import type { TaskHandle } from '../../src/engine/handle.ts'
import type { TaskContext } from '../../src/registry/context.ts'
import { defineTask } from '../../src/registry/define.ts'
import type { AnyTaskType } from '../../src/registry/type.ts'
import { openMemory } from '../../src/store/memory/store.ts'
import { openSqlite } from '../../src/store/sqlite/store.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { Lab, type LabOptions } from '../../src/testing/lab.ts'

/** Every engine test must pass on each of these stores. */
export const stores = [
  { name: 'memory', open: (clock: FakeClock) => openMemory({ clock }) },
  { name: 'SQLite', open: (clock: FakeClock) => openSqlite(':memory:', { clock }) },
] as const

export type OpenStore = (typeof stores)[number]['open']
/** A lab with shortcuts for engine tests. Its store is closed when the test has finished. */
export class World extends Lab {
  static async open(open: OpenStore, types: readonly AnyTaskType[], own: LabOptions = {}): Promise<World> {
    const clock = new FakeClock()
    const world = new World(clock, await open(clock), types, own)
    onTestFinished(() => world.store[Symbol.asyncDispose]())
    await world.startNode()
    return world
  }

  async status(handle: Pick<TaskHandle, 'id'>): Promise<Status | undefined> {
    return (await this.store.get(handle.id))?.status
  }

  async timeline(handle: Pick<TaskHandle, 'id'>): Promise<readonly TimelineEntry[]> {
    return (await this.store.read(handle.id))?.timeline ?? []
  }

  async moves(handle: Pick<TaskHandle, 'id'>): Promise<string> {
    return (await this.timeline(handle)).map(({ event }) => event).join(' ')
  }

  /** Advances the clock, and expects the promise to settle. */
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

/** Room for this many suspended inline handlers. */
export function parking(inline: number): ManagerOptions['maxParked'] {
  return { inline, thread: 8, process: 32, command: 32 }
}

/** A door at which a handler waits until the test opens it. */
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

/** Takes that long, with pause points, and keeps the slot: longer sleeps free it. */
export async function works(task: Pick<TaskContext<unknown>, 'sleep'>, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 1) await task.sleep(Math.min(left, 1))
}
