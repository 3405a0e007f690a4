import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import * as commands from '../fixtures/commands.ts'
import * as types from '../fixtures/sleeping.ts'
import { handlers } from '../fixtures/remote.ts'
import { submitNamed, workRemotely } from '../support/remote.ts'
import { patiently, until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'fermata-sleeping-'))
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
let files = 0
let worker: AsyncDisposable
const close = async () => {
  await worker[Symbol.asyncDispose]()
  await manager.close()
}
afterEach(close)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function open(database = 'sqlite::memory:', maxConcurrent = 1): Promise<void> {
  const tasks = [...types.all, ...commands.all]
  manager = await openTaskManager({
    database,
    tasks,
    maxConcurrent,
    cancelGrace: 0.5,
    drain: 1,
    logger: quiet,
  })
  worker = await workRemotely(manager, handlers)
}

const remote = { type: 'sleeping-remote' }

const newFile = () => join(folder, `effects-${++files}`)
const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n')
const asleep = (task: Awaited<ReturnType<TaskManager['submit']>>) =>
  until('it sleeps', async () => (await task.task()).status === 'waiting')

describe.each([...types.all, remote])('a sleep of $type', (type) => {
  test('frees the slot, and ends not before its time', async () => {
    await open()
    const files = [newFile(), newFile()]
    const began = Date.now()
    const tasks = []
    for (const effects of files) tasks.push(await submitNamed(manager, type, { effects, seconds: 2 }))
    for (const task of tasks) expect(await task.result()).toBe('awake')
    for (const [index, file] of files.entries()) {
      const ends = linesOf(file).flatMap((line) => {
        const [, round, end] = /^slept (\d) at (\d+)/.exec(line) ?? []
        return round === undefined ? [] : [{ round: Number(round), end: Number(end) }]
      })
      // A handler that starts again comes to sleeps that are over.
      expect(new Set(ends.map(({ round }) => round)).size).toBe(2)
      for (const { round, end } of ends)
        expect(end - began, 'not before its time').toBeGreaterThanOrEqual(1_990 * round)
      const { timeline } = await tasks[index]!.details()
      expect(timeline.filter(({ event }) => event === 'sleep_started')).toHaveLength(2)
    }
  })

  test('goes on in another process after a restart', async () => {
    const effects = newFile()
    const database = `sqlite:${effects}.db`
    await open(database)
    const task = await submitNamed(manager, type, { effects, seconds: 3 })
    await asleep(task)
    await close()
    expect(linesOf(effects)).toEqual(['run 1'])
    await open(database)
    const found = await manager.handle(task.id)
    expect(await found.result()).toBe('awake')
    expect(new Set(linesOf(effects).flatMap((line) => /^slept \d/.exec(line) ?? [])).size).toBe(2)
  })

  test('is cancelled at once', async () => {
    await open()
    const task = await submitNamed(manager, type, { effects: newFile(), seconds: 3_600 })
    await asleep(task)
    await task.cancel(patiently)
    expect((await task.task()).status).toBe('cancelled')
  })

  test('is paused and resumed, and sleeps on', async () => {
    await open()
    const task = await submitNamed(manager, type, { effects: newFile(), seconds: 3_600 })
    await asleep(task)
    await task.pause(patiently)
    expect((await task.task()).status).toBe('paused')
    await task.resume(patiently)
    expect((await task.task()).status).toBe('waiting')
    await task.cancel(patiently)
  })
})

test.each([
  ['{"sleep":"soon"}', 'SLEEP_INVALID'],
  ['{"sleep":-1}', 'SLEEP_INVALID'],
  ['{"sleep":{}}', 'SLEEP_INVALID'],
])('%s fails a command with %s', async (line, code) => {
  await open()
  const task = await manager.submit(commands.shell, { script: `echo '${line}'` }, { maxAttempts: 1 })
  await expect(task.result()).rejects.toThrow()
  expect((await task.task()).error).toMatchObject({ code })
})

test('a command that asks for a sleep and has a result is done', async () => {
  await open()
  const script = 'echo \'{"sleep":"1h"}\'; echo \'{"result":1}\''
  const task = await manager.submit(commands.shell, { script })
  expect(await task.result()).toBe(1)
})
