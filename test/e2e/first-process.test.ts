import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { childrenOf, commandOf, zombiesOf } from '../execution/processes.ts'
import { Api } from '../support/api.ts'
import { Screen } from '../support/screen.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** The program as process 1 of a container without an init, simulated with a PID namespace. */

const fixtures = join(import.meta.dirname, '../fixtures/commands.ts')
const main = join(import.meta.dirname, '../../src/main.ts')
const own = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
const container = ['unshare', ...own, '--pid', '--fork', '--mount-proc', '--kill-child'] as const

beforeAll(() => {
  const { status, stderr, error } = spawnSync(container[0], [...container.slice(1), 'true'], {
    encoding: 'utf8',
  })
  if (status !== 0)
    throw new Error(
      `These tests need PID namespaces (${container.join(' ')}): ${error?.message ?? stderr}. Run them as root, or allow user namespaces.`,
    )
})

/** A server in a container, and process 1 there. */
async function start(env: Record<string, string> = {}, inside: readonly string[] = []) {
  const server = await TestServer.start({
    under: [...container, ...inside],
    arguments: ['serve', '--tasks', fixtures],
    env,
  })
  const [first] = childrenOf(server.pid)
  if (first === undefined) throw new Error('nothing runs in the container')
  return { server, first, api: new Api(server.url) }
}

test('it reaps what commands leave behind, and drains on SIGTERM', async () => {
  const { server, first, api } = await start({ FERMATA_MAX_CONCURRENT: '10' })
  await using _ = server
  // Grandchildren that outlive their parents: one in the process group of the command, one outside.
  const script = '(sleep 60 &); (setsid sleep 60 &); exit 0'
  const ids = await Promise.all(Array.from({ length: 30 }, () => api.submit('shell', { script })))
  for (const id of ids) await api.untilStatus(id, 'completed')
  await until('no zombies are left', () => zombiesOf(first).length === 0)
  const last = await api.submit('shell', { script: 'sleep 2' })
  await api.untilStatus(last, 'running')
  process.kill(first, 'SIGTERM')
  // A signal that arrived twice would end it immediately with exit code 143.
  const { code, signal, stdout } = await server.ended
  expect([code, signal]).toEqual([0, null])
  expect(stdout).toContain('"msg":"stopped"')
  expect(stdout.match(/"msg":"stopping/g)).toHaveLength(1)
})

test.each(['SIGINT', 'SIGHUP'] as const)('%s drains it', async (name) => {
  const { server, first } = await start()
  await using _ = server
  process.kill(first, name)
  const { code, stdout } = await server.ended
  expect(code).toBe(0)
  expect(stdout).toContain(`"signal":"${name}"`)
  expect(stdout).toContain('"msg":"stopped"')
})

test('a second signal ends it immediately, with the exit code of that signal', async () => {
  const { server, first, api } = await start({ FERMATA_DRAIN: '10m' })
  await using _ = server
  const id = await api.submit('shell', { script: 'sleep 600' })
  await api.untilStatus(id, 'running')
  const stopping = server.logged('stopping: waiting for running tasks to finish or reach a pause point')
  process.kill(first, 'SIGTERM')
  await stopping
  process.kill(first, 'SIGINT')
  expect((await server.ended).code).toBe(130)
})

test('it exits with the exit code of the program', async () => {
  const refused = await TestServer.launch({ under: container, env: { PORT: '99999' } })
  await using _refused = refused
  const { code, stderr } = await refused.ended
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^fermata: PORT=99999 [^\n]+\n$/)])

  const { server, first } = await start()
  await using _ = server
  const [program] = childrenOf(first)
  process.kill(program!, 'SIGKILL')
  expect((await server.ended).code).toBe(128 + 9)
})

test('Ctrl+C on its terminal is delivered once', async () => {
  await using screen = new Screen([], {
    env: { DATABASE_URL: 'sqlite::memory:', PORT: '0', FERMATA_DRAIN: '10m' },
    command: [...container, process.execPath, main, 'serve'],
  })
  await screen.until((text) => text.includes('Press Ctrl+C to stop') && text.includes('listening'))
  screen.type('\x03')
  expect(await screen.ended).toBe(0)
  expect(screen.written).toContain('stopped')
})

test('without setsid it runs as process 1 and logs what to do', async () => {
  const { server, first } = await start({}, ['env', 'PATH=/nonexistent'])
  await using _ = server
  expect(commandOf(first)).toContain('main.ts serve')
  process.kill(first, 'SIGTERM')
  const { code, stdout } = await server.ended
  expect(code).toBe(0)
  expect(stdout).toContain('docker run --init')
})
