import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { NonRetryableError } from '../core/errors.ts'
import { defineTask } from '../registry/define.ts'
import { defineCommand } from '../registry/command.ts'
import { openTestManager, startTask } from './index.ts'

/** Notes what it has done, also what a crash makes it do twice. */
function resizing() {
  const done: string[] = []
  const resize = defineTask({
    type: 'resize',
    parameters: z.object({ files: z.array(z.string()), every: z.number().default(1) }),
    state: z.object({ next: z.int() }),
    async run({ files, every }, task) {
      for (let next = task.state?.next ?? 0; next < files.length; next++) {
        await task.checkpoint({ next })
        await task.sleep(every)
        done.push(files[next] ?? '')
        task.progress(next + 1, files.length)
        task.log(`resized ${files[next]}`)
      }
      return { resized: files.length }
    },
  })
  return { resize, done }
}

const files = ['a', 'b', 'c', 'd']

describe('a handler', () => {
  test('runs as time passes, and shows its progress', async () => {
    const { resize, done } = resizing()
    await using task = await startTask(resize, { files })
    expect([await task.status(), done]).toEqual(['running', []])
    await task.advance('2.5s')
    expect(done).toEqual(['a', 'b'])
    expect(await task.progress()).toMatchObject({ current: 2, total: 4 })
    expect(await task.checkpoint()).toEqual({ next: 2 })
    expect(await task.log()).toEqual(['resized a', 'resized b'])
    expect(await task.result()).toEqual({ resized: 4 })
    expect(await task.events()).toEqual(['submitted', 'claimed', 'completed'])
  })

  test('is paused, resumed and cancelled', async () => {
    const { resize, done } = resizing()
    await using task = await startTask(resize, { files })
    await task.advance(1.5)
    expect(await task.pause()).toBe('paused')
    await task.advance('1h')
    expect(done).toEqual(['a'])
    expect(await task.resume()).toBe('running')
    await task.advance(1)
    expect(done).toEqual(['a', 'b'])
    expect(await task.cancel()).toBe('cancelled')
    await expect(task.result()).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(task.pause()).rejects.toMatchObject({ code: 'CONTROL_REFUSED' })
  })

  test('waits for an answer, through a crash, and no longer than its timeout', async () => {
    const ask = defineTask({
      type: 'ask',
      parameters: z.object({}),
      async run(_, task) {
        const first = await task.wait('first', { schema: z.object({ ok: z.boolean() }) })
        return [first, await task.wait('second', { timeout: '3d' })]
      },
    })
    await using task = await startTask(ask, {})
    await task.advance('1h')
    expect(await task.status()).toBe('waiting')
    await expect(task.answer('first', { ok: 'yes' })).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
    await task.crash()
    await task.answer('first', { ok: true })
    await expect(task.answer('first', { ok: false })).rejects.toMatchObject({ code: 'WAIT_ANSWERED' })
    expect(await task.result('4d')).toEqual([{ ok: true }, { timedOut: true }])
  })

  test('crashes at a chosen checkpoint and continues from there', async () => {
    const { resize, done } = resizing()
    await using task = await startTask(resize, { files }, { crashAt: ({ next }) => next === 2 })
    expect(await task.result()).toEqual({ resized: 4 })
    expect(done).toEqual(files)
    expect(await task.events()).toEqual(['submitted', 'claimed', 'lost', 'claimed', 'completed'])
  })

  test('repeats what it did after its last committed checkpoint', async () => {
    const { resize, done } = resizing()
    await using task = await startTask(resize, { files })
    await task.advance(2)
    await task.crash()
    expect(await task.result()).toEqual({ resized: 4 })
    expect(done).toEqual(['a', 'b', 'b', 'c', 'd'])
  })

  test('crashes between steps, and during one, and repeats only the latter', async () => {
    const done: string[] = []
    const trip = defineTask({
      type: 'trip',
      parameters: z.object({}),
      async run(_, task) {
        for (const name of ['flight', 'hotel', 'car']) await task.step(name, () => void done.push(name))
        return done.length
      },
    })
    await using between = await startTask(trip, {}, { crashAt: { after: 'hotel' } })
    expect(await between.result()).toBe(3)
    expect(done).toEqual(['flight', 'hotel', 'car'])
    expect(await between.events()).toEqual(['submitted', 'claimed', 'lost', 'claimed', 'completed'])
    done.length = 0
    await using during = await startTask(trip, {}, { crashAt: { during: 'hotel' } })
    expect(await during.result()).toBe(4)
    expect(done).toEqual(['flight', 'hotel', 'hotel', 'car'])
    done.length = 0
    await using paused = await startTask(trip, {}, { pauseAt: { after: 'flight' } })
    expect([await paused.status(), done]).toEqual(['paused', ['flight']])
    await paused.resume()
    expect(await paused.result()).toBe(3)
  })

  test('is paused exactly at a chosen checkpoint', async () => {
    const { resize, done } = resizing()
    await using task = await startTask(resize, { files, every: 0 }, { pauseAt: 3 })
    expect([await task.status(), done]).toEqual(['paused', ['a', 'b']])
    expect(await task.checkpoint()).toEqual({ next: 2 })
    await task.manager.restart()
    expect(await task.status()).toBe('paused')
    await task.resume()
    await task.result('0.1s')
    expect(done).toEqual(files)
  })

  test('fails and is retried after its back-off', async () => {
    let runs = 0
    const flaky = defineTask({
      type: 'flaky',
      parameters: z.object({ final: z.boolean() }),
      attempts: 3,
      backoff: '1m',
      run({ final }) {
        if (++runs < 3) throw final ? new NonRetryableError('no use') : new Error('not yet')
        return runs
      },
    })
    await using task = await startTask(flaky, { final: false })
    expect([await task.status(), runs]).toEqual(['scheduled', 1])
    await expect(task.result('10s')).rejects.toThrow('did not finish within 10s: it is scheduled')
    expect(await task.result()).toBe(3)
    runs = 0
    await using final = await startTask(flaky, { final: true })
    await expect(final.result()).rejects.toMatchObject({ code: 'TASK_FAILED', error: { message: 'no use' } })
  })

  test('is killed with its node, whatever it was about to do', async () => {
    const done: string[] = []
    const wide = defineTask({
      type: 'wide',
      parameters: z.object({}),
      async run(_, task) {
        await Promise.all([
          task.sleep(5).then(() => done.push('slept')),
          task.sleep(1).then(() => task.checkpoint(1, { durable: true })),
        ])
      },
    })
    await using task = await startTask(wide, {}, { crashAt: 1 })
    await task.advance(5.5)
    expect(done).toEqual([])
    await task.result()
    expect(done).toEqual(['slept'])
  })

  test('sleeps for days, also across the death of its node', async () => {
    const slow = defineTask({
      type: 'slow',
      parameters: z.object({}),
      run: async (_, task) => {
        await task.sleep('1d')
        await task.sleep('2d')
        return 'rested'
      },
    })
    await using task = await startTask(slow, {})
    await task.advance('20h')
    expect(await task.status()).toBe('waiting')
    await task.crash()
    await task.advance('52h')
    expect(await task.status()).toBe('completed')
    expect(await task.result()).toBe('rested')
  })

  test('that would block a thread runs in the test, and stores its checkpoints', async () => {
    const count = defineTask({
      type: 'count',
      runs: 'thread',
      module: import.meta.url,
      parameters: z.object({ to: z.int() }),
      state: z.int(),
      run({ to }, task) {
        for (let n = task.state ?? 0; n < to; n++) {
          task.checkpointSync(n)
          task.progressSync(n, to)
        }
        return to
      },
    })
    await using task = await startTask(count, { to: 3 })
    expect(await task.result()).toBe(3)
    expect(await task.checkpoint()).toBe(2)
  })
})

