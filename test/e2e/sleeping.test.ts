import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/sleeping.ts')
const types = ['sleep-inline', 'sleep-thread', 'sleep-process', 'sleep-command'] as const
const serve = (directory?: string) =>
  TestServer.start({
    arguments: ['serve', '--tasks', fixtures],
    ...(directory === undefined ? {} : { directory }),
  })
const file = (type: string) => join(tmpdir(), `fermata-${process.pid}-${type}`)

test('a sleeping task says until when, and frees its slot', async () => {
  const server = await serve()
  const effects = file('long')
  try {
    const api = new Api(server.url)
    const id = await api.submit('sleep-inline', { effects, seconds: 3_600 })
    await until('it sleeps', async () => (await api.status(id))['status'] === 'waiting')
    const status = await api.status(id)
    const { until: end } = status['waiting_for'] as { until: number }
    expect(status['waiting_for']).toEqual({ tasks: 0, waits: [], until: end })
    expect(end).toBe(status['run_at'])
    expect(end - Number(status['started_at'])).toBeGreaterThanOrEqual(3_600)
    const { body } = await api.call('GET', `/api/task/${id}/explain`)
    expect(body['reasons']).toMatchObject([{ code: 'sleeping' }])
    const explained = await run(['explain', id, '--url', server.url])
    expect(explained.stdout).toContain(`Sleeps until ${new Date(end * 1_000).toISOString()}`)
    const { body: cancelled } = await api.call('DELETE', `/api/task/${id}?wait=30`)
    expect(cancelled['status']).toBe('cancelled')
  } finally {
    await server.stop()
    await rm(effects, { force: true })
  }
})

test('sleeps survive kill -9, wherever the code runs', async () => {
  let server = await serve()
  const { directory } = server
  const began = Date.now()
  try {
    const ids = await Promise.all(
      types.map((type) => new Api(server.url).submit(type, { effects: file(type), seconds: 3 })),
    )
    const begun = async (type: string) => (await readFile(file(type), 'utf8').catch(() => '')) !== ''
    for (const type of types) await until(`${type} has begun`, () => begun(type))
    await server.stop('SIGKILL')
    server = await serve(directory)
    const api = new Api(server.url)
    for (const [index, type] of types.entries()) {
      const id = ids[index]!
      await until(`${type} has ended`, async () => (await api.status(id))['status'] === 'completed')
      const ends = [...(await readFile(file(type), 'utf8')).matchAll(/slept (\d) at (\d+)/g)]
      expect(new Set(ends.map(([, round]) => round))).toEqual(new Set(['1', '2']))
      for (const [, round, at] of ends)
        expect(Number(at) - began, 'not before its time').toBeGreaterThanOrEqual(2_990 * Number(round))
    }
  } finally {
    await server.stop()
    for (const type of types) await rm(file(type), { force: true })
  }
})
