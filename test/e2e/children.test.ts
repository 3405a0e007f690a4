import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { Chance } from '../support/chance.ts'
import { run, TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const fixtures = join(import.meta.dirname, '../fixtures/children.ts')
const types = ['children-inline', 'children-thread', 'children-process', 'children-command'] as const
const serve = (directory?: string) =>
  TestServer.start({
    arguments: ['serve', '--tasks', fixtures],
    ...(directory === undefined ? {} : { directory }),
  })

type Child = Readonly<{ task_id: string; status: string; name: string; occurrence: number }>
type Family = Readonly<{
  parent: { task_id: string } | null
  children: Readonly<{
    total: number
    by_status: Readonly<Record<string, number>>
    tasks: readonly Child[]
    next_cursor: string | null
  }>
  predecessors: readonly Readonly<{ task_id: string }>[]
  successors: readonly Readonly<{ task_id: string }>[]
}>

async function familyOf(api: Api, id: string, query = '?limit=1000'): Promise<Family> {
  const { status, body } = await api.call('GET', `/api/task/${id}/family${query}`)
  expect(status).toBe(200)
  return body as unknown as Family
}

test('through kills at random moments, each child is started once, wherever its parent runs', async () => {
  const chance = new Chance(20_261_201)
  const count = 25
  let server = await serve()
  const { directory } = server
  try {
    const ids = await Promise.all(types.map((type) => new Api(server.url).submit(type, { count, pause: 15 })))
    const totals = async (api: Api) =>
      Promise.all(ids.map(async (id) => (await familyOf(api, id)).children.total))
    let known = ids.map(() => 0)
    for (let kill = 0; kill < 2; kill++) {
      const goals = known.map((total) => Math.min(count, total + chance.between(1, 12)))
      const api = new Api(server.url)
      await until('some children are started', async () => {
        known = await totals(api)
        return known.every((total, index) => total >= goals[index]!)
      })
      await server.stop('SIGKILL')
      server = await serve(directory)
    }
    const api = new Api(server.url)
    for (const [index, id] of ids.entries()) {
      await api.untilStatus(id, 'completed')
      const { children } = await familyOf(api, id)
      expect(children.total, types[index]).toBe(count)
      const { body } = await api.call('GET', `/api/task/${id}/result`)
      expect(children.tasks.map(({ task_id: child }) => child)).toEqual(body['result'])
      for (const { task_id: child } of children.tasks) await api.untilStatus(child, 'completed')
    }
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('a cancelled task takes its descendants along, also if the server is killed right after', async () => {
  let server = await serve()
  const { directory } = server
  try {
    let api = new Api(server.url)
    const id = await api.submit('children-family', { depth: 2, width: 3 })
    const members = async () => {
      const { children } = await familyOf(api, id)
      const families = await Promise.all(children.tasks.map(({ task_id: child }) => familyOf(api, child)))
      return [...children.tasks, ...families.flatMap((one) => one.children.tasks)]
    }
    await until('all have begun', async () => {
      const all = await members()
      return all.length === 12 && all.every(({ status }) => status === 'waiting')
    })
    await api.call('DELETE', `/api/task/${id}?wait=30`)
    await server.stop('SIGKILL')
    server = await serve(directory)
    api = new Api(server.url)
    await until('all are cancelled', async () =>
      (await members()).every(({ status }) => status === 'cancelled'),
    )
  } finally {
    await server[Symbol.asyncDispose]()
  }
})

test('the family of a task is read by page, listed, filtered and printed as a tree', async () => {
  await using server = await serve()
  const api = new Api(server.url)
  const id = await api.submit('children-family', { depth: 1, width: 5 })
  await until(
    'its children have begun',
    async () => (await familyOf(api, id)).children.by_status['waiting'] === 5,
  )
  const after = await api.submit('children-page', { n: 2 }, { after: [id] })
  const first = await familyOf(api, id, '?limit=3')
  expect(first).toMatchObject({
    parent: null,
    children: { total: 5, by_status: { waiting: 5 } },
    predecessors: [],
    successors: [{ task_id: after }],
  })
  expect(first.children.tasks.map(({ name, occurrence }) => [name, occurrence])).toEqual(
    [1, 2, 3].map((n) => ['children-family', n]),
  )
  const rest = await familyOf(api, id, `?limit=3&cursor=${first.children.next_cursor}`)
  expect(rest.children.tasks.map(({ occurrence }) => occurrence)).toEqual([4, 5])
  expect(rest.children.next_cursor).toBeNull()
  const child = first.children.tasks[0]!.task_id
  expect((await familyOf(api, child)).parent).toMatchObject({ task_id: id, task_type: 'children-family' })
  expect((await api.status(child))['parent_id']).toBe(id)
  expect((await api.details(child))['idempotency_key']).toBeNull()

  const listed = await api.call('GET', `/api/task?parent=${id}&status=waiting`)
  expect(listed.body['tasks']).toHaveLength(5)
  const { body: bulk } = await api.post('/api/bulk?wait=30', {
    action: 'pause',
    filter: { parent: id },
  })
  expect(bulk).toMatchObject({ filter: { parent: id }, changed: 5 })
  expect((await familyOf(api, id)).children.by_status).toEqual({ paused: 5 })

  const tree = await run(['tree', id, '--url', server.url, '--limit', '2'])
  expect(tree.code, tree.stderr).toBe(0)
  expect(tree.stdout.split('\n').slice(0, 4)).toEqual([
    expect.stringMatching(new RegExp(`waiting +children-family +${id}`)),
    expect.stringMatching(/^├─ .*paused +children-family /),
    expect.stringMatching(/^├─ .*paused +children-family \(2\) /),
    '└─ and 3 more: 3 paused',
  ])
  const json = JSON.parse((await run(['tree', id, '--url', server.url, '--json'])).stdout) as {
    children: unknown[]
  }
  expect(json.children).toHaveLength(5)

  for (const query of ['limit=0', 'limit=1001', 'cursor=x', 'after=1']) {
    const { status, body } = await api.call('GET', `/api/task/${id}/family?${query}`)
    expect([status, body['code']]).toEqual([422, 'OPTIONS_INVALID'])
  }
  expect((await api.call('GET', '/api/task?parent=x')).status).toBe(422)
  expect((await api.call('GET', '/api/task/019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31/family')).status).toBe(404)
})
