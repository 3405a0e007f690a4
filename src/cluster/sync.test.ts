import { expect, test } from 'vitest'
import { submitted } from '../core/transition.ts'
import type { Task } from '../core/task.ts'
import { Bus } from '../journal/bus.ts'
import { Journal } from '../journal/journal.ts'
import type { Signal, Signals } from '../store/sharing.ts'
import type { Store } from '../store/store.ts'
import { FakeClock } from '../testing/clock.ts'
import { ClusterSync } from './sync.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A task as a row, the follower of a node, and what its listeners are told. */
function scene({ alive = false } = {}) {
  const bus = new Bus(() => {})
  const journal = new Journal(quiet)
  const told: string[] = []
  let row: Task = {
    ...submitted(
      {
        id: 'task',
        type: 'long',
        parameters: '{}',
        priority: 0,
        runAt: null,
        delay: null,
        timeout: null,
        maxAttempts: 1,
        backoff: { base: 0, factor: 1, max: 0, jitter: 0 },
        tags: [],
        idempotencyKey: null,
        requestHash: null,
        trace: null,
      },
      { now: 0, nextQueuePosition: () => 1, by: 'api' },
    ).task,
    status: 'running',
    fence: 1,
    version: 2,
  }
  const entry = { version: 2, at: 0, event: 'claimed', status: 'running' as const, attempt: 1, by: 'node' }
  let readable = true
  let isDeleted = false
  const store = {
    get: () => Promise.resolve(isDeleted ? null : row),
    read: () => {
      if (!readable) return Promise.reject(new Error('not now'))
      return Promise.resolve({ task: row, timeline: [{ ...entry, version: row.version }] })
    },
  } as unknown as Store
  let hear: (signal: Signal) => void = () => {}
  const signals: Signals = {
    send() {},
    hear(listener) {
      hear = listener
      return () => {}
    },
  }
  const follower = new ClusterSync({
    store,
    signals,
    bus,
    clock: new FakeClock(),
    logger: quiet,
    tenant: { node: 'node', mayStart: true },
    journal,
    code: { ids: () => (alive ? ['task'] : []), has: () => alive, freeSlots: 1 },
    claimer: { kick() {} },
    types: ['long'],
  })
  journal.subscribe(bus, follower)
  follower.start()
  bus.onTask(
    'task',
    (event) => {
      if (event.kind === 'progress') told.push(`progress ${event.progress.current}`)
      if (event.kind === 'transition') told.push(`version ${event.task.version}`)
    },
    () => told.push('deleted'),
  )
  return {
    breakReads: () => (readable = false),
    mendReads: () => (readable = true),
    delete: () => (isDeleted = true),
    told,
    journal,
    end: () => (alive = false),
    /** Another look at the row. */
    async look(changes: Partial<Task>) {
      row = { ...row, ...changes }
      hear({ kind: 'moved', ids: ['task'] })
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const progress = (current: number, at: number) => ({ progress: { current, at } })

test('progress of another node is published once, and never goes back within a fence', async () => {
  const { told, look } = scene()
  await look(progress(1, 10))
  await look(progress(1, 10))
  await look(progress(3, 30))
  await look(progress(2, 20))
  expect(told).toEqual(['version 2', 'progress 1', 'progress 3'])
})

test('a change that could not be read counts as told only once it was', async () => {
  const { told, look, breakReads, mendReads } = scene()
  breakReads()
  await look({ version: 3 })
  expect(told).toEqual([])
  mendReads()
  await look({})
  expect(told).toEqual(['version 3'])
})

test('listeners hear that their task was deleted before they heard of its end', async () => {
  const { told, look, ...rows } = scene()
  await look({})
  rows.delete()
  await look({})
  expect(told).toEqual(['version 2', 'deleted'])
})

test('a node whose clock is behind is heard once it has taken over the task', async () => {
  const { told, look } = scene()
  await look(progress(3, 30))
  await look({ ...progress(4, 5), fence: 2, version: 3 })
  expect(told).toEqual(['version 2', 'progress 3', 'version 3', 'progress 4'])
})

test('a row read before the code of this node continued is not news', async () => {
  const { told, journal, look, end } = scene({ alive: true })
  const here = { id: 'task', type: 'long' }
  journal.report({ kind: 'progress', ...here, progress: { current: 7, at: 70 } })
  await look(progress(5, 50))
  end()
  await look(progress(6, 60))
  expect(told).toEqual(['progress 7', 'version 2'])
})
