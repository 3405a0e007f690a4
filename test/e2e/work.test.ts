import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const main = join(import.meta.dirname, '../../src/main.ts')
const counter = join(import.meta.dirname, '../fixtures/programs/counter.mjs')
const examples = join(import.meta.dirname, '../../examples/workers')
const patient = { wait: 60 } as const
let server: TestServer
let client: Fermata
const started: ChildProcess[] = []
beforeAll(async () => {
  server = await TestServer.start()
  client = new Fermata({ url: server.url })
})
afterEach(() => {
  for (const { pid, exitCode, signalCode } of started.splice(0))
    if (exitCode === null && signalCode === null) process.kill(-pid!, 'SIGKILL')
})
afterAll(() => server[Symbol.asyncDispose]())

/** Starts a worker in a process group of its own, and waits until its type is known. */
async function start(
  type: string,
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<ChildProcess> {
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
    ...(cwd === undefined ? {} : { cwd }),
  })
  started.push(child)
  await until(`type ${type} is known`, async () => (await client.listTypes()).available_tasks.includes(type))
  return child
}

const work = (type: string, flags: readonly string[], program: readonly string[]) =>
  start(type, process.execPath, [main, 'work', type, '--url', server.url, ...flags, '--', ...program])

test('any program is a worker: parameters on standard input, progress and result on standard output', async () => {
  const script = `read line; echo '{"log": "in the log"}'; echo '{"progress": {"current": 1, "total": 2}}'
    echo "{\\"result\\": $line}"`
  const schema = JSON.stringify({ type: 'object', properties: { a: { type: 'integer' } } })
  const worker = await work(
    'shell',
    ['--parameters', schema, '--description', 'A script.'],
    ['sh', '-c', script],
  )
  expect(await client.getType('shell')).toMatchObject({ runs: 'remote', description: 'A script.' })
  const refused = client.submitTask('shell', { parameters: { a: 'x' } })
  await expect(refused).rejects.toMatchObject({ code: 'PARAMETERS_INVALID' })
  const task = await client.submit('shell', { a: 1 })
  expect(await task.result()).toMatchObject({
    id: task.id,
    attempt: 1,
    fence: 1,
    parameters: { a: 1 },
    state: null,
  })
  expect(await task.status()).toMatchObject({ progress: { current: 1, total: 2 } })
  expect((await client.getTaskLog(task.id)).lines).toMatchObject([{ message: 'in the log' }])
  worker.kill('SIGTERM')
  await until('it has ended', () => worker.exitCode === 0)
})

test('a program that fails fails its task, with its last words', async () => {
  await work('failing', [], ['sh', '-c', 'echo broken >&2; exit 3'])
  const task = await client.submit('failing', {})
  await expect(task.result()).rejects.toMatchObject({
    taskError: { code: 'COMMAND_FAILED', message: 'The command exited with code 3: broken' },
  })
})

test('a pause asks the program for a checkpoint, and a resume starts it from there', async () => {
  await work('counter', ['--pause', 'checkpoint'], [process.execPath, counter])
  const { id } = await client.submit('counter', { upTo: 300 })
  await until('it counts', async () => ((await client.getTaskStatus(id)).progress?.current ?? 0) > 2)
  expect(await client.pauseTask(id, patient)).toMatchObject({ status: 'paused' })
  const { checkpoint } = await client.getTask(id)
  expect((checkpoint as { count: number }).count).toBeGreaterThan(2)
  await client.resumeTask(id)
  const result = await client.handle<{ count: number; from: number; fence: number }>(id).result()
  expect(result).toEqual({ count: 300, from: (checkpoint as { count: number }).count, fence: 2 })
})

test('a program that sleeps and waits has no process meanwhile, and its worker may be killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'fermata-work-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const effects = join(directory, 'effects')
  // It pays once, sleeps once, asks once, and repeats nothing, whichever worker starts it.
  const script = `read -r line; echo run >> ${effects}
    has() { echo "$line" | grep -q "$1"; }
    has '"name":"pay"' || { echo paid >> ${effects}; echo '{"step": {"name": "pay", "result": {"id": 7}}}'; }
    has '"slept":0' && { echo '{"sleep": 1.5}'; exit 0; }
    has '"answer":' || { echo '{"wait": {"name": "ship", "schema": {"type": "boolean"}}}'; exit 0; }
    echo "{\\"result\\": $line}"`
  const first = await work('order', [], ['sh', '-c', script])
  const task = await client.submit('order', {})
  const waits = async () => (await client.getTaskWaits(task.id)).waits
  await until('it asks', async () => (await waits())[0]?.status === 'open')
  await until('it waits', async () => (await task.status()).status === 'waiting')
  process.kill(-first.pid!, 'SIGKILL')
  await until('it is dead', () => first.signalCode !== null)
  expect((await client.getTaskStatus(task.id)).waiting_for).toEqual({ tasks: 0, waits: ['ship'] })
  await expect(client.answerTask(task.id, 'ship', 'perhaps')).rejects.toMatchObject({
    code: 'ANSWER_INVALID',
  })
  await client.answerTask(task.id, 'ship', true)
  await work('order', [], ['sh', '-c', script])
  expect(await task.result()).toMatchObject({
    steps: [{ name: 'pay', occurrence: 1, result: { id: 7 } }],
    slept: 1,
    answers: [{ name: 'ship', occurrence: 1, answer: true }],
  })
  const lines = readFileSync(effects, 'utf8').trim().split('\n')
  expect(lines.filter((line) => line === 'paid')).toHaveLength(1)
  const { timeline } = await client.getTask(task.id)
  expect(timeline.filter(({ event }) => event === 'sleep_started' || event === 'wait_started')).toHaveLength(
    2,
  )
})

test('a cancel ends the program, by force if it ignores the signal', async () => {
  await work('sleeping', ['--cancel-grace', '0.2s'], ['sh', '-c', 'trap "" TERM; sleep 600'])
  const { id } = await client.submit('sleeping', {})
  await until('it runs', async () => (await client.getTaskStatus(id)).status === 'running')
  expect(await client.cancelTask(id, patient)).toMatchObject({ status: 'cancelled' })
})

test('mistakes are told in one line', async () => {
  const refused = await run(['work', 'add', '--url', server.url, '--', 'true'])
  expect([refused.code, refused.stderr]).toEqual([
    2,
    'fermata: A server runs type "add" itself, so no worker can. Give the type of the worker another name.\n',
  ])
  expect((await run(['work', 'one', '--concurrency', '0', '--', 'true'])).stderr).toContain('--concurrency')
  expect((await run(['work', 'one'])).code).toBe(2)
})

const has = (command: string) => spawnSync(command, ['--help']).error === undefined

test.skipIf(!has('jq') || !has('curl'))('the example in shell runs tasks', async () => {
  await start('shell-words', join(examples, 'worker.sh'), [server.url])
  const task = await client.submit('shell-words', { text: 'to be or\nnot "to be"' })
  expect(await task.result()).toEqual({ words: 6 })
})

test.skipIf(!has('go'))('the example in Go runs tasks', async () => {
  await start('go-sum', 'go', ['run', 'main.go', server.url], examples)
  const task = await client.submit('go-sum', { numbers: [1, 2, 3.5] })
  expect(await task.result()).toBe(6.5)
})
