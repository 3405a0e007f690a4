import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Route } from '../../src/contract/route.ts'
import { routes } from '../../src/contract/routes.ts'
import { leftOut } from '../../tools/collections/steps.ts'
import { TestServer } from '../support/server.ts'

const root = join(import.meta.dirname, '../..')
const operations = Object.values<Route>(routes)
/** Streams that never end, which the runners skip. */
const endless = operations.filter(
  ({ answer, path }) => answer.stream !== undefined && !path.includes('{task_id}'),
)

let server: TestServer
let folder: string
beforeAll(async () => {
  server = await TestServer.start()
  folder = await mkdtemp(join(tmpdir(), 'fermata-collections-'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** Runs the program of a package to its end, outside the project. */
function outside(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: folder }
    execFile(
      process.execPath,
      [fileURLToPath(program), ...args],
      { env, cwd: folder },
      (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
}

test('Newman sends every call of the Postman collection, and each succeeds', async () => {
  const file = join(root, 'postman-collection/fermata.postman_collection.json')
  const report = join(folder, 'report.json')
  const { code, output } = await outside(
    import.meta.resolve('newman/bin/newman.js'),
    `run ${file} --env-var base_url=${server.url} --timeout-request 60000`
      .concat(` --reporters cli,json --reporter-json-export ${report}`)
      .split(' '),
  )
  expect(code, output).toBe(0)
  const { run } = JSON.parse(await readFile(report, 'utf8')) as {
    run: { stats: { requests: { total: number; failed: number }; assertions: { total: number } } }
  }
  expect(run.stats.requests.failed).toBe(0)
  expect(run.stats.requests.total).toBeGreaterThanOrEqual(operations.length - endless.length - leftOut.length)
  expect(run.stats.assertions.total).toBe(2 * run.stats.requests.total)
})

test('httpYac sends every call of test_api.http, and each succeeds', async () => {
  const text = await readFile(join(root, 'test_api.http'), 'utf8')
  const file = join(folder, 'test_api.http')
  await writeFile(file, text.replace('http://localhost:8000', server.url))
  const { code, output } = await outside(import.meta.resolve('httpyac/bin/httpyac.js'), [
    'send',
    file,
    '--all',
    '--json',
    // It writes a binary body as JSON that no parser reads.
    '--output',
    'none',
    '--timeout',
    '60000',
  ])
  expect(code, output).toBe(0)
  const { summary } = JSON.parse(output) as { summary: Record<string, number> }
  expect(summary).toMatchObject({ failedRequests: 0, failedTests: 0 })
  expect(summary['successRequests']).toBeGreaterThanOrEqual(
    operations.length - endless.length - leftOut.length,
  )
})

test('endless streams start', async () => {
  for (const { path } of endless) {
    const over = new AbortController()
    const { status, headers } = await fetch(`${server.url}${path}`, { signal: over.signal })
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    over.abort()
  }
})
