import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { generator } from '../support/generators.ts'
import { TestServer } from '../support/server.ts'

/**
 * The checks that the Model Context Protocol publishes for servers: those of what Fermata offers, which are tools. Resources,
 * prompts, completion, sampling and log levels it does not announce.
 */
const scenarios = [
  'server-initialize',
  'ping',
  'tools-list',
  'tools-call-simple-text',
  'tools-call-error',
  'server-sse-multiple-streams',
  'server-sse-polling',
  'dns-rebinding-protection',
]

const root = join(import.meta.dirname, '../..')

let server: TestServer
beforeAll(async () => {
  const tasks = join(import.meta.dirname, '../fixtures/conformance-tools.ts')
  server = await TestServer.start({ arguments: ['serve', '--tasks', tasks] })
})
afterAll(() => server[Symbol.asyncDispose]())

test.each(scenarios)('conforms to the protocol: %s', async (scenario) => {
  expect(await check(scenario)).toMatch(/^Passed: \d+\/\d+, 0 failed/m)
})

test('the checks notice a tool that is missing', async () => {
  expect(await check('tools-call-image')).toMatch(/^Passed: \d+\/\d+, [1-9]\d* failed/m)
})

test.each(['HTTP', 'stdio'])('the inspector lists tools and calls one over %s', async (way) => {
  const stdio = [process.execPath, join(root, 'src/main.ts'), 'mcp', '-e', `FERMATA_URL=${server.url}`]
  const target = way === 'HTTP' ? [`${server.url}/mcp`] : stdio
  const { tools } = (await inspect(target, '--method', 'tools/list')) as { tools: { name: string }[] }
  expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['add', 'long', 'pause_task']))
  const call = ['--method', 'tools/call', '--tool-name', 'add', '--tool-arg', 'a=2', '--tool-arg', 'b=3']
  expect(await inspect(target, ...call)).toMatchObject({
    content: [{ type: 'text', text: '5' }],
    structuredContent: { result: 5 },
  })
})

async function inspect(target: readonly string[], ...options: readonly string[]): Promise<unknown> {
  const program = generator('@modelcontextprotocol', 'inspector', 'clients', 'launcher', 'build', 'index.js')
  const home = await mkdtemp(join(tmpdir(), 'fermata-inspector-'))
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [program, '--cli', ...target, ...options],
      { env: { PATH: process.env['PATH'], HOME: home } },
    )
    return JSON.parse(stdout)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function check(scenario: string): Promise<string> {
  const program = generator('@modelcontextprotocol', 'conformance', 'dist', 'index.js')
  const parameters = [program, 'server', '--url', `${server.url}/mcp`, '--scenario', scenario]
  const { stdout } = await promisify(execFile)(process.execPath, parameters).catch(
    (error: unknown) => error as { stdout: string },
  )
  return stdout
}
