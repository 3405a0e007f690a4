import { afterEach, describe, expect, test } from 'vitest'
import { fib } from '../../src/registry/builtin/fib.ts'
import { openTaskManager, type OpenOptions, type TaskHandle, type TaskManager } from '../../src/index.ts'
import * as types from '../fixtures/threads.ts'
import {
  alive,
  childrenOf,
  commandOf,
  cpuMilliseconds,
  descendantsOf,
  nicenessOf,
  threadsOf,
  threadTimes,
} from './processes.ts'
import { patiently, until } from '../support/until.ts'

let manager: TaskManager
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
afterEach(async () => {
  const before = childrenOf(process.pid)
  await manager.close()
  await until('no process is left', () => before.every((pid) => !alive(pid)))
})

async function open(own: Partial<OpenOptions> = {}): Promise<TaskManager> {
  const tasks = [...types.all, fib]
  manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks,
    cancelGrace: 0.5,
    drain: 1,
    logger: quiet,
    ...own,
  })
  return manager
}

const sleeping = () => descendantsOf(process.pid).filter((pid) => commandOf(pid).startsWith('sleep'))
const status = async (handle: TaskHandle) => (await handle.task()).status

/** Waits until the handler runs in its thread, and the task is not only claimed. */
const running = (handle: TaskHandle) => until('it runs', async () => (await handle.task()).progress !== null)

describe('a handler in a thread', () => {
  test('has the same task object as one inline, with promises', async () => {
    await open()
    const handle = await manager.submit(types.awaiting, { seconds: 0.05 })
    const lines: string[] = []
    for await (const event of handle.events()) if (event.kind === 'log') lines.push(event.message)
    expect(await handle.result()).toEqual({ fence: 1, attempt: 1 })
    expect(lines).toEqual([`in thread ${handle.id}`])
    expect((await handle.details()).checkpoint).toBe('{"half":false}')
  })

  test('gives way to its node, even if the kernel compares sessions instead of processes', async () => {
    await open()
    const handle = await manager.submit(types.tight, {})
    await running(handle)
    const [host] = childrenOf(process.pid)
    const { threads, session } = nicenessOf(host!)
    expect(threads.filter(([name]) => name === 'WorkerThread').map(([, nice]) => nice)).toContain(10)
    if (session !== '') expect(session).toMatch(/nice 10$/)
    await handle.cancel(patiently)
  })

  test('pauses, resumes and is cancelled in a loop that never awaits; while paused it uses no CPU', async () => {
    await open({ cancelGrace: 120 })
    const handle = await manager.submit(types.tight, {})
    await running(handle)
    expect((await handle.pause(patiently)).status).toBe('paused')
    const { progress } = await handle.task()
    const pids = childrenOf(process.pid)
    const before = pids.map(cpuMilliseconds)
    await new Promise((resolve) => setTimeout(resolve, 300))
    for (const [index, pid] of pids.entries()) {
      expect(cpuMilliseconds(pid) - (before[index] ?? 0)).toBeLessThan(100)
    }
    expect((await handle.task()).progress).toEqual(progress)
    expect(manager.state).toMatchObject({ slotsInUse: 0, parked: 1 })
    expect((await handle.resume(patiently)).status).toBe('running')
    await until('it goes on', async () => {
      const now = (await handle.task()).progress
      return (now?.current ?? 0) > (progress?.current ?? 0)
    })
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    expect((await handle.task()).endedBy).toBe('cooperative')
  })

  test('commits a durable checkpoint before it continues, also without a promise', async () => {
    await open()
    const handle = await manager.submit(types.durableSync, {})
    expect(await handle.result()).toBe('kept')
    expect((await handle.details()).checkpoint).toBe('{"n":4}')
  })

  test('sees its cancel by checking the signal alone, and finished work wins', async () => {
    await open()
    const handle = await manager.submit(types.watchful, {})
    await running(handle)
    await handle.cancel(patiently)
    expect(await handle.result()).toBe('saw it')
  })

  test('computes large Fibonacci numbers beside the main thread', async () => {
    await open()
    const handle = await manager.submit(fib, { n: 300_000 })
    expect(String(await handle.result())).toHaveLength(62_696)
  })

  test('learns of a cancel that arrives while its module is still being imported', async () => {
    await open({ cancelGrace: 120 })
    for (let round = 0; round < 5; round++) {
      const handle = await manager.submit(types.tight, {})
      await handle.cancel(patiently)
      expect((await handle.task()).endedBy).toBe('cooperative')
    }
  })
})

