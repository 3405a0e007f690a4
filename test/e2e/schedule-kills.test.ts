import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Fermata } from '../../src/client/index.ts'
import { TestServer } from '../support/server.ts'

const count = 20

test('ticks on SQLite have one task each, although the server is killed at the tick', async () => {
  let server = await TestServer.start()
  const { directory } = server
  try {
    const client = new Fermata({ url: server.url })
    for (let index = 0; index < count; index++) {
      await client.createSchedule({
        id: `s${index}`,
        type: 'add',
        parameters: { a: index, b: 1 },
        every: 1,
        overlap: 'allow',
        catch_up: { mode: 'all' },
      })
    }
    for (const milliseconds of [0, 1, 3, 6, 12]) {
      // Shortly after a full second, when all of them tick.
      await sleep(2_000 - new Date().getMilliseconds() + milliseconds)
      server.signal('SIGKILL')
      await server.ended
      server = await TestServer.start({ directory })
    }
    await sleep(1_200)
    server.signal('SIGKILL')
    await server.ended
    using db = new DatabaseSync(join(directory, 'fermata.db'))
    const all = (text: string) => db.prepare(text).all()
    expect(
      all(
        'select schedule_id, tick_at from tasks where schedule_id is not null group by schedule_id, tick_at having count(*) > 1',
      ),
    ).toEqual([])
    expect(
      all(`select tick_at from ticks t where not exists (
        select 1 from tasks k where k.id = t.task_id and k.schedule_id = t.schedule_id and k.tick_at = t.tick_at)`),
    ).toEqual([])
    const rows = all(
      'select max(tick_at) as newest, (max(tick_at) - min(tick_at)) / 1000 + 1 as expected, count(*) as found from ticks group by schedule_id',
    )
    expect(rows).toHaveLength(count)
    for (const { expected, found } of rows) {
      expect(found).toBe(expected)
      expect(Number(found)).toBeGreaterThan(8)
    }
  } finally {
    await server[Symbol.asyncDispose]()
  }
})
