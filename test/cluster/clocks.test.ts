import { expect, inject, onTestFinished, test } from 'vitest'
import type { Clock } from '../../src/core/clock.ts'
import { idSource } from '../../src/engine/ids.ts'
import { TaskManager } from '../../src/engine/task-manager.ts'
import { Registry } from '../../src/registry/registry.ts'
import { inlineExecutor } from '../../src/execution/executors/inline.ts'
import { noDelay } from '../../src/execution/executors/loop-watch.ts'
import { systemClock } from '../../src/execution/executors/system-clock.ts'
import { openPostgres } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { withVerbs } from '../../src/testing/lab.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient } from '../fixtures/patient.ts'
import { quick } from '../fixtures/quick.ts'
import { patiently, until } from '../support/until.ts'

/** Nodes with wrong clocks on a real PostgreSQL, whose clock is the only one that counts. */

const week = 7 * 86_400_000
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const types = [patient, quick]

type Calls = { promoted: number[]; pruned: number[] }

/** A node whose wall clock is off by this many milliseconds, with a retention of a week. */
async function nodeOff(by: number, schema: string, slots = 4): Promise<TaskManager & { calls: Calls }> {
  const clock: Clock = { ...systemClock, now: () => Date.now() + by }
  const store = await openPostgres(inject('postgres'), { schema })
  const calls: Calls = { promoted: [], pruned: [] }
  const noted: Partial<Store> = {
    promote: async (limit) => {
      calls.promoted.push(performance.now())
      return store.promote(limit)
    },
    prune: async (retention, limit) => {
      const pruned = await store.prune(retention, limit)
      calls.pruned.push(pruned)
      return pruned
    },
  }
  const node = await TaskManager.open({
    store: withVerbs(store, noted),
    registry: new Registry(types),
    executor: inlineExecutor(clock),
    clock,
    logger: quiet,
    newId: idSource(clock),
    random: () => 0,
    loopDelay: noDelay,
    version: 'test',
    host: 'machine',
    pid: 1,
    maxConcurrent: slots,
    types: types.map(({ type }) => type),
    maxQueued: 1_000,
    retention: week,
    auditRetention: 7_776_000_000,
    cancelGrace: 5_000,
    drain: 1_000,
    maxParked: { inline: 10, thread: 8, process: 32, command: 32 },
    closed: () => {},
  })
  onTestFinished(() => node.close())
  return Object.assign(node, { calls })
}

test('a node whose clock is ahead by more than its retention deletes nothing early', async () => {
  const schema = newSchema()
  const right = await nodeOff(0, schema)
  const handle = await right.submit(quick, { a: 2 })
  expect(await handle.result()).toBe(4)
  const ahead = await nodeOff(week + 60_000, schema, 0)
  await until('it has pruned', () => ahead.calls.pruned.length > 0)
  expect(ahead.calls.pruned).toEqual(ahead.calls.pruned.map(() => 0))
  expect(await handle.task()).toMatchObject({ status: 'completed' })
})

test.each([week, -week])(
  'a delay follows the clock of the database on a node that is off by %d ms',
  async (off) => {
    const node = await nodeOff(off, newSchema())
    const task = await (await node.submit(quick, { a: 1 }, { delay: 600 })).task()
    expect(task).toMatchObject({ status: 'scheduled', runAt: task.createdAt + 600_000 })
    const { startsIn } = await node.explain(task.id)
    expect(startsIn).toBeGreaterThan(400_000)
    expect(startsIn).toBeLessThanOrEqual(600_000)
  },
)

test.each([week, -week])('a short delay ends in time on a node that is off by %d ms', async (off) => {
  const node = await nodeOff(off, newSchema())
  const handle = await node.submit(quick, { a: 3 }, { delay: 0.2 })
  expect(await handle.result()).toBe(6)
  const { startedAt, runAt } = await handle.task()
  expect(startedAt).toBeGreaterThanOrEqual(runAt ?? Infinity)
})

test('a node whose clock is ahead polls for due tasks as rarely as any other', async () => {
  const node = await nodeOff(week, newSchema(), 0)
  await node.submit(quick, { a: 1 }, { runAt: new Date(Date.now() + 3_600_000) })
  const before = node.calls.promoted.length
  await until('it has polled', () => node.calls.promoted.length >= before + 4)
  const [first = 0, , , fourth = 0] = node.calls.promoted.slice(before)
  // Polls, which cost a commit, are a second apart, unless a submit triggered one.
  expect(fourth - first).toBeGreaterThan(1_800)
})

test.each([week, -week])('a node that is off by %d ms reports times of the database', async (off) => {
  const schema = newSchema()
  const [node, right] = [await nodeOff(off, schema), await nodeOff(0, schema, 0)]
  const handle = await right.submit(patient, {})
  await until('it runs', async () => (await handle.task()).progress !== null)
  const { task, timeline } = await node.details(handle.id)
  const near = (time: number | null | undefined) => Math.abs((time ?? 0) - task.createdAt) < 100_000
  expect([task.startedAt, task.progress?.at, node.now(), ...timeline.map(({ at }) => at)].map(near)).toEqual(
    Array.from({ length: 3 + timeline.length }, () => true),
  )
  const operation = await node.bulk('cancel', {}, patiently)
  expect(operation).toMatchObject({ status: 'completed', matched: 1 })
  expect([operation.createdAt, operation.endedAt].map(near)).toEqual([true, true])
})