describe('the escalation of a cancel', () => {
  test.each([
    { type: types.spin, endedBy: 'terminated' },
    { type: types.spinApart, endedBy: 'killed' },
    { type: types.nativeApart, endedBy: 'killed' },
    { type: types.shellApart, endedBy: 'killed' },
  ] as const)('$type.type ends by force once the grace is over', async ({ type, endedBy }) => {
    await open()
    const handle = await manager.submit(type, {})
    if (type === types.shellApart) await until('it waits', () => sleeping().length > 0)
    else await running(handle)
    const began = performance.now()
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    expect(performance.now() - began).toBeGreaterThan(450)
    const { task, timeline } = await handle.details()
    expect(task.fence).toBe(2)
    // On a busy machine, a thread may not terminate in time, and ends with its process.
    expect(['killed', endedBy]).toContain(task.endedBy)
    expect(timeline.map(({ event }) => event)).toEqual([
      'submitted',
      'claimed',
      'cancel_requested',
      'fence_raised',
      'cancelled',
    ])
    expect(manager.state.slotsInUse).toBe(0)
  })

  test('a thread that is stuck in native code ends with its process, and the others in it lose nothing', async () => {
    await open()
    const neighbour = await manager.submit(types.tight, {})
    await running(neighbour)
    const stuck = await manager.submit(types.native, {})
    await running(stuck)
    const [host] = childrenOf(process.pid)
    const then = threadTimes(host!)
    await until('both compute', () => {
      const used = [...threadTimes(host!)].map(([thread, ms]) => ms - (then.get(thread) ?? 0))
      return used.filter((ms) => ms >= 100).length >= 2
    })
    const before = (await neighbour.task()).progress?.current ?? 0
    await stuck.cancel(patiently)
    await until('the stuck one is gone', async () => (await status(stuck)) === 'cancelled')
    await until('its slot is free', () => manager.state.slotsInUse === 1)
    await until('the neighbour goes on', async () => {
      const { task } = await neighbour.details()
      return task.status === 'running' && (task.progress?.current ?? 0) > before
    })
    expect(await neighbour.task()).toMatchObject({ failures: 0, crashes: 0, attempt: 1 })
    await neighbour.cancel(patiently)
  })

  test.each([types.shellApart, types.shellHere])(
    '$type ends together with the program it waits for',
    async (type) => {
      await open()
      const handle = await manager.submit(type, {})
      await until('it waits', () => sleeping().length > 0)
      const programs = sleeping()
      await handle.cancel(patiently)
      await until('the program is gone', () => programs.every((pid) => !alive(pid)))
      expect((await handle.task()).endedBy).toBe('killed')
    },
  )

  test('terminated threads are replaced by warm ones', async () => {
    await open({ threads: 3 })
    const handlers = () =>
      childrenOf(process.pid).flatMap((pid) => threadsOf(pid).filter((name) => name === 'WorkerThread'))
        .length
    await until('they are warm', () => handlers() === 3)
    // On a busy machine a thread that cannot be terminated in time is killed with its process, and nothing is left to replace.
    await until('all are terminated', async () => {
      const handles = await Promise.all([1, 2, 3].map(() => manager.submit(types.spin, {})))
      const ended = await Promise.all(handles.map((handle) => handle.cancel(patiently)))
      return ended.every(({ endedBy }) => endedBy === 'terminated')
    })
    await until('new ones are warm', () => handlers() === 3)
  })

  test('a timeout escalates in the same way', async () => {
    await open()
    // A short timeout may expire before the handler begins, which then ends on its own.
    let timeout = 0.1
    await until('a handler that runs is ended', async () => {
      timeout *= 2
      const handle = await manager.submit(types.spin, {}, { timeout })
      await expect(handle.result()).rejects.toMatchObject({ error: { code: 'TIMEOUT' } })
      return (await handle.task()).endedBy === 'terminated'
    })
  })
})

