import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { Chance } from '../support/chance.ts'
import { Receiver } from '../support/receiver.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { missing, outOfOrder } from '../support/webhook-order.ts'

/** `WEBHOOK_KILLS=50` runs longer. */
const kills = Number(process.env['WEBHOOK_KILLS'] ?? 3)

test(`every end of a task is received, in order, while nodes are killed ${kills} times`, async () => {
  const chance = new Chance(Number(process.env['WEBHOOK_SEED'] ?? 1))
  const receiver = await Receiver.open()
  const env = {
    DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}&lease=5`,
    FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8',
    FERMATA_DRAIN: '2s',
  }
  const nodes = await Promise.all([1, 2].map(() => TestServer.start({ env })))
  const acknowledged: string[] = []
  try {
    await new Fermata({ url: nodes[0]!.url }).createWebhook({
      url: receiver.url('/all'),
      events: ['task.*'],
    })
    // The other node knows of it within the commit of the first change.
    for (let kill = 0; kill < kills; kill++) {
      const [dying, other] = nodes as [TestServer, TestServer]
      const enough = new AbortController()
      const load = Promise.all(
        [dying, other].map(async ({ url }) => {
          const client = new Fermata({ url })
          while (!enough.signal.aborted) {
            try {
              acknowledged.push(
                (await client.submitTask('add', { parameters: { a: 1, b: 2 } }, { patience: 0 })).task_id,
              )
            } catch {
              // Whether it was recorded is unknown: nobody counts on it.
            }
          }
        }),
      )
      const before = acknowledged.length
      await until('tasks were submitted', () => acknowledged.length >= before + 6)
      await sleep(chance.next() * 300)
      dying.signal('SIGKILL')
      await dying.ended
      enough.abort()
      await load
      await dying[Symbol.asyncDispose]()
      nodes.shift()
      nodes.push(await TestServer.start({ env }))
    }
    // A lease of a killed node ends after half a minute.
    await until(
      'every end was received',
      () => missing(acknowledged, receiver.at('/all')).length === 0,
      120_000,
    )
    expect(acknowledged.length).toBeGreaterThan(kills * 5)
    expect(outOfOrder(receiver.at('/all'))).toEqual([])
  } finally {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    await receiver[Symbol.asyncDispose]()
  }
})