describe('a manager', () => {
  test('runs many tasks in order, and loses none in a crash', async () => {
    const { resize, done } = resizing()
    await using manager = await openTestManager({ tasks: [resize], maxConcurrent: 1 })
    const low = await manager.submit(resize, { files: ['low 1', 'low 2'] })
    const last = await manager.submit(resize, { files: ['last'] }, { delay: '10s' })
    const high = await manager.submit(resize, { files: ['high'] }, { priority: 5 })
    await manager.crash()
    expect(await low.result()).toEqual({ resized: 2 })
    expect(await high.status()).toBe('completed')
    expect(await last.status()).toBe('scheduled')
    await manager.advance('10s')
    expect(done).toEqual(['high', 'low 1', 'low 2', 'last'])
    expect((await manager.manager.list()).tasks).toHaveLength(3)
    expect(manager.warnings).toEqual([])
  })

  test('refuses what it cannot test', async () => {
    const ls = defineCommand({ type: 'ls', parameters: z.object({}), command: () => ['ls'] })
    await expect(openTestManager({ tasks: [ls] })).rejects.toThrow('an executable has no handler to test')
    const { resize } = resizing()
    await using manager = await openTestManager({ tasks: [] })
    expect(() => manager.crashAt(resize, 1)).toThrow('this manager does not have it')
    await expect(manager.submit(resize, { files })).rejects.toMatchObject({ code: 'TYPE_UNKNOWN' })
    await expect(manager.advance('soon')).rejects.toThrow('not a duration')
  })
})