describe('the log of a thread', () => {
  test('that never stops delays nothing, and ends with it', async () => {
    await open()
    const neighbour = await manager.submit(types.tight, {})
    const handle = await manager.submit(types.talkative, {})
    await running(neighbour)
    const talked = async () => Number((await handle.log()).at(-1)?.text.slice('line '.length))
    await until('it has talked a lot', async () => (await talked()) >= 1_000)
    expect((await neighbour.pause(patiently)).status).toBe('paused')
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    // On a busy machine a thread that cannot be terminated in time goes with its process.
    expect(['terminated', 'killed']).toContain((await handle.task()).endedBy)
    expect((await handle.log()).at(-1)?.text).toMatch(/^line \d{4,}$/)
    await neighbour.cancel(patiently)
  })

  test('is available even if the thread never returns to its event loop', async () => {
    await open()
    const handle = await manager.submit(types.talkative, { lines: 3 })
    const lines = async () => (await handle.log()).map(({ text }) => text)
    await until('it is there', async () => (await lines()).length === 3)
    expect(await lines()).toEqual(['line 1', 'line 2', 'line 3'])
    await handle.cancel(patiently)
  })
})

describe('a fault stays with its own task:', () => {
  test.each([
    ['plain', { code: 'E_PLAIN', name: 'TypeError', message: 'plain' }, 2],
    ['final', { code: 'NON_RETRYABLE', message: 'final' }, 1],
    ['later', { message: 'outside any await' }, 2],
    ['rejected', { message: 'nobody listens' }, 2],
    ['exit', { code: 'EXITED' }, 2],
  ] as const)('one that throws (%s) fails with its error', async (how, error, failures) => {
    await open()
    const other = await manager.submit(types.awaiting, { seconds: 1 })
    const handle = await manager.submit(types.throws, { how }, { maxAttempts: 2, backoff: 0 })
    await expect(handle.result()).rejects.toMatchObject({ error })
    expect((await handle.task()).failures).toBe(failures)
    expect(await other.result()).toEqual({ fence: 1, attempt: 1 })
  })

  test('a timer left behind by a run does not fail the next run', async () => {
    await open({ maxConcurrent: 1 })
    for (let round = 0; round < 3; round++) {
      expect(await (await manager.submit(types.messy, {})).result()).toBe('done')
      expect(await (await manager.submit(types.awaiting, { seconds: 0.1 })).result()).toMatchObject({
        attempt: 1,
      })
    }
  })

  test.each(['heap', 'buffers'] as const)(
    'one that uses too much memory (%s) fails, and says so',
    async (on) => {
      await open()
      const other = await manager.submit(types.awaiting, { seconds: 1 })
      const handle = await manager.submit(types.hungry, { on })
      await expect(handle.result()).rejects.toMatchObject({ error: { code: 'OUT_OF_MEMORY' } })
      expect(await other.result()).toEqual({ fence: 1, attempt: 1 })
    },
  )

  test('one that keeps killing its process is poison', async () => {
    await open()
    const handle = await manager.submit(types.killer, {})
    await expect(handle.result()).rejects.toMatchObject({ error: { code: 'POISON' } })
    expect((await handle.details()).timeline.filter(({ event }) => event === 'lost')).toHaveLength(4)
  })

  test('one that kills the process of all threads hurts its neighbors once, and then runs alone', async () => {
    await open()
    const neighbour = await manager.submit(types.tight, {})
    await running(neighbour)
    const handle = await manager.submit(types.killerShared, {})
    await expect(handle.result()).rejects.toMatchObject({ error: { code: 'POISON' } })
    await until('the neighbour runs', async () => (await status(neighbour)) === 'running')
    const moves = (await neighbour.details()).timeline.map(({ event }) => event)
    expect(moves.filter((move) => move === 'lost')).toHaveLength(1)
    await neighbour.cancel(patiently)
  })

  test('a module that does not export its type is reported', async () => {
    const wrong = { ...types.spin, type: 'not-exported' }
    await open({ tasks: [wrong] })
    const handle = await manager.submit(wrong, {})
    await expect(handle.result()).rejects.toMatchObject({ error: { code: 'TYPE_NOT_EXPORTED' } })
  })
})
