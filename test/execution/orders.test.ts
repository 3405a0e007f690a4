import { availableParallelism } from 'node:os'
import { expect, inject, test } from 'vitest'
import { z } from 'zod'
import { allows, type EventName } from '../../src/core/lifecycle.ts'
import { isTerminal } from '../../src/core/task.ts'
import { Fermata, Worker } from '../../src/client/index.ts'
import { createServer } from '../../src/http/server.ts'
import { defineTask, openTaskManager, type TaskHandle, type TaskManager } from '../../src/index.ts'
import * as commands from '../fixtures/commands.ts'
import * as threads from '../fixtures/threads.ts'
import { newSchema } from '../conformance/stores.ts'
import { Chance, seedOf } from '../support/chance.ts'
import { alive, childrenOf, commandOf, descendantsOf, threadsOf } from './processes.ts'
import { aMinute, until } from '../support/until.ts'

/** `ORDERS_SEED=2 npx vitest run --project runtime test/execution/orders.test.ts` uses other controls, `ORDERS=2000` more. */
const seed = seedOf('ORDERS_SEED')
const some = Number(process.env['ORDERS'] ?? 40)
const atOnce = 12
const quiet = { debug() {}, info() {}, warn() {}, error() {} }

const awaiting = defineTask({
  type: 'awaiting-inline',
  parameters: z.object({ steps: z.number() }),
  state: z.object({ step: z.number() }),
  async run({ steps }, task) {
    for (let step = task.state?.step ?? 0; step < steps; step++) {
      await task.checkpoint({ step })
      await task.sleep(0.005)
    }
    return steps
  },
})

/** In a worker that calls a server of this manager. */
async function remotely(manager: TaskManager): Promise<AsyncDisposable> {
  const server = await createServer({ manager, version: 'test', logger: { level: 'silent', ...quiet } })
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  const over = new AbortController()
  const worker = new Worker(new Fermata({ url }), {
    concurrency: 4,
    types: {
      remote: {
        pause: 'checkpoint',
        async run({ steps }: { steps: number }, task) {
          for (let step = Number(task.state ?? 0); step < steps; step++) {
            await task.checkpoint(step as never)
            task.progress(step, steps)
            await new Promise((resolve) => {
              setTimeout(resolve, 5)
            })
          }
          return steps
        },
      },
    },
  })
  const running = worker.run({ signal: over.signal })
  await until('its type is known', () => manager.registry.find('remote'))
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await running
      await server.close()
    },
  }
}

/** One for every runtime. */
const submits: readonly ((manager: TaskManager, chance: Chance) => Promise<TaskHandle>)[] = [
  (manager, chance) => manager.submit(awaiting, { steps: chance.between(1, 10) }),
  (manager, chance) => manager.submit(threads.tight, { rounds: chance.between(1, 30_000) }),
  (manager, chance) => manager.submit(threads.awaiting, { seconds: chance.between(0, 40) / 1_000 }),
  (manager, chance) => manager.submit(threads.tightApart, { rounds: chance.between(1, 30_000) }),
  (manager, chance) => manager.submit(commands.stepping, { steps: chance.between(1, 6) }),
  (manager, chance) => manager.submit(commands.counter, { upTo: chance.between(1, 20) }),
  async (manager, chance) => {
    const { task } = await manager.enqueue('remote', { steps: chance.between(1, 10) })
    return manager.handle(task.id)
  },
]

test.each([
  { store: 'SQLite', database: () => 'sqlite::memory:', orders: 5 * some },
  { store: 'PostgreSQL', database: () => `${inject('postgres')}?schema=${newSchema()}`, orders: 2 * some },
])(
  '$orders random orders of controls on $store end each task once, by legal moves, and leave nothing behind',
  async ({ database, orders }) => {
    const tasks = [awaiting, ...threads.all, ...commands.all]
    const manager = await openTaskManager({ database: database(), tasks, maxConcurrent: 6, logger: quiet })
    const remote = await remotely(manager)
    const ended = new Map<string, number>()
    let next = 0
    const worker = async () => {
      while (next < orders) {
        const order = next++
        // A separate source, so that the controls do not depend on how orders interleave.
        const chance = new Chance(seed * 10_000 + order)
        const submit = submits[order % submits.length]
        const handle = await submit!(manager, chance)
        await controlAtRandom(handle, chance)
        await finish(handle)
        const status = await check(handle, seed)
        ended.set(status, (ended.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    console.log(`orders with the seed ${seed}: ${JSON.stringify(Object.fromEntries(ended))}`)

    expect([...ended.values()].reduce((sum, count) => sum + count)).toBe(orders)
    expect(Object.fromEntries(ended)).not.toHaveProperty('failed')
    expect(manager.state).toMatchObject({ slotsInUse: 0, parked: 0 })
    expect((await manager.counts()).fencedOff).toEqual({})
    await remote[Symbol.asyncDispose]()
    await until('only warm threads are left', () => isIdle(childrenOf(process.pid)))
    const processes = descendantsOf(process.pid)
    await manager.close()
    await until('no process is left', () => processes.every((pid) => !alive(pid)))
  },
  10 * aMinute,
)

/** The node's processes have no children except watchdogs, and no handler threads except warm ones. */
function isIdle(children: readonly number[]): boolean {
  const busy = children
    .flatMap((pid) => childrenOf(pid))
    .filter((pid) => !commandOf(pid).includes('fermata-watchdog'))
  const handlers = children.flatMap((pid) => threadsOf(pid).filter((name) => name === 'WorkerThread'))
  return busy.length === 0 && handlers.length <= availableParallelism() + 1
}

async function controlAtRandom(handle: TaskHandle, chance: Chance): Promise<void> {
  for (let count = chance.between(0, 5); count > 0; count--) {
    const control = chance.of(['pause', 'pause', 'resume', 'resume', 'cancel'] as const)!
    const wait = chance.of([0, 0, 20, 200])!
    try {
      await handle[control]({ wait })
    } catch (error) {
      expect(error).toMatchObject({ code: 'CONTROL_REFUSED' })
    }
    await new Promise((resolve) => {
      setTimeout(resolve, chance.between(0, 30))
    })
  }
}

/** Resumes the task, and waits for its end. */
async function finish(handle: TaskHandle): Promise<void> {
  await handle
    .resume({ wait: 0 })
    .catch((error: unknown) => expect(error).toMatchObject({ code: 'CONTROL_REFUSED' }))
  await handle
    .result({ signal: AbortSignal.timeout(10 * aMinute) })
    .catch((error: unknown) => expect(error).toMatchObject({ code: 'CANCELLED' }))
}

async function check(handle: TaskHandle, seed: number): Promise<string> {
  const { task, timeline } = await handle.details()
  const shown = `${task.type}, seed ${seed}: ${timeline.map(({ event }) => event).join(' ')}`
  expect(isTerminal(task.status), shown).toBe(true)
  expect(
    timeline.filter(({ status }) => isTerminal(status)),
    shown,
  ).toHaveLength(1)
  for (const [index, entry] of timeline.entries()) {
    const before = timeline[index - 1]?.status
    expect(before === undefined || allows(entry.event as EventName, before, entry.status), shown).toBe(true)
    expect(entry.version, shown).toBe(index + 1)
  }
  return task.status
}
