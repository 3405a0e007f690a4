import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openTaskManager, type TaskHandle, type TaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { patient, started } from '../fixtures/patient.ts'
import { quick } from '../fixtures/quick.ts'
import { aMinute, patiently } from '../support/until.ts'

/** Several nodes in one process, on a real PostgreSQL and in real time. */

const logger = { debug() {}, info() {}, warn() {}, error: console.error }

function newDatabase(): string {
  return `${inject('postgres')}?schema=${newSchema()}&lease=30`
}

async function nodes(...slots: readonly number[]): Promise<TaskManager[]> {
  return nodesOf(newDatabase(), ...slots)
}

async function nodesOf(database: string, ...slots: readonly number[]): Promise<TaskManager[]> {
  const open = (maxConcurrent: number) =>
    openTaskManager({ database, tasks: [patient, quick], maxConcurrent, drain: 2, logger })
  const opened = await Promise.all(slots.map(open))
  onTestFinished(async () => {
    await Promise.all(opened.map((node) => node.close()))
  })
  return opened
}

/** A task that is submitted at a node without slots, and runs on another. */
async function runningElsewhere() {
  const [api, worker] = await nodes(0, 4)
  if (api === undefined || worker === undefined) return expect.unreachable()
  const handle = await api.submit(patient, {})
  await until(handle, 'running')
  return { api, worker, handle }
}

test('nodes run the types they are configured for, and serve all', async () => {
  const database = `${inject('postgres')}?schema=${newSchema()}`
  const tasks = [patient, quick]
  await using one = await openTaskManager({ database, tasks, types: ['patient'], drain: 1, logger })
  await using other = await openTaskManager({ database, tasks, types: ['quick'], drain: 1, logger })
  const long = await other.submit(patient, {})
  const short = await one.submit(quick, { a: 4 })
  expect(await short.result()).toBe(8)
  await until(long, 'running')
  expect(await long.task()).toMatchObject({ ownerNode: one.state.id })
  expect((await short.details()).timeline[1]).toMatchObject({ event: 'claimed', by: other.state.id })
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

async function until(handle: TaskHandle, status: string): Promise<void> {
  const signal = AbortSignal.timeout(aMinute)
  for await (const event of handle.events({ signal })) {
    if (event.kind === 'transition' && event.task.status === status) return
  }
  expect.unreachable(`the task did not come to be ${status}`)
}

test('the history of a day and of a type adds up over nodes, and outlives them', async () => {
  const database = newDatabase()
  const [one, other] = await nodesOf(database, 1, 1)
  if (one === undefined || other === undefined) return expect.unreachable()
  for (let a = 0; a < 20; a++) await (await one.submit(quick, { a })).result()
  const counted = async (node: TaskManager) => {
    const [all, of] = [await node.history('day'), await node.history('day', 'quick')]
    const { run, queue } = of.durations!
    return [sum(all.happened.completed), sum(of.happened.completed), run.count, queue.count, all.marks.length]
  }
  await one.close()
  await expect.poll(() => counted(other), { timeout: aMinute }).toEqual([20, 20, 20, 20, 2])
  await other.close()
  await using later = await openTaskManager({ database, tasks: [patient, quick], logger })
  expect(await counted(later)).toEqual([20, 20, 20, 20, 3])
})

describe('a task that runs on another node', () => {
  test('is paused, resumed and cancelled, and each control returns the resulting status', async () => {
    const { handle } = await runningElsewhere()
    for (const [control, status] of [
      ['pause', 'paused'],
      ['resume', 'running'],
      ['pause', 'paused'],
      ['resume', 'running'],
      ['cancel', 'cancelled'],
    ] as const) {
      expect(await handle[control](patiently)).toMatchObject({
        status: control === 'resume' ? expect.any(String) : status,
      })
      await until(handle, status)
    }
    const { timeline } = await handle.details()
    expect(timeline.map(({ event }) => event)).toEqual(
      'submitted claimed pause_requested paused resumed claimed pause_requested paused resumed claimed cancel_requested cancelled'.split(
        ' ',
      ),
    )
  })

  test('ends for callers that wait for its result', async () => {
    const [api] = await nodes(0, 4)
    const handles = await Promise.all([1, 2, 3].map((a) => api!.submit(quick, { a })))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual([2, 4, 6])
  })

  test('sends its progress and every transition to its followers', async () => {
    const { handle } = await runningElsewhere()
    const seen: string[] = []
    const progress: number[] = []
    for await (const event of handle.events()) {
      if (event.kind === 'transition') seen.push(event.entry.event)
      if (event.kind === 'progress' && progress.push(event.progress.current) === 2)
        await handle.cancel(patiently)
    }
    expect(progress[1]).toBeGreaterThan(progress[0] ?? 0)
    expect(seen).toEqual(['submitted', 'claimed', 'cancel_requested', 'cancelled'])
  })

  test('is counted only in the last hour of the node that ran it', async () => {
    const { api, worker, handle } = await runningElsewhere()
    await handle.cancel(patiently)
    await until(handle, 'cancelled')
    const done = async (node: TaskManager) => sum((await node.history('hour')).happened.cancelled)
    await expect.poll(() => done(worker)).toBe(1)
    expect(await done(api)).toBe(0)
  })

  test('and is paused there continues from its checkpoint on a third one', async () => {
    const [api, first, second] = await nodes(0, 1, 1)
    const blocker = await first!.submit(patient, {})
    await until(blocker, 'running')
    const handle = await api!.submit(patient, {})
    await until(handle, 'running')
    const runners = async () =>
      (await handle.details()).timeline.filter(({ event }) => event === 'claimed').map(({ by }) => by)
    const [home] = await runners()
    await handle.pause(patiently)
    const { checkpoint, task } = await handle.details()
    // Occupy its old slot, and free the one on the other node.
    const other = home === first!.state.id ? second! : first!
    const next = await api!.submit(patient, {})
    await until(next, 'running')
    await (other === second ? next : blocker).cancel(patiently)
    await handle.resume(patiently)
    await until(handle, 'running')
    const runs = await runners()
    expect(runs).toHaveLength(2)
    const again = await handle.details()
    expect(again.task.fence).toBe(task.fence + 1)
    expect(JSON.parse(again.checkpoint ?? '{}').next).toBeGreaterThanOrEqual(
      JSON.parse(checkpoint ?? '{}').next,
    )
    expect(started.filter((id) => id === handle.id).length).toBe(runs[0] === runs[1] ? 1 : 2)
  })
})
