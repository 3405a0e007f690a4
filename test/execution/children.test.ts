import { afterEach, describe, expect, test } from 'vitest'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import * as types from '../fixtures/children.ts'
import * as commands from '../fixtures/commands.ts'
import { patiently, until } from '../support/until.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
afterEach(() => manager.close())

async function open(): Promise<void> {
  const tasks = [...types.all, ...commands.all]
  manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks,
    cancelGrace: 0.5,
    drain: 1,
    logger: quiet,
  })
}

const childrenOf = async (id: string) => (await manager.family(id, { limit: 1_000 })).children

describe.each([types.inline, types.inThread, types.inProcess, types.command])('children of $type', (type) => {
  test('are started in order, and named to their parent', async () => {
    await open()
    const task = await manager.submit(type, { count: 5 })
    const ids = (await task.result()) as string[]
    const { tasks, byStatus } = await childrenOf(task.id)
    expect(tasks.map(({ id }) => id)).toEqual(ids)
    expect(tasks.map(({ parent }) => [parent?.id, parent?.name, parent?.occurrence])).toEqual(
      [1, 2, 3, 4, 5].map((n) => [task.id, 'page', n]),
    )
    expect(Object.values(byStatus).reduce((sum, count) => sum + count)).toBe(5)
  })

  test('are found again after a cancel and a retry', async () => {
    await open()
    const task = await manager.submit(type, { count: 60, pause: 20 })
    await until('some are started', async () => (await childrenOf(task.id)).tasks.length > 2)
    await task.cancel(patiently)
    const before = (await childrenOf(task.id)).tasks.map(({ id }) => id)
    if ((await task.task()).status === 'cancelled') await task.retry()
    const ids = (await task.result()) as string[]
    expect(ids).toHaveLength(60)
    expect(ids.slice(0, before.length)).toEqual(before)
    expect((await childrenOf(task.id)).tasks.map(({ id }) => id)).toEqual(ids)
  })
})

describe('children of a command', () => {
  const sh = (script: string) => manager.submit(commands.shell, { script }, { maxAttempts: 1 })

  test('are started before its end is recorded, however fast it ends', async () => {
    await open()
    const task = await sh(
      'echo \'{"spawn":{"type":"children-page","parameters":{"n":3},"priority":7,"max_attempts":4}}\'; echo \'{"result":1}\'',
    )
    await task.result()
    const { tasks } = await childrenOf(task.id)
    expect(tasks).toMatchObject([
      {
        type: 'children-page',
        priority: 7,
        maxAttempts: 4,
        parent: { name: 'children-page', onEnd: 'cancel' },
      },
    ])
  })

  test.each([
    ['{"spawn":{}}', 'SPAWN_INVALID'],
    ['{"spawn":{"type":"children-page","name":""}}', 'SPAWN_INVALID'],
    ['{"spawn":{"type":"children-page","occurrence":0}}', 'SPAWN_INVALID'],
    ['{"spawn":{"type":"nothing"}}', 'TYPE_UNKNOWN'],
    ['{"spawn":{"type":"children-page","parameters":{"n":"x"}}}', 'PARAMETERS_INVALID'],
    ['{"spawn":{"type":"children-page","parameters":{"n":1},"colour":"red"}}', 'OPTIONS_INVALID'],
    ['{"spawn":{"type":"children-page","parameters":{"n":1e999}}}', 'NOT_JSON'],
  ])('%s fails it with %s', async (line, code) => {
    await open()
    const task = await sh(`echo '${line}'`)
    await expect(task.result()).rejects.toThrow()
    expect((await task.task()).error).toMatchObject({ code })
  })
})
