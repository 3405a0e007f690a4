import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/joins.ts')
const types = ['joins-inline', 'joins-thread', 'joins-process', 'joins-command'] as const
const serve = (directory?: string) =>
  TestServer.start({
    arguments: ['serve', '--tasks', fixtures, '--max-concurrent', '4'],
    ...(directory === undefined ? {} : { directory }),
  })

test('parents get the results of their children through kills, wherever they run', async () => {
  let server = await serve()
  const { directory } = server
  try {
    let api = new Api(server.url)
    const children = Array.from({ length: 12 }, (_, n) => ({ n, ms: 300 }))
    const ids = await Promise.all(
      types.flatMap((type) =>
        (['all', 'settled'] as const).map((mode) => api.submit(type, { mode, children })),
      ),
    )
    for (const goal of [3, 20, 60]) {
      await until('some children have ended', async () => {
        const { body } = await api.call('GET', '/api/task?type=joins-page&status=completed&limit=1000')
        return (body['tasks'] as unknown[]).length >= goal
      })
      await server.stop('SIGKILL')
      server = await serve(directory)
      api = new Api(server.url)
    }
    for (const [index, id] of ids.entries()) {
      await api.untilStatus(id, 'completed')
      const { body } = await api.call('GET', `/api/task/${id}/result`)
      expect(body['result'], types[index >> 1]).toEqual(children.map(({ n }) => [n + 1, n * n]))
      const family = await api.call('GET', `/api/task/${id}/family`)
      expect(family.body).toMatchObject({ children: { total: 12, by_status: { completed: 12 } } })
    }
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('a parent that waits shows for how many children, and explains for which', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const children = [{ n: 1 }, { n: 2, ms: 120_000 }]
  const id = await api.submit('joins-inline', { mode: 'settled', children })
  await until('it waits', async () => (await api.status(id))['status'] === 'waiting')
  const { waiting_for: waits } = (await api.status(id)) as { waiting_for: { children: number } }
  expect([1, 2]).toContain(waits.children)
  await until('one child has ended', async () => {
    const { body } = await api.call('GET', `/api/task/${id}/explain`)
    const [reason] = body['reasons'] as { code: string; message: string }[]
    return reason?.code === 'children' && reason.message.startsWith('Waits for one child to end: ')
  })
  const shown = await run(['status', id, '--url', server.url])
  expect(shown.stdout).toMatch(/waits for +(?:a child|2 children)/)
  await api.call('DELETE', `/api/task/${id}?wait=30`)
  expect((await api.status(id))['status']).toBe('cancelled')
})
