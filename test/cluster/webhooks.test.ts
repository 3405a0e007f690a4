import { expect, inject, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { Receiver } from '../support/receiver.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/** Nodes that share the deliveries of one database, and are killed in turn. `WEBHOOK_KILLS=50` runs longer. */
const kills = Number(process.env['WEBHOOK_KILLS'] ?? 3)

test(
  `no event is lost or out of order while nodes are killed ${kills} times`,
  { timeout: 3_600_000 },
  async () => {
    await using receiver = await Receiver.start()
    const url = `${inject('postgres')}?schema=${newSchema()}&lease=15`
    const env = { DATABASE_URL: url, FERMATA_DRAIN: '2s', FERMATA_WEBHOOK_ALLOW: '127.0.0.1' }
    const nodes = await Promise.all([1, 2].map(() => TestServer.start({ env })))
    const all: string[] = []
    try {
      const [first, second] = nodes.map((node) => new Fermata({ url: node.url }))
      await first!.createWebhook({ url: receiver.url, events: ['task.*'] })
      // Exact from the answer on, also on the other node.
      const early = await second!.submit('add', { a: 1, b: 1 })
      all.push(early.id)
      for (let kill = 0; kill < kills; kill++) {
        const clients = nodes.map((node) => new Fermata({ url: node.url, patience: 0 }))
        const submits = Array.from({ length: 200 }, async (_, index) => {
          const { id } = await clients[index % 2]!.submit('add', { a: index, b: 1 })
          all.push(id)
        })
        const before = receiver.messages.length
        await until('some were told', () => receiver.messages.length > before + 20)
        const dying = nodes.shift()!
        dying.signal('SIGKILL')
        await dying.ended
        await Promise.allSettled(submits)
        nodes.push(await TestServer.start({ env }))
        await dying[Symbol.asyncDispose]()
      }
      const told = () => {
        const versions = new Map<string, number[]>()
        for (const { data } of receiver.messages) {
          const { task_id: id, version } = data as { task_id: string; version: number }
          const list = versions.get(id) ?? []
          if (!list.includes(version)) list.push(version)
          versions.set(id, list)
        }
        return versions
      }
      const ends = () =>
        new Set(
          receiver.messages
            .filter(({ type }) => type === 'task.completed' || type === 'task.failed')
            .map(({ data }) => data['task_id'] as string),
        )
      await until('each end was told', () => {
        const ended = ends()
        return all.every((id) => ended.has(id))
      })
      const versions = told()
      for (const id of all) {
        const list = versions.get(id)!
        expect(list).toEqual(list.toSorted((a, b) => a - b))
        expect(list).toEqual(list.map((_, index) => index + 1))
      }
      console.log(`${receiver.messages.length} messages about ${all.length} tasks, ${kills} kills`)
    } finally {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    }
  },
)
