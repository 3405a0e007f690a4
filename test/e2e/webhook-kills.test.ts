import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { Chance } from '../support/chance.ts'
import { Receiver } from '../support/receiver.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { missing, outOfOrder } from '../support/webhook-order.ts'

/** `WEBHOOK_KILLS=50 WEBHOOK_SEED=7` kills more often, at other moments. */
const kills = Number(process.env['WEBHOOK_KILLS'] ?? 4)
const seed = Number(process.env['WEBHOOK_SEED'] ?? 1)

test(`every end of a task is received, in order, although the server is killed ${kills} times under load`, async () => {
  const chance = new Chance(seed)
  const receiver = await Receiver.open()
  const env = { FERMATA_WEBHOOK_ALLOW: '127.0.0.0/8' }
  let server = await TestServer.start({ env })
  const { directory } = server
  const acknowledged: string[] = []
  try {
    let client = new Fermata({ url: server.url })
    await client.createWebhook({ url: receiver.url('/all'), events: ['task.*'] })
    for (let kill = 0; kill < kills; kill++) {
      const enough = new AbortController()
      const load = Promise.all(
        [1, 2, 3, 4].map((number) => submitUntil(enough.signal, client, number, acknowledged)),
      )
      const before = acknowledged.length
      await until('tasks were submitted', () => acknowledged.length >= before + 11)
      await sleep(chance.next() * 300)
      server.signal('SIGKILL')
      await server.ended
      enough.abort()
      await load
      server = await TestServer.start({ env, directory })
      client = new Fermata({ url: server.url })
    }
    await until('every end was received', () => missing(acknowledged, receiver.at('/all')).length === 0)
    expect(acknowledged.length).toBeGreaterThan(kills * 10)
    expect(outOfOrder(receiver.at('/all'))).toEqual([])
  } finally {
    await server[Symbol.asyncDispose]()
    await receiver[Symbol.asyncDispose]()
  }
})

async function submitUntil(
  signal: AbortSignal,
  client: Fermata,
  number: number,
  acknowledged: string[],
): Promise<void> {
  for (let index = 0; !signal.aborted; index++) {
    try {
      const { task_id: id } = await client.submitTask(
        'add',
        { parameters: { a: number, b: index } },
        { patience: 0 },
      )
      acknowledged.push(id)
    } catch {
      // Whether it was recorded is unknown: nobody counts on it.
    }
  }
}
