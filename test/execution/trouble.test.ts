import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { openTaskManager, type TaskHandle, type TaskManager } from '../../src/index.ts'
import { shell } from '../fixtures/commands.ts'
import { tightApart, watchful } from '../fixtures/threads.ts'
import { alive, childrenOf, commandOf, descendantsOf } from './processes.ts'
import { patiently, until } from '../support/until.ts'

/** Processes of the node are stopped by a signal, or no more can be started. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
afterEach(() => manager.close())

async function open(cancelGrace = 0.2): Promise<void> {
  manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks: [shell, tightApart, watchful],
    cancelGrace,
    drain: 1,
    logger: quiet,
  })
}

/** The child process of the node that runs this program. */
async function processOf(program: string): Promise<number> {
  const find = () => childrenOf(process.pid).find((pid) => commandOf(pid).includes(program))
  await until(`${program} runs`, () => find() !== undefined)
  return find()!
}

/** A command with a child, both of which wait. */
async function runningCommand() {
  const handle = await manager.submit(shell, {
    script: `echo '{"progress":{"current":1}}'; sleep 600 & sleep 600`,
  })
  await until('it runs', async () => (await handle.task()).progress !== null)
  return handle
}

async function movesOf(handle: TaskHandle, move: string): Promise<number> {
  return (await handle.details()).timeline.filter((entry) => entry.event === move).length
}

/** Limits how many files and pipes the process can have open. */
function limitFiles(pid: number, limit: string): void {
  execFileSync('prlimit', ['--pid', String(pid), `--nofile=${limit}:`])
}

function filesLimitOf(pid: number): string {
  return /Max open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))![1]!
}

test('a command without room is released, affects no other, and runs once there is room', async () => {
  await open()
  const running = await runningCommand()
  const supervisor = await processOf('supervisor-main')
  const before = filesLimitOf(supervisor)
  // Open files stay usable, but no more can be opened.
  limitFiles(supervisor, '0')
  const limited = performance.now()
  const handle = await manager.submit(shell, { script: 'echo here' })
  await until('it is given back', async () => (await movesOf(handle, 'released')) >= 2)
  expect((await running.cancel(patiently)).status).toBe('cancelled')
  expect(await processOf('supervisor-main')).toBe(supervisor)
  const claims = await movesOf(handle, 'claimed')
  const seconds = (performance.now() - limited) / 1_000
  limitFiles(supervisor, before)
  expect(await handle.result()).toEqual({ exit_code: 0, output: 'here\n' })
  expect(await handle.task()).toMatchObject({ failures: 0, crashes: 0, attempt: 1 })
  // Retried at most once a second, not as fast as it can be claimed.
  expect(claims).toBeLessThan(seconds + 3)
})

test('processes without room cost a task nothing either', async () => {
  await open()
  const [none, before] = ['0', filesLimitOf(process.pid)].map(
    (limit) => `prlimit --pid ${process.pid} --nofile=${limit}:`,
  )
  // Started first, since nothing can be started under the limit.
  const limiting = spawn('sh', ['-c', `read _; ${none}; echo limited; read _; ${before}`])
  const lifted = once(limiting, 'exit')
  limiting.stdin.write('\n')
  await once(limiting.stdout, 'data')
  const handles = [
    await manager.submit(shell, { script: 'true' }),
    await manager.submit(tightApart, { rounds: 3 }),
  ]
  for (const handle of handles) {
    await until('it is given back', async () => (await movesOf(handle, 'released')) >= 1)
  }
  limiting.stdin.write('\n')
  await lifted
  await Promise.all(handles.map((handle) => handle.result()))
  for (const handle of handles) {
    expect(await handle.task()).toMatchObject({ failures: 0, crashes: 0, attempt: 1 })
  }
})

test('a node whose supervisor is stopped closes, and nothing is left', async () => {
  await open()
  await runningCommand()
  const pids = descendantsOf(process.pid)
  process.kill(await processOf('supervisor-main'), 'SIGSTOP')
  await manager.close()
  await until('all are gone', () => pids.every((pid) => !alive(pid)))
})

test('a command whose supervisor is stopped can be cancelled', async () => {
  await open()
  const handle = await runningCommand()
  const pids = descendantsOf(await processOf('supervisor-main'))
  process.kill(await processOf('supervisor-main'), 'SIGSTOP')
  expect((await handle.cancel(patiently)).status).toBe('cancelled')
  await until('its code is gone', () => pids.every((pid) => !alive(pid)))
  await until('its slot is free', () => manager.state.slotsInUse === 0)
})

test('a thread whose process is stopped can be cancelled', async () => {
  await open()
  const handle = await manager.submit(watchful, {})
  await until('it runs', async () => (await handle.task()).progress !== null)
  const host = await processOf('host-main')
  process.kill(host, 'SIGSTOP')
  expect((await handle.cancel(patiently)).status).toBe('cancelled')
  await until('its code is gone', () => !alive(host))
  await until('its slot is free', () => manager.state.slotsInUse === 0)
})
