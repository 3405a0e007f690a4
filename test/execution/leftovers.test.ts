import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { taskVariables, nodeVariable } from '../../src/core/task-variables.ts'
import { openTaskManager } from '../../src/index.ts'
import { endLeftovers } from '../../src/execution/executors/leftovers.ts'
import { identityOf, markedProcesses, nodeMark } from '../../src/execution/executors/process-marks.ts'
import { daemonising, deaf, spinning } from '../fixtures/commands.ts'
import { alive, childrenOf, commandOf, descendantsOf, threadsOf } from './processes.ts'
import { aMinute, until } from '../support/until.ts'

/** Processes left behind by a node that dies together with its supervisor and watchdog. */

const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** A node that leads a process group, with running commands. */
async function commanding() {
  const program = join(import.meta.dirname, '../fixtures/commanding.ts')
  const node = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const [said] = (await once(node.stdout, 'data')) as [Buffer]
  const pid = node.pid ?? 0
  const supervisor = childrenOf(pid).find((child) => commandOf(child).includes('supervisor-main')) ?? 0
  const watchdog = childrenOf(supervisor).find((child) => commandOf(child).includes('fermata-watchdog')) ?? 0
  onTestFinished(() => kill(-pid))
  const daemon = Number(/daemon (\d+)/.exec(String(said))?.[1])
  const commands = [
    daemon,
    ...descendantsOf(supervisor).filter((child) => child !== watchdog && child !== daemon),
  ]
  expect(commands.length).toBeGreaterThanOrEqual(5)
  expect([pid, supervisor, watchdog, ...commands].filter((each) => !alive(each))).toEqual([])
  return { pid, supervisor, watchdog, commands }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has already exited.
  }
}

const allGone = (pids: readonly number[]) => pids.every((pid) => !alive(pid))

test('nothing outlives a node whose whole process group is killed', async () => {
  const { pid, supervisor, watchdog, commands } = await commanding()
  process.kill(-pid, 'SIGKILL')
  await until('all are gone', () => allGone([...commands, supervisor, watchdog]))
})

test('nothing outlives a node that is killed together with its supervisor', async () => {
  const { pid, supervisor, watchdog, commands } = await commanding()
  for (const each of [pid, supervisor]) process.kill(each, 'SIGSTOP')
  for (const each of [pid, supervisor]) process.kill(each, 'SIGKILL')
  await until('all are gone', () => allGone([...commands, watchdog]))
})

test('the next node ends what is left when all of them are killed, and nothing of a live node', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-'))
  const living = await commanding()
  const { pid, supervisor, watchdog, commands } = await commanding()
  for (const each of [pid, supervisor, watchdog]) process.kill(each, 'SIGSTOP')
  for (const each of [pid, supervisor, watchdog]) process.kill(each, 'SIGKILL')
  await until('the node is gone', () => allGone([pid, supervisor, watchdog]))
  expect(commands.filter((each) => !alive(each))).toEqual([])
  // Any node that starts on this machine meanwhile, such as one of another test, ends them too.
  await using _manager = await openTaskManager({
    database: `sqlite:${join(folder, 'fermata.db')}`,
    tasks: [daemonising, deaf, spinning],
    logger: quiet,
  })
  expect(commands.filter(alive)).toEqual([])
  expect([living.supervisor, ...living.commands].filter((each) => !alive(each))).toEqual([])
  process.kill(living.pid, 'SIGKILL')
  await until('all are gone', () => allGone(living.commands))
  await rm(folder, { recursive: true, force: true })
})

/** Starts a process marked as a command of this node, and waits for its first output. */
async function marked(node: number, file: string, ...args: string[]): Promise<number> {
  const child = spawn(file, args, {
    env: {
      ...taskVariables({ id: `test-${process.pid}`, type: 'marked', attempt: 1, fence: 1 }),
      [nodeVariable]: nodeMark({ node: identityOf(node), holder: 1 }),
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => kill(-child.pid!))
  await once(child.stdout, 'data')
  return child.pid!
}

/** A dead process has at most one thread left. A zombie main thread alone is not enough. */
const isGone = (pid: number) => !alive(pid) && threadsOf(pid).length <= 1

test('the next node waits until what it ends is gone, with all of its threads', async () => {
  // The last thread, often not the main one, takes a while to free this much memory. Meanwhile, the marks cannot be read.
  const large =
    "globalThis.kept = Buffer.alloc(1 << 29, 1); console.log('ready'); setInterval(() => {}, 1_000)"
  const isMeanwhileSeen = async () => {
    const node = spawn('sleep', ['300'])
    const pids = await Promise.all(
      Array.from({ length: 3 }, () => marked(node.pid!, process.execPath, '-e', large)),
    )
    const gone = once(node, 'exit')
    node.kill('SIGKILL')
    await gone
    // It kills them before its first await, and cannot continue until this test awaits.
    const ending = endLeftovers()
    const deadline = performance.now() + aMinute
    const marks = () => markedProcesses({ afresh: true }).filter(({ pid }) => pids.includes(pid))
    while (marks().length > 0 && performance.now() < deadline);
    expect(marks()).toEqual([])
    const left = pids.filter((pid) => !isGone(pid))
    await ending
    expect(pids.filter((pid) => !isGone(pid))).toEqual([])
    return left.length > 0
  }
  // This process may have to wait for a processor until they are gone.
  await until('marks are gone before their processes', isMeanwhileSeen)
})

test('a process is found even while it becomes another program', async () => {
  const pid = await marked(
    process.pid,
    '/bin/sh',
    '-c',
    `echo ready; export AGAIN='exec /bin/sh -c "$AGAIN"'; eval "$AGAIN"`,
  )
  const scans = Array.from({ length: 1_000 }, () => markedProcesses().some((marked) => marked.pid === pid))
  expect(scans.filter((found) => !found)).toEqual([])
})

test('a command cannot read the settings of its node from the process that started it', async () => {
  process.env['DATABASE_URL'] = 'postgres://fermata:a-secret@nowhere/fermata'
  await using manager = await openTaskManager({
    database: 'sqlite::memory:',
    tasks: [spinning],
    drain: 0,
    cancelGrace: 0,
  })
  const handle = await manager.submit(spinning, {})
  delete process.env['DATABASE_URL']
  await until('it runs', async () => (await handle.task()).progress !== null)
  const supervisor = childrenOf(process.pid).find((child) => commandOf(child).includes('supervisor-main'))
  for (const each of [supervisor!, ...descendantsOf(supervisor!)]) {
    expect(readFileSync(`/proc/${each}/environ`, 'utf8'), commandOf(each)).not.toContain('a-secret')
  }
})
