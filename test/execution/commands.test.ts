import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import {
  defineCommand,
  openTaskManager,
  type OpenOptions,
  type TaskHandle,
  type TaskManager,
} from '../../src/index.ts'
import { z } from 'zod'
import * as types from '../fixtures/commands.ts'
import {
  alive,
  childrenOf,
  commandOf,
  cpuMilliseconds,
  descendantsOf,
  isStopped,
  nicenessOf,
} from './processes.ts'
import { patiently, until } from '../support/until.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
let manager: TaskManager
afterEach(async () => {
  const before = descendantsOf(process.pid)
  await manager.close()
  await until('no process is left', () => before.every((pid) => !alive(pid)))
})

async function open(own: Partial<OpenOptions> = {}): Promise<void> {
  const options = { database: 'sqlite::memory:', tasks: types.all, cancelGrace: 0.5, drain: 1, logger: quiet }
  manager = await openTaskManager({ ...options, ...own })
}

const sh = (script: string, args: string[] = []) => manager.submit(types.shell, { script, args })
const running = (handle: TaskHandle) => until('it runs', async () => (await handle.task()).progress !== null)

/** The processes of commands, without their supervisor and its watchdog. */
function commandProcesses(): number[] {
  return supervisors()
    .flatMap((supervisor) => descendantsOf(supervisor))
    .filter((pid) => !isWatchdog(pid))
}

function supervisors(): number[] {
  return childrenOf(process.pid).filter((pid) => commandOf(pid).includes('supervisor-main'))
}

function isWatchdog(pid: number): boolean {
  return commandOf(pid).includes('fermata-watchdog')
}

