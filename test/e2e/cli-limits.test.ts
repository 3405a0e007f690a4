import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { run, TestServer, type Ended } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(() => server[Symbol.asyncDispose]())

const fermata = (...args: string[]): Promise<Ended> => run(args, { FERMATA_URL: server.url })

test('a limit is set, holds tasks back, is shown and deleted in a pipe', async () => {
  const client = new Fermata({ url: server.url })
  expect((await fermata('limits')).stderr).toContain('No limits.')
  expect((await fermata('limits', 'set', 'api', '--concurrency', '1', '--rate', '100/1m')).stdout).toBe(
    'Set api: 1 at once, 100 starts per 1m 0s.\n',
  )
  expect(await client.getLimit('api')).toMatchObject({ concurrency: 1, rate: { limit: 100, per: 60 } })
  const long = (...more: string[]) =>
    fermata('run', 'long', '--duration', '60', '--limit-key', 'api=acme', ...more)
  const first = (await long()).stdout.trim()
  const second = (await long('--fairness-key', 'b')).stdout.trim()
  await until('the first runs', async () => (await client.getTaskStatus(first)).status === 'running')
  expect(await client.getTaskStatus(second)).toMatchObject({
    status: 'queued',
    limits: { api: 'acme' },
    fairness_key: 'b',
  })
  expect((await fermata('limits')).stdout).toMatch(/api +1 at once, 100 starts per 1m 0s +api +1 +1 +1/)
  expect((await fermata('limits', 'show', 'api', '--blocked')).stdout).toMatch(/acme +1 +1/)
  expect((await fermata('explain', second)).stdout).toContain(`api for acme is held by ${first}`)
  await client.cancelTask(first)
  await until('the second runs', async () => (await client.getTaskStatus(second)).status === 'running')
  await client.cancelTask(second)
  expect((await fermata('limits', 'delete', 'api')).stdout).toBe('Deleted api.\n')
  expect(await fermata('limits', 'show', 'api')).toMatchObject({ code: 1, stdout: '' })
})

test('a submit beyond the maximum of waiting tasks is refused for now', async () => {
  const client = new Fermata({ url: server.url, patience: 0 })
  expect((await fermata('limits', 'set', 'few', '--concurrency', '1', '--max-queued', '1')).stdout).toBe(
    'Set few: 1 at once, 1 queued.\n',
  )
  expect(await client.getLimit('few')).toMatchObject({ max_queued: 1, rate: null })
  const submit = () => client.submitTask('long', { parameters: { duration: 60 }, limits: { few: 'acme' } })
  const first = await submit()
  await until('the first runs', async () => (await client.getTaskStatus(first.task_id)).status === 'running')
  const second = await submit()
  await expect(submit()).rejects.toMatchObject({ code: 'TOO_MANY_QUEUED', status: 429, retryAfter: 5 })
  const refused = await run(['run', 'long', '--duration', '60', '--limit-key', 'few=acme'], {
    FERMATA_URL: server.url,
  })
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toContain('limit few with the key "acme" is full: at most one task may wait')
  for (const { task_id: id } of [second, first]) await client.cancelTask(id)
  await client.cancelTask((await submit()).task_id)
  await client.deleteLimit('few')
})

test('mistakes name their remedy', async () => {
  for (const [args, reason] of [
    [['limits', 'set', 'api'], 'needs --concurrency, --rate or --max-queued'],
    [['limits', 'set', '--concurrency', '1'], 'needs the name of a limit'],
    [['limits', 'set', 'api', '--rate', 'often'], 'like 100/1m'],
    [['limits', 'set', 'a/b', '--concurrency', '1'], 'must have 1 to 100 letters'],
    [['limits', 'fly'], 'unknown action fly'],
    [['run', 'long', '--limit-key', 'none=x'], 'there is no limit of this name: create it with PUT'],
    [['run', 'long', '--limit-key', 'none'], 'NAME=KEY'],
  ] as const) {
    const { code, stderr } = await fermata(...args)
    expect(stderr).toContain(reason)
    expect(code).not.toBe(0)
  }
})
