import { Client } from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { createServer } from '../../src/http/server.ts'
import { openTaskManager, type TaskManager } from '../../src/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { inline } from '../fixtures/sensitive.ts'
import { until } from '../support/until.ts'

/** Sensitive values and encryption over nodes that share a PostgreSQL. */

const errors: unknown[] = []
const logger = {
  level: 'silent',
  debug() {},
  info() {},
  warn() {},
  error: (fields: unknown) => errors.push(fields),
}
const keyOf = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`
const [first, second] = [keyOf('k1', 1), keyOf('k2', 2)]
const parameters = { user: 'ann', password: 'canary-of-the-cluster' }

async function node(schema: string, encryptionKeys: string, maxConcurrent = 4): Promise<TaskManager> {
  const database = `${inject('postgres')}?schema=${schema}`
  const opened = await openTaskManager({
    database,
    tasks: [inline],
    maxConcurrent,
    drain: 1,
    logger,
    encryptionKeys,
  })
  onTestFinished(() => opened.close())
  return opened
}

async function served(manager: TaskManager): Promise<string> {
  const server = await createServer({ manager, version: 'test', logger })
  onTestFinished(() => server.close())
  return server.listen({ port: 0, host: '127.0.0.1' })
}

test('a task of one node runs on another one, and neither shows what is sensitive', async () => {
  const schema = newSchema()
  const [front, back] = [
    await node(schema, `${first},${second}`, 0),
    await node(schema, `${second},${first}`),
  ]
  const addresses = [await served(front), await served(back)]
  const streams = await Promise.all(addresses.map((url) => fetch(`${url}/api/events`)))
  const handle = await front.submit(inline, parameters)
  expect(await handle.result()).toMatchObject({ said: `hello ${parameters.password}` })
  for (const url of addresses) {
    for (const path of ['', '/result', '/logs', '/status']) {
      const text = await (await fetch(`${url}/api/task/${handle.id}${path}`)).text()
      expect(text).toContain('[redacted]')
      expect(text).not.toContain('canary')
    }
  }
  for (const stream of streams) {
    let text = ''
    for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (text.includes('"status":"completed"')) break
    }
    expect(text).not.toContain('canary')
  }
})

test('a node without the key pauses what it claims, and another one continues it', async () => {
  const schema = newSchema()
  const front = await node(schema, first, 0)
  const handles = await front.submitAll(inline, [parameters, parameters, parameters])
  const stranger = await node(schema, second)
  await until('all are paused', async () => (await front.counts()).byType['secret-inline']?.paused === 3)
  expect(stranger.state.slotsInUse).toBe(0)
  const { timeline } = await handles[0]!.details()
  expect(timeline.map(({ event }) => event)).toEqual(['submitted', 'claimed', 'pause_requested', 'released'])
  expect(timeline[2]?.why).toContain('encrypted with the key "k1"')
  await expect(stranger.details(handles[0]!.id)).rejects.toMatchObject({ code: 'DOCUMENT_UNREADABLE' })
  expect(errors).toEqual([])
  // It runs what it can decrypt.
  const own = await stranger.submit(inline, parameters)
  expect(await own.result()).toMatchObject({ step: 1 })
  await stranger.close()
  const next = await node(schema, `${second},${first}`)
  await Promise.all(handles.map(({ id }) => next.control(id, 'resume')))
  for (const { id } of handles) expect(await (await next.handle(id)).result()).toMatchObject({ step: 1 })
})

test('a submit within a transaction is encrypted, and recognized under an earlier key', async () => {
  const schema = newSchema()
  const before = await node(schema, first, 0)
  const options = { idempotencyKey: 'once' }
  const { id } = await before.submit(inline, parameters, options)
  const after = await node(schema, `${second},${first}`, 0)
  const client = new Client({ connectionString: inject('postgres') })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('begin')
  const again = await after.submit(inline, parameters, { ...options, tx: client })
  const other = await after.submit(inline, parameters, { tx: client })
  await client.query('commit')
  expect(again.id).toBe(id)
  const { rows } = await client.query<{ body: string }>(
    `select body from ${schema}.parameters order by row_id`,
  )
  expect(rows.map(({ body }) => body.slice(0, 9))).toEqual(['enc:1:k1:', 'enc:1:k2:'])
  expect((await before.list()).tasks.find(({ task }) => task.id === other.id)).toMatchObject({
    unreadable: expect.stringContaining('"k2"') as string,
  })
})
