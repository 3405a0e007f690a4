import { expect, inject, test } from 'vitest'
import { Client } from 'pg'
import { Fermata } from '../../src/client/index.ts'
import { newSchema } from '../conformance/stores.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/**
 * Schedules that tick every second on several real nodes, which are killed in turn. `SCHEDULE_COUNT=200 SCHEDULE_SECONDS=600` runs longer.
 */
const count = Number(process.env['SCHEDULE_COUNT'] ?? 40)
const fewest = 4
/** They go on for this long. */
const atLeast = Number(process.env['SCHEDULE_SECONDS'] ?? 0) * 1_000

test(
  `no tick of ${count} schedules is doubled or lost while nodes are killed`,
  { timeout: 3_600_000 },
  async () => {
    const schema = newSchema()
    const url = inject('postgres')
    // A busy machine starves nodes for longer in a long run.
    const lease = atLeast > 0 ? 60 : 15
    const env = { DATABASE_URL: `${url}?schema=${schema}&lease=${lease}`, FERMATA_DRAIN: '2s' }
    const nodes = await Promise.all([1, 2, 3].map(() => TestServer.start({ env })))
    const database = new Client({ connectionString: url })
    await database.connect()
    const ask = async (text: string) =>
      (await database.query<Record<string, number>>(text.replaceAll('S.', `${schema}.`))).rows
    try {
      const client = new Fermata({ url: nodes[0]!.url })
      const made = await Promise.all(
        Array.from({ length: count }, (_, index) =>
          client.createSchedule({
            id: `s${index}`,
            type: 'add',
            parameters: { a: index, b: 1 },
            every: 1,
            overlap: 'allow',
            catch_up: { mode: 'all', max: 1_000 },
          }),
        ),
      )
      const started = async () => Number((await ask('select count(*) as n from S.ticks'))[0]!['n'])
      const began = Date.now()
      let kills = 0
      for (; kills < fewest || Date.now() - began < atLeast; kills++) {
        const before = await started()
        await until('another second of ticks has started', async () => (await started()) >= before + count)
        const dying = nodes.shift()!
        dying.signal('SIGKILL')
        await dying.ended
        // Beside two others: who is killed is never the only one that has just started.
        nodes.push(await TestServer.start({ env }))
        await dying[Symbol.asyncDispose]()
      }
      await until(
        'nothing is late',
        async () =>
          Number(
            (
              await ask(
                'select max(tick_at) - min(tick_at) as n from (select schedule_id, max(tick_at) as tick_at from S.ticks group by schedule_id) as newest',
              )
            )[0]!['n'],
          ) <= 1_000,
      )
      for (const node of nodes) {
        node.signal('SIGKILL')
        await node.ended
      }
      const doubled = await ask(
        'select schedule_id, tick_at from S.tasks where schedule_id is not null group by schedule_id, tick_at having count(*) > 1',
      )
      expect(doubled, 'ticks with two tasks').toEqual([])
      const holes = await ask(`select count(*) as n from S.ticks t where not exists (
        select 1 from S.tasks k where k.id = t.task_id and k.schedule_id = t.schedule_id and k.tick_at = t.tick_at)`)
      expect(Number(holes[0]!['n']), 'ticks without their task').toBe(0)
      const rows = await ask(
        'select min(tick_at) as first, max(tick_at) as last, count(*) as n from S.ticks group by schedule_id',
      )
      expect(rows).toHaveLength(count)
      let ticks = 0
      for (const { first, last: newest, n } of rows) {
        ticks += Number(n)
        expect((Number(newest) - Number(first)) / 1_000 + 1, 'ticks in a row').toBe(Number(n))
      }
      for (const { created_at: at, id } of made) {
        const [row] = await ask(`select min(tick_at) as first from S.ticks where schedule_id = '${id}'`)
        expect(Number(row!['first']) / 1_000 - at, 'from the first one on').toBeLessThanOrEqual(1)
      }
      console.log(`${ticks} ticks of ${count} schedules, ${kills} kills`)
    } finally {
      await database.end()
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
    }
  },
)
