import * as fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { seedOf } from '../support/chance.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { ApiDocument } from './fuzz/document.ts'
import { complaintOf, Range, type Received } from './fuzz/range.ts'
import { shots } from './fuzz/requests.ts'

/** `FUZZ_REQUESTS=1000000` sends more; `FUZZ_SEED` repeats a failure. */
const requests = Number(process.env['FUZZ_REQUESTS'] ?? 12_000)
const seed = seedOf('FUZZ_SEED', { long: process.env['FUZZ_REQUESTS'] !== undefined })
const atOnce = 100
const key = 'a-key-of-the-fuzz-test-with-all-scopes'

const ofWorker = [
  ['registerWorker', '/api/worker/register', { worker: 'gpu-1:4711', types: [{ type: 'transcribe' }] }],
  [
    'submitBatch',
    '/api/run/transcribe/batch',
    { tasks: Array.from({ length: 300 }, () => ({ parameters: {} })) },
  ],
  ...Array.from(
    { length: 3 },
    () => ['claimTasks', '/api/worker/claim', { worker: 'gpu-1:4711', max: 100 }] as const,
  ),
  ['beat', '/api/worker/beat', { lease_token: '{{lease_token:0}}' }],
] as const

async function documentOf(server: TestServer): Promise<ApiDocument> {
  const { body } = await new Api(server.url).call('GET', '/openapi.json', {
    headers: { authorization: `Bearer ${key}` },
  })
  return new ApiDocument(body)
}

test(`${requests} requests made from the OpenAPI document get answers that it allows (seed ${seed})`, async () => {
  // Webhooks of the requests must reach nobody.
  const env = { FERMATA_ADMIN_KEY: key, FERMATA_WEBHOOK_ALLOW: '127.0.0.1' }
  const fixtures = join(import.meta.dirname, '../fixtures/waits.ts')
  await using server = await TestServer.start({ env, arguments: ['serve', '--tasks', fixtures] })
  const document = await documentOf(server)
  await using range = new Range(server.url, document, key)
  const began = performance.now()
  const complaints: string[] = []
  const fire = (count: number, seed: number) =>
    fc.check(
      fc.asyncProperty(
        fc.array(shots(document), { minLength: atOnce, maxLength: atOnce }),
        async (volley) => {
          const heard = await Promise.all(volley.map((shot) => range.fire(shot)))
          complaints.push(...heard.filter((complaint) => complaint !== undefined))
          return complaints.length === 0
        },
      ),
      { seed, numRuns: Math.ceil(count / atOnce), endOnFailure: true },
    )
  const silent = () => document.operations.map(({ id }) => id).filter((id) => !range.succeeded.has(id))
  const prepared = async (operation: string, method: string, target: string, body: object | null) => {
    const headers = { 'content-type': 'application/json' }
    const shot = { operation, method, target, headers, body: body === null ? null : JSON.stringify(body) }
    expect(await range.fire(shot)).toBeUndefined()
  }
  // Nothing that the document says leads to a lease or to a question: a worker must have claimed a task of its own type, and a task of
  // another type must have come to a wait. Both are used at once, because on a slow machine a lease ends before a request is made with it.
  const prepare = async () => {
    range.forget('lease_token')
    for (const [operation, target, body] of ofWorker) await prepared(operation, 'POST', target, body)
    const tasks = Array.from({ length: 100 }, () => ({ parameters: {} }))
    await prepared('submitBatch', 'POST', '/api/run/waits-anything/batch', { tasks })
    range.forget('token')
    await until('tasks ask', async () => {
      await prepared('listWaits', 'GET', '/api/waits?status=open&name=anything', null)
      return range.knows('token')
    })
    await prepared('answerWait', 'POST', '/api/waits/{{token:0}}', { answer: true })
  }
  await prepare()
  let verdict = await fire(requests, seed)
  // Some operations need a task in a certain state, or a lease that still holds: how many requests meet one depends on the
  // speed of the server.
  for (let more = 1; more <= 40 && !verdict.failed && silent().length > 0; more++) {
    await prepare()
    verdict = await fire(1_000, seed + more)
  }
  const seconds = (performance.now() - began) / 1_000
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8').catch(() => '')
  const statuses = [...range.statuses].sort(([a], [b]) => a - b).map(([code, count]) => `${code}: ${count}`)
  console.log(
    `fuzz: seed ${seed}, ${range.sent} requests in ${seconds.toFixed(1)} s (${Math.round(range.sent / seconds)}/s), ` +
      `${range.succeeded.size} of ${document.operations.length} operations succeeded, ${statuses.join(', ')}, ` +
      `closed: ${range.closed}, waited: ${range.waited}, ${/VmHWM:\s+(.*)/.exec(status)?.[1] ?? 'memory unknown'}`,
  )

  expect(complaints).toEqual([])
  expect(verdict.errorInstance).toBeNull()
  expect(verdict.failed).toBe(false)
  expect(silent(), 'every operation was asked in a way that it could answer').toEqual([])
  expect(range.closed / range.sent, 'connections that were closed instead of answered').toBeLessThan(0.02)
  expect((await new Api(server.url).call('GET', '/readyz')).status).toBe(200)
  const { code, stdout, stderr } = await server.stop()
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n').filter((line) => /"level":[56]0/.test(line))).toEqual([])
})

test('a response that the document does not allow is detected', async () => {
  await using server = await TestServer.start()
  const document = await documentOf(server)
  const operation = document.operations.find(({ id }) => id === 'getHealth')
  const well: NonNullable<Received> = {
    status: 200,
    media: 'application/json',
    requestId: 'x',
    text: '{"status":"ok"}',
  }
  const problem = { type: 'about:blank', title: 'x', status: 403, detail: 'x', code: 'X', request_id: 'x' }
  const refused = (own: object) => ({
    ...well,
    status: 403,
    media: 'application/problem+json',
    text: JSON.stringify({ ...problem, ...own }),
  })
  expect(complaintOf(well, operation)).toBeUndefined()
  expect(complaintOf(refused({}), operation)).toBeUndefined()
  for (const wrong of [
    { ...well, status: 500 },
    { ...well, status: 201 },
    { ...well, text: '{"status":"unwell"}' },
    { ...well, text: '{}' },
    { ...well, media: 'text/html' },
    { ...well, requestId: undefined },
    { ...well, status: 400 },
    { ...refused({}), status: 409 },
    refused({ code: 7 }),
    refused({ status: 404 }),
    refused({ detail: 'TypeError: x\n    at run (/app/dist/main.js:1:2)' }),
  ]) {
    expect(complaintOf(wrong, operation), JSON.stringify(wrong)).toBeDefined()
  }
})
