import { expect, test } from 'vitest'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

test('a server lists itself as a node with its slots in use', async () => {
  await using server = await TestServer.start({
    env: { FERMATA_MAX_CONCURRENT: '3', FERMATA_TYPES: 'long,add' },
  })
  const api = new Api(server.url)
  const id = await api.submit('long', { duration: 30 })
  await api.untilStatus(id, 'running')
  const { node, nodes: totals } = (await api.call('GET', '/api/stats')).body
  expect(totals).toEqual({ alive: 1, slots: 3, slots_in_use: 1 })
  const { nodes } = (await api.call('GET', '/api/nodes')).body
  expect(nodes).toMatchObject([
    {
      id: (node as { id: string }).id,
      here: true,
      max_concurrent: 3,
      slots_in_use: 1,
      types: ['long', 'add'],
      pid: server.pid,
    },
  ])
})
