import { Client } from 'pg'
import { expect, inject, test } from 'vitest'
import { newSchema } from '../conformance/stores.ts'
import { Api } from '../support/api.ts'
import { TestServer } from '../support/server.ts'

test('a node on PostgreSQL is not ready while its tables are locked, and ready again without a submit', async () => {
  const schema = newSchema()
  await using node = await TestServer.start({
    env: { DATABASE_URL: `${inject('postgres')}?schema=${schema}` },
  })
  const api = new Api(node.url)
  const readiness = async () => (await api.call('GET', '/readyz')).status
  expect(await readiness()).toBe(200)
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  try {
    await client.query(`begin; lock table ${client.escapeIdentifier(schema)}.tasks in access exclusive mode`)
    await expect.poll(readiness, { timeout: 60_000, interval: 200 }).toBe(503)
    const { body } = await api.call('GET', '/readyz')
    expect(body).toMatchObject({ code: 'NOT_READY', detail: expect.stringMatching(/database/) })
    await client.query('rollback')
    await expect.poll(readiness, { timeout: 60_000, interval: 200 }).toBe(200)
  } finally {
    await client.end()
  }
})
