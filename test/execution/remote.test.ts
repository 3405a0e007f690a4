import { afterEach, expect, test } from 'vitest'
import type { WorkerHandler, WorkerTask } from '../../src/client/index.ts'
import { openTaskManager, type TaskHandle, type TaskManager } from '../../src/index.ts'
import { submitNamed, workRemotely } from '../support/remote.ts'
import { patiently, until } from '../support/until.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
let worker: AsyncDisposable
afterEach(async () => {
  await worker[Symbol.asyncDispose]()
  await manager.close()
})

type Work = (task: WorkerTask) => Promise<unknown>

/** A task of a remote worker that does this. */
async function start(work: Work, own: Omit<WorkerHandler, 'run'> = {}): Promise<TaskHandle> {
  const run = (_: unknown, task: WorkerTask) => work(task)
  manager = await openTaskManager({ database: 'sqlite::memory:', tasks: [], drain: 1, logger: quiet })
  worker = await workRemotely(manager, { work: { pause: 'checkpoint', ...own, run } })
  return submitNamed(manager, { type: 'work' }, {})
}

const is = (task: TaskHandle, status: string) =>
  until(`it is ${status}`, async () => (await task.task()).status === status)
const events = async (task: TaskHandle) => (await task.details()).timeline.map(({ event }) => event)
const linesOf = async (task: TaskHandle) =>
  (await manager.log(task.id, { after: 0, limit: 100 })).map(({ text }) => text)
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('waits, sleeps and a step side by side: the step keeps the run, and everything is waited for at once', async () => {
  let calls = 0
  const task = await start((task) =>
    Promise.all([
      task.step('work', async () => {
        calls += 1
        await later(600)
        return 'worked'
      }),
      task.wait('a'),
      task.wait('b'),
      task.sleep(1.2),
      task.sleep('1.4s'),
    ]).then((results) => results.slice(0, 3)),
  )
  await is(task, 'waiting')
  expect((await task.task()).awaits?.waits).toEqual(['a', 'b'])
  await task.answer('b', 2)
  await task.answer('a', 1)
  expect(await task.result()).toEqual(['worked', 1, 2])
  expect(calls).toBe(1)
})

test('a wait returns beside a running step as soon as the step is done, without another run', async () => {
  const step = Promise.withResolvers<void>()
  const task = await start(async (task) => {
    const working = task.step('work', () => step.promise)
    const answer = await Promise.race([task.wait('ok'), working.then(() => task.wait('ok again'))])
    await working
    return answer
  })
  await until('it asks', async () => (await manager.waits.of(task.id)).waits.length > 0)
  await task.answer('ok', 'yes')
  // A quiet run would have ended by now.
  await later(500)
  expect((await task.task()).status).toBe('running')
  step.resolve()
  expect(await task.result()).toBe('yes')
  expect(await events(task)).not.toContain('wait_started')
})

test('a failing step is called again with the same key, and the next attempt gets what is stored', async () => {
  const keys: string[] = []
  const task = await start(
    async (task) => {
      const paid = await task.step(
        'pay',
        ({ idempotencyKey, attempt }) => {
          keys.push(`${idempotencyKey} ${attempt}`)
          if (attempt === 1) throw new Error('declined')
          return { paid: attempt }
        },
        { retries: 1 },
      )
      await task.step(task.attempt === 1 ? 'old name' : 'new name', () => undefined)
      const late = task.step('late', () => later(60_000), { timeout: 0.05 })
      await expect(late).rejects.toMatchObject({ code: 'STEP_TIMEOUT' })
      if (task.attempt === 1) throw new Error('the first attempt fails')
      return paid
    },
    { max_attempts: 2 },
  )
  await is(task, 'scheduled')
  expect(await task.result()).toEqual({ paid: 2 })
  expect(keys).toEqual([1, 2].map((attempt) => `${task.id}:pay:1 ${attempt}`))
  expect((await task.steps()).steps).toMatchObject([
    { name: 'pay', status: 'completed', attempts: 2 },
    { name: 'old name', result: 'null' },
    { name: 'late', status: 'failed', attempts: 2, error: { code: 'STEP_TIMEOUT' } },
    { name: 'new name' },
  ])
  expect(await linesOf(task)).toEqual([
    'Steps that an earlier run has stored do not occur in this one: "old name".',
  ])
})

test('a pause waits for the running step, and keeps what was slept', async () => {
  const step = Promise.withResolvers<void>()
  let calls = 0
  const task = await start(async (task) => {
    await task.sleep(1.1)
    await task.step('work', async () => {
      calls += 1
      await step.promise
    })
    return calls
  })
  await until('the step runs', () => calls === 1)
  await task.pause()
  step.resolve()
  await is(task, 'paused')
  await task.resume(patiently)
  expect(await task.result()).toBe(1)
  const happened = await events(task)
  expect(happened.filter((event) => event === 'sleep_started')).toHaveLength(1)
})

test('a result that is too large fails the step, and a handler may outlive its pause point', async () => {
  const task = await start(async (task) => {
    const large = task.step('large', () => 'x'.repeat(1_100_000))
    await expect(large).rejects.toMatchObject({ code: 'TOO_LARGE' })
    // It swallows the end of its run, which then counts for nothing: finished work wins.
    return task.sleep(3_600).catch(() => 'finished')
  })
  expect(await task.result()).toBe('finished')
})

test.each([
  ['is no JSON', { at: undefined, list: [undefined] }, 'ERROR'],
  ['is too large', 'x'.repeat(10_500_000), 'TOO_LARGE'],
])('a result that %s fails the task', async (_, result, code) => {
  const task = await start(async () => result)
  await is(task, 'failed')
  expect((await task.task()).error).toMatchObject({ code })
})
