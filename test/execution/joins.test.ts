import { afterEach, describe, expect, test } from 'vitest'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import * as commands from '../fixtures/commands.ts'
import * as types from '../fixtures/joins.ts'
import { patiently, until } from '../support/until.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
afterEach(() => manager.close())

async function open(): Promise<void> {
  manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks: [...types.all, ...commands.all],
    maxConcurrent: 1,
    cancelGrace: 0.5,
    drain: 1,
    logger: quiet,
  })
}

const parents = [types.inline, types.inThread, types.inProcess, types.command]

describe.each(parents)('children joined by $type, with one slot for all,', (type) => {
  test('give their results in order', async () => {
    await open()
    const task = await manager.submit(type, {
      mode: 'all',
      children: [{ n: 3, ms: 300 }, { n: 1 }, { n: 2 }],
    })
    expect(await task.result()).toEqual([
      [1, 9],
      [2, 1],
      [3, 4],
    ])
    expect((await task.task()).attempt).toBe(1)
  })

  test('are told apart by how they ended, or by which is the first', async () => {
    await open()
    const children = [{ n: 1, fails: true }, { n: 2, ms: 50 }, { n: 3 }]
    const settled = await manager.submit(type, { mode: 'settled', children })
    expect(await settled.result()).toEqual([
      [1, 'page 1 is broken'],
      [2, 4],
      [3, 9],
    ])
    const any = await manager.submit(type, { mode: 'any', children })
    expect(await any.result()).toEqual([[2, 4]])
  })

  test('of which one fails fail it, and stop', async () => {
    await open()
    const children = [
      { n: 1, fails: true },
      { n: 2, ms: 60_000 },
    ]
    const task = await manager.submit(type, { mode: 'all', children }, { maxAttempts: 3 })
    await expect(task.result()).rejects.toThrow('page 1 is broken')
    expect(await task.task()).toMatchObject({ attempt: 1, error: { code: 'CHILD_FAILED' } })
    await until('the other one is cancelled', async () => {
      const { byStatus } = (await manager.family(task.id)).children
      return byStatus.failed === 1 && byStatus.cancelled === 1
    })
  })

  test('that none has completed, or of none, are an error', async () => {
    await open()
    const task = await manager.submit(type, { mode: 'any', children: [{ n: 1, fails: true }] })
    await expect(task.result()).rejects.toThrow('None of the 1 children has completed.')
    const none = await manager.submit(type, { mode: 'any', children: [] })
    await expect(none.result()).rejects.toThrow('There are no children')
    expect(await (await manager.submit(type, { mode: 'all', children: [] })).result()).toEqual([])
  })

  test('let it be paused, resumed and cancelled while it waits', async () => {
    await open()
    const children = [{ n: 2, ms: 1_500 }]
    const task = await manager.submit(type, { mode: 'all', children })
    await until('it waits', async () => (await task.task()).status === 'waiting')
    expect(await task.pause(patiently)).toMatchObject({ status: 'paused' })
    await until('its child has ended', async () => {
      const { byStatus } = (await manager.family(task.id)).children
      return byStatus.completed === 1
    })
    expect((await task.task()).status).toBe('paused')
    await task.resume()
    expect(await task.result()).toEqual([[1, 4]])

    const other = await manager.submit(type, { mode: 'settled', children: [{ n: 1, ms: 60_000 }] })
    await until('it waits', async () => (await other.task()).status === 'waiting')
    expect(await other.cancel(patiently)).toMatchObject({ status: 'cancelled' })
  })
})

test.each([
  ['{"join":"some"}', 'JOIN_INVALID'],
  ['{"join":{"mode":"all","children":"page"}}', 'JOIN_INVALID'],
  ['{"join":{"mode":"all","children":[""]}}', 'JOIN_INVALID'],
  ['{"join":{"mode":"all","children":[{"name":"page","occurrence":0}]}}', 'JOIN_INVALID'],
  ['{"join":{"mode":"all","children":["page"]}}', 'JOIN_INVALID'],
])('%s fails a command with %s', async (line, code) => {
  await open()
  const task = await manager.submit(commands.shell, { script: `echo '${line}'` }, { maxAttempts: 1 })
  await expect(task.result()).rejects.toThrow()
  expect((await task.task()).error).toMatchObject({ code })
})

test('a command joins the children that it names', async () => {
  await open()
  const spawn = (name: string, n: number) =>
    `echo '${JSON.stringify({ spawn: { type: 'joins-page', name, parameters: { n } } })}'`
  const script = `read -r input; case "$input" in
    *'"joined":null'*) ${spawn('a', 1)}; ${spawn('b', 2)}; ${spawn('b', 3)}
      echo '{"join":{"mode":"all","children":[{"name":"b","occurrence":2},"a"]}}';;
    *) echo "{\\"result\\": \${input##*\\"joined\\":}";; esac`
  const task = await manager.submit(commands.shell, { script })
  expect(await task.result()).toMatchObject([
    { name: 'b', occurrence: 2, status: 'completed', result: 9 },
    { name: 'a', occurrence: 1, status: 'completed', result: 1 },
  ])
})
