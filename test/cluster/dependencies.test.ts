import { expect, inject, test } from 'vitest'
import { Fermata, type TaskDetails } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/**
 * Tasks that fan in and out over real nodes, which are killed in turn. `DEPENDENCY_KILLS=100 DEPENDENCY_WIDTH=1000` runs longer.
 */
const kills = Number(process.env['DEPENDENCY_KILLS'] ?? 3)
const width = Number(process.env['DEPENDENCY_WIDTH'] ?? 60)

test(
  `every task behind others runs once, while nodes are killed ${kills} times`,
  { timeout: 3_600_000 },
  async () => {
    const env = {
      DATABASE_URL: `${inject('postgres')}?schema=${newSchema()}&lease=15`,
      FERMATA_DRAIN: '2s',
      FERMATA_MAX_CONCURRENT: '8',
    }
    const nodes = await Promise.all([1, 2, 3].map(() => TestServer.start({ env })))
    try {
      for (let round = 0; round < kills; round++) {
        const client = new Fermata({ url: nodes[1]!.url })
        const submit = async (count: number, after: string[]) => {
          const task = { parameters: { a: round, b: 1 }, ...(after.length === 0 ? { delay: 1 } : { after }) }
          return (
            await client.submitBatch(
              'add',
              Array.from({ length: count }, () => task),
            )
          ).task_ids
        }
        const first = await submit(width, [])
        const join = await submit(1, first)
        const behind = await submit(width, join)
        const last = await submit(1, behind)
        const dying = nodes.shift()!
        dying.signal('SIGKILL')
        await dying.ended
        nodes.push(await TestServer.start({ env }))
        await dying[Symbol.asyncDispose]()
        const end = () => client.getTask(last[0]!)
        await until('the last task has ended', async () => (await end()).completed_at !== null)
        const ids = [...join, ...behind, ...last]
        const all: TaskDetails[] = []
        // A server reads no more details at once than it has memory for.
        for (let from = 0; from < ids.length; from += 50)
          all.push(...(await Promise.all(ids.slice(from, from + 50).map((id) => client.getTask(id)))))
        // What comes later starts later.
        const [joined, ...others] = all
        for (const { started_at: at } of others) expect(at).toBeGreaterThanOrEqual(joined!.completed_at!)
        for (const { status, timeline } of all) {
          expect(status).toBe('completed')
          const waited = timeline[0]?.status === 'waiting'
          expect(timeline.filter(({ event }) => event === 'ready')).toHaveLength(waited ? 1 : 0)
        }
      }
    } finally {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    }
  },
)
