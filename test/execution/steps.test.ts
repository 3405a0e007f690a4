import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import * as types from '../fixtures/steps.ts'
import * as commands from '../fixtures/commands.ts'
import { handlers } from '../fixtures/remote.ts'
import { submitNamed, workRemotely } from '../support/remote.ts'
import { patiently, until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'fermata-steps-'))
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
let files = 0
let worker: AsyncDisposable
afterEach(async () => {
  await worker[Symbol.asyncDispose]()
  await manager.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function open(database = 'sqlite::memory:'): Promise<void> {
  const tasks = [...types.all, ...commands.all]
  manager = await openTaskManager({ database, tasks, cancelGrace: 0.5, drain: 1, logger: quiet })
  worker = await workRemotely(manager, handlers)
}

const remote = { type: 'steps-remote' }

const newFile = () => join(folder, `effects-${++files}`)
const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n')

describe.each([types.inline, types.inThread, types.inProcess, types.command, remote])(
  'steps of $type',
  (type) => {
    test('are stored in order, with their results', async () => {
      await open()
      const effects = newFile()
      const task = await submitNamed(manager, type, { effects, count: 5 })
      const results = (await task.result()) as string[]
      expect(results).toHaveLength(5)
      const { steps } = await task.steps()
      expect(steps.map(({ name, occurrence, status }) => [name, occurrence, status])).toEqual(
        [0, 1, 2, 3, 4].map((n) => [`step ${n}`, 1, 'completed']),
      )
      expect(steps.map(({ result }) => JSON.parse(result ?? '') as unknown)).toEqual(results)
      expect(linesOf(effects)).toEqual([0, 1, 2, 3, 4].map((n) => `${task.id}:step ${n}:1`))
      for (const { startedAt, finishedAt } of steps) expect(finishedAt).toBeGreaterThanOrEqual(startedAt)
    })

    test('are not repeated by a retry after a cancel', async () => {
      await open()
      const effects = newFile()
      const task = await submitNamed(manager, type, { effects, count: 60, pause: 20 })
      await until('some are stored', async () => (await task.steps()).steps.length > 2)
      await task.cancel(patiently)
      const { steps } = await task.steps()
      if ((await task.task()).status === 'cancelled') await task.retry()
      const results = (await task.result()) as string[]
      expect(results.slice(0, steps.length)).toEqual(
        steps.map(({ result }) => JSON.parse(result ?? '') as unknown),
      )
      // The one that was running when it was cancelled is repeated.
      const counts = Map.groupBy(linesOf(effects), (line) => line)
      expect(counts.size).toBe(60)
      expect([...counts.values()].filter((lines) => lines.length > 1).length).toBeLessThanOrEqual(1)
    })
  },
)

describe('steps of a command', () => {
  const sh = (script: string) => manager.submit(commands.shell, { script })

  test('that prints lines are stored before its result, however fast it ends', async () => {
    await open()
    const task = await sh(
      'read -r first; echo \'{"step":{"name":"a","result":{"n":1}}}\'; echo \'{"step":{"name":"a","occurrence":2}}\'; echo \'{"result":"done"}\'',
    )
    expect(await task.result()).toBe('done')
    expect((await task.steps()).steps).toMatchObject([
      { number: 1, name: 'a', occurrence: 1, result: '{"n":1}' },
      { number: 2, name: 'a', occurrence: 2, result: 'null' },
    ])
  })

  test('are in the first line of its next run, and repeating one changes nothing', async () => {
    await open()
    const script =
      'read -r first; echo "$first" | grep -q \'"steps":\\[\\]\' && { echo \'{"step":{"name":"a","result":1}}\'; exit 3; }; echo \'{"step":{"name":"a","result":2}}\'; printf \'{"result":%s}\\n\' "$first"'
    const task = await manager.submit(commands.shell, { script }, { maxAttempts: 2, backoff: 0.2 })
    await until('it has failed once', async () => (await task.task()).failures === 1)
    const { steps } = (await task.result()) as { steps: unknown }
    expect(steps).toEqual([{ name: 'a', occurrence: 1, result: 1 }])
    expect((await task.steps()).steps).toMatchObject([{ result: '1' }])
  })

  test.each([
    ['{"step":{"name":""}}', 'STEP_INVALID'],
    ['{"step":{"result":1}}', 'STEP_INVALID'],
    ['{"step":{"name":"a","occurrence":0}}', 'STEP_INVALID'],
    ['{"step":{"name":"a","result":1e999}}', 'NOT_JSON'],
  ])('%s fails it with %s', async (line, code) => {
    await open()
    const task = await manager.submit(commands.shell, { script: `echo '${line}'` }, { maxAttempts: 1 })
    await expect(task.result()).rejects.toThrow()
    expect((await task.task()).error).toMatchObject({ code })
  })
})
