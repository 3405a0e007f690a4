import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { Chance } from '../support/chance.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/steps.ts')
const types = ['steps-inline', 'steps-thread', 'steps-process', 'steps-command'] as const
const serve = (directory?: string, env: Record<string, string> = {}) =>
  TestServer.start({
    arguments: ['serve', '--tasks', fixtures],
    env,
    ...(directory === undefined ? {} : { directory }),
  })

type Step = Readonly<{ name: string; result: string }>

/** Name and occurrence of a step by the effects that it had. */
async function effectsIn(file: string): Promise<ReadonlyMap<string, number>> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
  return new Map(
    Array.from(
      Map.groupBy(lines, (line) => line),
      ([line, all]) => [line, all.length] as const,
    ),
  )
}

test('through kills at random moments, no stored step is repeated, and each kill repeats at most one', async () => {
  const chance = new Chance(20_261_130)
  const count = 40
  let server = await serve()
  const { directory } = server
  const files = types.map((type) => join(tmpdir(), `fermata-${process.pid}-${type}`))
  try {
    const ids = await Promise.all(
      types.map((type, index) =>
        new Api(server.url).submit(type, { effects: files[index]!, count, pause: 15 }),
      ),
    )
    const stored = new Map<string, string>()
    const look = async (api: Api) => {
      for (const id of ids) {
        const { body } = await api.call('GET', `/api/task/${id}/steps?limit=500`)
        for (const { name, result } of body['steps'] as Step[]) {
          const known = stored.get(`${id} ${name}`) ?? result
          expect(result, `${id} ${name}`).toBe(known)
          stored.set(`${id} ${name}`, known)
        }
      }
    }
    const kills = 4
    const storedOf = (id: string) => [...stored.keys()].filter((key) => key.startsWith(id)).length
    for (let kill = 0; kill < kills; kill++) {
      // A task that stores nothing between two kills would be suspected, and run alone.
      const goals = ids.map((id) => Math.min(count, storedOf(id) + chance.between(1, 12)))
      const api = new Api(server.url)
      await until('some steps are stored', async () => {
        await look(api)
        return ids.every((id, index) => storedOf(id) >= goals[index]!)
      })
      const known = await Promise.all(files.map(effectsIn))
      const wasStored = [...stored.keys()]
      await server.stop('SIGKILL')
      server = await serve(directory)
      await look(new Api(server.url))
      for (const [index, id] of ids.entries()) {
        const after = await effectsIn(files[index]!)
        for (const step of wasStored.filter((key) => key.startsWith(id))) {
          const effect = `${id}:${step.slice(id.length + 1)}:1`
          expect(after.get(effect), effect).toBe(known[index]!.get(effect))
        }
      }
    }
    const api = new Api(server.url)
    for (const [index, id] of ids.entries()) {
      await api.untilStatus(id, 'completed')
      const effects = await effectsIn(files[index]!)
      expect(effects.size).toBe(count)
      const repeated = [...effects.values()].reduce((sum, times) => sum + times - 1, 0)
      expect(repeated, types[index]).toBeLessThanOrEqual(kills)
      const { body } = await api.call('GET', `/api/task/${id}/result`)
      const results = body['result'] as string[]
      await look(api)
      expect(results).toEqual(results.map((_, n) => stored.get(`${id} step ${n}`)))
    }
  } finally {
    await server[Symbol.asyncDispose]()
    await Promise.all(files.map((file) => rm(file, { force: true })))
  }
})

test('steps are read by page, by the command line too, and are gone with their task', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const effects = join(server.directory, 'effects')
  const id = await api.submit('steps-inline', { effects, count: 5 })
  await api.untilStatus(id, 'completed')
  const read = async (query: string) => (await api.call('GET', `/api/task/${id}/steps${query}`)).body
  const first = await read('?limit=3')
  expect(first).toMatchObject({
    steps: [
      { name: 'step 0', occurrence: 1, status: 'completed', attempts: 1, error: null },
      { name: 'step 1' },
      { name: 'step 2' },
    ],
    next_cursor: '3',
  })
  expect(await read('?limit=3&cursor=3')).toMatchObject({
    steps: [{ name: 'step 3' }, { name: 'step 4' }],
    next_cursor: null,
  })
  const printed = await run(['steps', id, '--url', server.url])
  expect(printed.code, printed.stderr).toBe(0)
  expect(printed.stdout).toContain('✓ step 4')
  const lines = (await run(['steps', id, '--url', server.url, '--json'])).stdout.trim().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as Step).name)).toEqual(
    [0, 1, 2, 3, 4].map((n) => `step ${n}`),
  )
  for (const query of ['limit=0', 'limit=501', 'cursor=x', 'after=1']) {
    const { status, body } = await api.call('GET', `/api/task/${id}/steps?${query}`)
    expect([status, body['code']]).toEqual([422, 'OPTIONS_INVALID'])
  }
  await api.post(`/api/task/${id}/purge`, {})
  expect((await api.call('GET', `/api/task/${id}/steps`)).status).toBe(404)
})

test('sensitive values of a step are hidden in its result, and in logs and errors after it', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const id = await api.submit('steps-secret', {})
  await api.untilStatus(id, 'failed')
  const texts = await Promise.all(
    ['steps', 'logs', 'status', 'details'].map(
      async (part) => (await api.call('GET', `/api/task/${id}${part === 'details' ? '' : `/${part}`}`)).text,
    ),
  )
  for (const text of texts) expect(text).not.toContain('hunter2')
  expect(JSON.parse(texts[0]!)).toMatchObject({
    steps: [
      { name: 'sign in', result: { token: '[redacted]', user: 'ada' } },
      { name: 'pay', status: 'failed', result: null, error: { message: 'refused for [redacted]' } },
    ],
  })
})