describe('a command', () => {
  test('without protocol lines has its exit code and output as its result', async () => {
    await open()
    expect(await (await sh('echo hello; printf world')).result()).toEqual({
      exit_code: 0,
      output: 'hello\nworld',
    })
    expect(await (await sh(`printf 'one\\r\\ntwo\\r\\n'`)).result()).toMatchObject({
      output: 'one\r\ntwo\r\n',
    })
  })

  test('is connected by pipes, so that bash does not assume a remote login, and can reopen them', async () => {
    await open()
    const home = await mkdtemp(join(tmpdir(), 'fermata-home-'))
    onTestFinished(() => rm(home, { recursive: true }))
    await writeFile(join(home, '.bashrc'), 'echo from the bashrc')
    const script =
      'read -r line; for n in 0 1 2; do test -p /dev/fd/$n && echo pipe; done; echo again > /dev/stdout'
    const handle = await manager.submit(types.bash, { script, home })
    expect(await handle.result()).toMatchObject({ output: 'pipe\npipe\npipe\nagain\n' })
  })

  test('gets its parameters on its input with defaults, like its type', async () => {
    await open()
    const script = String.raw`read -r line; printf '{"result":%s}\n' "$line"`
    const handle = await manager.submit(types.shell, { script })
    expect(await handle.result()).toMatchObject({ parameters: { script, args: [] } })
  })

  test('may write spaces or a byte order mark before a protocol line', async () => {
    await open()
    const handle = await sh(String.raw`printf '\357\273\277{"progress":{"current":1}}\n \t{"result":2}\r\n'`)
    expect(await handle.result()).toBe(2)
    expect((await handle.task()).progress).toMatchObject({ current: 1 })
  })

  test('that redraws its progress in one line shows it while it runs', async () => {
    await open()
    const folder = await mkdtemp(join(tmpdir(), 'fermata-redrawn-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const shown = join(folder, 'shown')
    const handle = await sh(
      String.raw`printf '\r 10%%\r 20%%'; printf '\rstill\r' >&2; until [ -e "$1" ]; do sleep 0.1; done; printf '\r 30%%'; sleep 600`,
      [shown],
    )
    const lines: string[] = []
    for await (const event of handle.events()) {
      if (event.kind === 'log') lines.push(event.message)
      if (lines.includes(' 20%') && lines.includes('still')) await writeFile(shown, '')
      if (lines.includes(' 30%')) break
    }
    expect(lines).toEqual(expect.arrayContaining([' 20%', 'still', ' 30%']))
    expect(lines).not.toContain(' 10%')
    await handle.cancel(patiently)
  })

  test('that ends a redrawn line is logged with its last state, once', async () => {
    await open()
    const handle = await sh(String.raw`printf '\r 10%%\r 100%%'; sleep 0.5; printf '\r\n'; echo last`)
    const lines: string[] = []
    for await (const event of handle.events()) if (event.kind === 'log') lines.push(event.message)
    expect(lines).toEqual([' 100%', 'last'])
    expect(await handle.result()).toMatchObject({ output: '\r 10%\r 100%\r\nlast\n' })
  })

  test('that fails reports how, with its last lines', async () => {
    await open()
    await expect((await sh('echo oh no >&2; exit 3')).result()).rejects.toMatchObject({
      error: { code: 'COMMAND_FAILED', message: 'The command exited with code 3: oh no' },
    })
    await expect((await sh('kill -SEGV $$')).result()).rejects.toMatchObject({
      error: { message: 'The command was ended by SIGSEGV' },
    })
    await expect(
      (await sh('echo Traceback >&2; echo ValueError >&2; exit 1')).result(),
    ).rejects.toMatchObject({
      error: { message: 'The command exited with code 1:\nTraceback\nValueError' },
    })
    await expect((await sh('echo why; exit 1')).result()).rejects.toMatchObject({
      error: { message: 'The command exited with code 1: why' },
    })
    const long = await sh('head -c 100000 /dev/zero | tr "\\0" x >&2; echo the reason >&2; exit 1')
    await expect(long.result()).rejects.toMatchObject({
      error: { message: expect.stringMatching(/^The command exited with code 1: …x+the reason$/) },
    })
    expect((await manager.log(long.id)).at(-1)?.text).toMatch(/^x{1024}…x+the reason$/)
  })

  test.each([
    ['{"result":{"id":9007199254740993}}', 'result.id: the number is an integer beyond'],
    ['{"result":[1e400]}', 'result.0: the number is too large for a JSON number'],
    ['{"checkpoint":{"id":9007199254740993}}', 'checkpoint.id: the number is an integer beyond'],
  ])('whose %s would be changed fails, and says why', async (line, message) => {
    await open()
    await expect((await sh(`echo '${line}'`)).result()).rejects.toMatchObject({
      error: { code: 'NOT_JSON', message: expect.stringContaining(message) },
    })
  })

  test('whose checkpoint does not match the state schema fails, and does not store it', async () => {
    const type = defineCommand({
      type: 'counts',
      parameters: z.object({}),
      state: z.object({ n: z.number() }),
      command: () => [
        'sh',
        '-c',
        'echo \'{"checkpoint":{"n":1}}\'; echo \'{"checkpoint":{"n":"two"}}\'; sleep 60',
      ],
    })
    await open({ tasks: [type] })
    const handle = await manager.submit(type, {})
    await expect(handle.result()).rejects.toMatchObject({
      error: { code: 'CHECKPOINT_INVALID', message: expect.stringContaining('n: ') },
    })
    expect(['{"n":1}', null]).toContain((await handle.details()).checkpoint)
  })

  test('that does not exist is a failure that is not retried', async () => {
    await open()
    const handle = await manager.submit(types.missing, {})
    await expect(handle.result()).rejects.toMatchObject({
      error: { message: expect.stringContaining('ENOENT') },
    })
    expect((await handle.task()).failures).toBe(1)
  })

  test('may speak JSON lines: progress, checkpoint, log and result', async () => {
    await open()
    const handle = await sh(`
      echo '{"progress":{"current":1,"total":2,"message":"half"}}'
      echo '{"checkpoint":{"at":1}}'
      echo '{"log":"a line"}'
      echo 'plain output'
      echo '{"result":{"answer":42}}'
    `)
    const lines: string[] = []
    for await (const event of handle.events()) if (event.kind === 'log') lines.push(event.message)
    expect(await handle.result()).toEqual({ answer: 42 })
    expect(lines).toEqual(['a line', 'plain output'])
    const { task, checkpoint } = await handle.details()
    expect(task.progress).toMatchObject({ current: 1, total: 2, message: 'half' })
    expect(checkpoint).toBe('{"at":1}')
  })

  test('gets its arguments unchanged, without a shell', async () => {
    await open()
    const nasty = '$(touch /tmp/owned); `id` "quoted" \\ *'
    const result = (await (await sh('printf %s "$1"', [nasty])).result()) as { output: string }
    expect(result.output).toBe(nasty)
  })

  test('has the environment and folder of its type, and nothing else of the node', async () => {
    process.env['A_SECRET_OF_THE_NODE'] = 'only-for-the-node'
    await open()
    const handle = await manager.submit(types.elsewhere, { name: 'Ada' })
    const { output } = (await handle.result()) as { output: string }
    delete process.env['A_SECRET_OF_THE_NODE']
    const lines = output.split('\n')
    expect(lines[0]).toBe('/')
    expect(lines).toContain('NAME=Ada')
    expect(lines).toContain(`FERMATA_TASK_ID=${handle.id}`)
    expect(output).not.toContain('only-for-the-node')
  })

  test('that writes endlessly uses bounded memory, and keeps its latest output', async () => {
    await open()
    const handle = await sh('yes "a line that comes again and again" | head -c 60000000; echo last')
    const { output } = (await handle.result()) as { output: string }
    expect(output.length).toBeLessThanOrEqual(65_536)
    expect(output.endsWith('last\n')).toBe(true)
    expect(process.memoryUsage().rss).toBeLessThan(1_500_000_000)
  })

  test('that cannot be started reports why, and affects no other', async () => {
    await open()
    const other = await manager.submit(types.spinning, {})
    await running(other)
    const failing = async (parameters: { file: string; args?: string[]; cwd?: string }) => {
      const handle = await manager.submit(types.anything, parameters)
      await handle.result().catch(() => undefined)
      const { error } = await handle.task()
      expect(error?.code).toBe('COMMAND_FAILED')
      return error?.message
    }
    expect(await failing({ file: 'echo', args: ['a\0b'] })).toContain('without null bytes')
    expect(await failing({ file: 'echo', args: ['x'.repeat(200_000)] })).toContain('E2BIG')
    expect(await failing({ file: '/etc/passwd/not-a-folder' })).toContain('ENOTDIR')
    expect(await failing({ file: 'echo', cwd: 'a\0b' })).toContain('without null bytes')
    expect(await failing({ file: 'echo', cwd: '/nowhere' })).toBe(
      'The command cannot be started: its working folder /nowhere does not exist',
    )
    expect(await other.task()).toMatchObject({ status: 'running', crashes: 0 })
    await other.cancel(patiently)
  })

  test('keeps its result and checkpoint, however much it prints after them', async () => {
    await open()
    const handle = await sh(`echo '{"checkpoint":7}'; echo '{"result":"kept"}'; seq 1 100000`)
    expect(await handle.result()).toBe('kept')
    expect((await handle.details()).checkpoint).toBe('7')
  })

  test('may write a line of any length, at a cost linear in its length', async () => {
    await open()
    const handle = await sh(`head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end`)
    const { output } = (await handle.result({ signal: AbortSignal.timeout(600_000) })) as { output: string }
    expect(output.endsWith('xxx\nend\n')).toBe(true)
  })

  test('that never stops printing does not delay its own or other controls', async () => {
    await open()
    const flood = await sh(`yes '{"progress":{"current":1}}' & yes '{"log":"x"}' & yes`)
    await running(flood)
    const other = await manager.submit(types.spinning, {})
    await running(other)
    for (const handle of [other, flood]) {
      expect((await handle.pause(patiently)).status).toBe('paused')
      expect((await handle.resume(patiently)).status).toBe('running')
      expect((await handle.cancel(patiently)).status).toBe('cancelled')
    }
  })

  test('whose result or checkpoint is too large fails, however large', async () => {
    await open()
    for (const word of ['result', 'checkpoint']) {
      const script = `printf '{"${word}":"'; head -c 13000000 /dev/zero | tr '\\0' x; echo '"}'`
      await expect((await sh(script)).result()).rejects.toMatchObject({ error: { code: 'TOO_LARGE' } })
    }
  })

  test('that reports invalid progress finds this in its log, and may write null for omitted values', async () => {
    await open()
    const fine = await sh(`echo '{"progress":{"current":1,"total":null,"message":null}}'`)
    await fine.result()
    expect((await fine.task()).progress).toMatchObject({ current: 1 })
    const wrong =
      await sh(`echo '{"progress":{"current":"one"}}'; echo '{"progress":{"current":1,"total":"x"}}';
      echo '{"progress":null,"log":null,"result":5}'`)
    expect(await wrong.result()).toBe(5)
    expect((await wrong.task()).progress).toBeNull()
    expect((await manager.log(wrong.id)).map(({ text }) => text)).toEqual([
      'Progress ignored: current must be a number. It was {"current":"one"}.',
      'Progress ignored: total must be a number, or null while it is unknown. It was {"current":1,"total":"x"}.',
    ])
  })

  test('whose checkpoint is too large fails, and is stopped', async () => {
    await open()
    const script = `printf '{"checkpoint":"'; head -c 2000000 /dev/zero | tr '\\0' x; echo '"}'; sleep 60`
    await expect((await sh(script)).result()).rejects.toMatchObject({ error: { code: 'TOO_LARGE' } })
  })
})

describe('the processes of a command', () => {
  test('give way to the node', async () => {
    await open()
    const handle = await sh('echo \'{"progress":{"current":1}}\'; sleep 30')
    await running(handle)
    const shell = supervisors()
      .flatMap(childrenOf)
      .find((pid) => !isWatchdog(pid))
    expect(nicenessOf(shell!).threads.map(([, nice]) => nice)).toEqual([10])
    // A child started just before is lowered through its session.
    const sessions = commandProcesses().map((pid) => nicenessOf(pid).session)
    for (const session of sessions.filter((one) => one !== '')) expect(session).toMatch(/nice 10$/)
    await handle.cancel(patiently)
  })

  test('stop while it is paused, including grandchildren, and continue afterwards', async () => {
    await open({ cancelGrace: 120 })
    const handle = await manager.submit(types.spinning, {})
    await running(handle)
    expect((await handle.pause(patiently)).status).toBe('paused')
    const pids = commandProcesses()
    expect(pids).toHaveLength(2)
    await until('they stand still', () => pids.every(isStopped))
    const used = () => pids.reduce((sum, pid) => sum + cpuMilliseconds(pid), 0)
    const before = used()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(used()).toBe(before)
    await handle.resume(patiently)
    await until('they go on', () => used() > before)
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    expect((await handle.task()).endedBy).toBe('cooperative')
    await until('they are gone', () => pids.every((pid) => !alive(pid)))
  })

  test('are killed after the grace period if they ignore SIGTERM', async () => {
    await open()
    const handle = await manager.submit(types.deaf, {})
    await running(handle)
    const pids = commandProcesses()
    const began = performance.now()
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    expect(performance.now() - began).toBeGreaterThan(450)
    expect((await handle.task()).endedBy).toBe('killed')
    await until('they are gone', () => pids.every((pid) => !alive(pid)))
  })

  test('can be cancelled while they are frozen', async () => {
    await open()
    const handle = await manager.submit(types.spinning, {})
    await running(handle)
    await handle.pause(patiently)
    const pids = commandProcesses()
    expect((await handle.cancel(patiently)).status).toBe('cancelled')
    await until('they are gone', () => pids.every((pid) => !alive(pid)))
  })

  test('left behind by a finished command end with it', async () => {
    await open()
    await (await sh('sleep 300 & echo done')).result()
    await until('they are gone', () => commandProcesses().length === 0)
  })

  test('stop and end with it even if they have left its group and session', async () => {
    await open()
    const handle = await sh(`
      setsid sh -c 'echo "{\\"log\\":\\"$$\\"}"; while :; do :; done' &
      echo '{"progress":{"current":1}}'; wait`)
    await running(handle)
    const daemon = Number(await until('it has said its id', async () => (await handle.log())[0]?.text))
    expect(alive(daemon)).toBe(true)
    await handle.pause(patiently)
    await until('it stands still', () => isStopped(daemon))
    const before = cpuMilliseconds(daemon)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(cpuMilliseconds(daemon)).toBe(before)
    await handle.resume(patiently)
    await until('it goes on', () => cpuMilliseconds(daemon) > before)
    await handle.cancel(patiently)
    await until('it is gone', () => !alive(daemon))
  })

  test('that it leaves behind as daemons end with it, and do not delay its end', async () => {
    await open()
    const { output } = (await (await sh(`setsid sh -c 'sleep 300' & echo $!`)).result()) as { output: string }
    await until('it is gone', () => !alive(Number(output)))
  })

  test('do not outlive a node that is killed, running or frozen', async () => {
    await open()
    const node = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/commanding.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = (await once(node.stdout, 'data')) as [Buffer]
    const pids = descendantsOf(node.pid ?? 0)
    const daemon = Number(/daemon (\d+)/.exec(String(said))?.[1])
    expect(pids.length).toBeGreaterThanOrEqual(5)
    expect(alive(daemon)).toBe(true)
    node.kill('SIGKILL')
    await until('they are gone', () => [...pids, daemon].every((pid) => !alive(pid)))
  })

  test('are lost and started again when their supervisor dies', async () => {
    await open()
    const handle = await manager.submit(types.spinning, {})
    await running(handle)
    const pids = commandProcesses()
    const [supervisor] = supervisors()
    process.kill(supervisor ?? 0, 'SIGKILL')
    await until('the old ones are gone', () => pids.every((pid) => !alive(pid)))
    await until('it runs again', async () => (await handle.task()).attempt === 2)
    expect((await handle.details()).timeline.map(({ event }) => event)).toContain('lost')
    await handle.cancel(patiently)
  })
})

describe('a command that is paused by its checkpoint', () => {
  test('saves, exits, and is started again with what it saved', async () => {
    await open()
    const handle = await manager.submit(types.counter, { upTo: 300 })
    await running(handle)
    expect((await handle.pause(patiently)).status).toBe('paused')
    await until('no process is left', () => commandProcesses().length === 0)
    const saved = JSON.parse((await handle.details()).checkpoint ?? '{}') as { count: number }
    expect(saved.count).toBeGreaterThan(0)
    expect((await handle.resume(patiently)).status).toBe('running')
    expect(await handle.result()).toEqual({ count: 300, from: saved.count, fence: 2 })
  })

  test('can be cancelled while it is paused, and resumed before it is', async () => {
    await open()
    const asleep = await manager.submit(types.counter, { upTo: 1_000 })
    await running(asleep)
    await asleep.pause(patiently)
    expect((await asleep.cancel(patiently)).status).toBe('cancelled')
    const hasty = await manager.submit(types.counter, { upTo: 30 })
    await running(hasty)
    await Promise.all([hasty.pause({ wait: 0 }), hasty.resume({ wait: 0 })])
    expect(await hasty.result()).toMatchObject({ count: 30 })
  })
})

test('an invalid definition is reported with the reason', () => {
  const make = (own: object) => () =>
    defineCommand({ type: 'a', parameters: z.object({}), command: () => ['true'], ...own })
  expect(make({ pause: 'later' })).toThrow('pause must be')
  expect(make({ type: 'two words' })).toThrow('a type name has 1 to 100')
})
