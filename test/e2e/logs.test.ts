import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { freePort } from '../support/ports.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/commands.ts')

test('log lines can be read in pages while the task runs, and after a kill and restart', async () => {
  await using first = await TestServer.start({ arguments: ['serve', '--tasks', fixtures] })
  const api = new Api(first.url)
  const id = await api.submit('shell', { script: 'for n in 1 2 3 4 5; do echo "line $n"; done; sleep 60' })
  const read = async (at: Api, query = '') => (await at.call('GET', `/api/task/${id}/logs${query}`)).body
  const lines = async () => (await read(api))['lines']
  await expect.poll(lines).toHaveLength(5)

  const page = await read(api, '?after=1&limit=2')
  expect(page).toMatchObject({
    lines: [
      { number: 2, attempt: 1, message: 'line 2' },
      { number: 3, message: 'line 3' },
    ],
    next_after: 3,
  })
  expect(await read(api, '?after=3')).toMatchObject({
    lines: [{ number: 4 }, { number: 5 }],
    next_after: null,
  })
  await first.stop('SIGKILL')

  await using second = await TestServer.start({
    directory: first.directory,
    arguments: ['serve', '--tasks', fixtures],
    env: { FERMATA_MAX_CONCURRENT: '0' },
  })
  expect((await read(new Api(second.url)))['lines']).toHaveLength(5)
})

test('an invalid page is refused by parameter name', async () => {
  await using server = await TestServer.start()
  const api = new Api(server.url)
  const id = await api.submit('add', { a: 1, b: 2 })
  for (const query of ['after=-1', 'after=1.5', 'limit=0', 'limit=x', 'limits=1']) {
    const { status, body } = await api.call('GET', `/api/task/${id}/logs?${query}`)
    expect(status).toBe(422)
    expect(body['code']).toBe('OPTIONS_INVALID')
  }
  expect((await api.call('GET', '/api/task/nobody/logs')).status).toBe(404)
})

test('the log is JSON in a pipe, and names the task of a request', async () => {
  await using server = await TestServer.start({ env: { LOG_LEVEL: 'debug' } })
  const api = new Api(server.url)
  const { body } = await api.post('/api/run/add', { parameters: { a: 1, b: 2 } }, { 'x-request-id': 'mine' })
  const task = String(body['task_id'])
  await api.untilStatus(task, 'completed')
  const lines = (await server.stop()).stdout.trim().split('\n')
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(parsed).toContainEqual(expect.objectContaining({ request_id: 'mine', status: 200, task }))
  expect(parsed).toContainEqual(expect.objectContaining({ path: `/api/task/${task}/status`, task }))
})

test('the log is readable in a pipe if asked for', async () => {
  const port = await freePort()
  await using server = await TestServer.launch({
    env: { FERMATA_LOG_FORMAT: 'pretty', PORT: String(port) },
  })
  await until('it listens', () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  const { stdout } = await server.stop()
  expect(stdout).toMatch(/^\[\d\d:\d\d:\d\d(?:\.\d+)?\] INFO: listening \{"url":"http/m)
  expect(stdout).not.toContain('\u001b')
})
