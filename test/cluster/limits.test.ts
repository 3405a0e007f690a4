import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { Client } from 'pg'
import { Fermata } from '../../src/client/index.ts'
import { newSchema, temporaryFolder } from '../conformance/stores.ts'
import type { Seen } from '../fixtures/limited.ts'
import { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

/**
 * Limits over three real nodes, which are killed in turn: handlers write what they see. `LIMIT_SECONDS=600` runs longer.
 */
const fewest = 4
/** They go on for this long. */
const atLeast = Number(process.env['LIMIT_SECONDS'] ?? 0) * 1_000
const keys = ['a', 'b', 'c', 'd']
const perKey = 2
const inAll = 5
const rate = { limit: 4, per: 1_000 }

/** Code that ran; `until`: when it ended, or its process did. */
type Stretch = Readonly<{ key: string; from: number; until: number }>

test(`no limit is exceeded while nodes are killed`, { timeout: 3_600_000 }, async () => {
  await using folder = await temporaryFolder()
  const log = join(folder.path, 'seen')
  writeFileSync(log, '')
  const schema = newSchema()
  const url = inject('postgres')
  const env = {
    DATABASE_URL: `${url}?schema=${schema}&lease=15`,
    FERMATA_DRAIN: '2s',
    FERMATA_MAX_CONCURRENT: '6',
    FERMATA_TASKS: join(import.meta.dirname, '..', 'fixtures', 'limited.ts'),
    LIMITED_LOG: log,
    NODE_OPTIONS: '--conditions=fermata-source',
  }
  const nodes = await Promise.all([1, 2, 3].map(() => TestServer.start({ env })))
  const database = new Client({ connectionString: url })
  await database.connect()
  /** When each process was dead, by its id. */
  const deaths = new Map<number, number>()
  const seen = () =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Seen)
  try {
    let submitted = 0
    const submit = async (client: Fermata, length: number) => {
      const list = Array.from({ length }, (_, index) => ({
        parameters: { key: keys[index % keys.length]!, seconds: 0.05 + (index % 5) * 0.1 },
        max_attempts: 1_000,
      }))
      submitted += (await client.submitBatch('limited', list)).task_ids.length
    }
    await submit(new Fermata({ url: nodes[0]!.url }), 40)
    const began = Date.now()
    let kills = 0
    for (; kills < fewest || Date.now() - began < atLeast; kills++) {
      const begun = seen().length
      await until('other tasks have begun', async () => seen().length >= begun + 10)
      const dying = nodes.shift()!
      dying.signal('SIGKILL')
      await dying.ended
      deaths.set(dying.pid, Date.now())
      nodes.push(await TestServer.start({ env }))
      await dying[Symbol.asyncDispose]()
      await submit(new Fermata({ url: nodes[1]!.url }), 12)
    }
    const last = new Fermata({ url: nodes[0]!.url })
    await until('all tasks have ended', async () => {
      const counts = (await last.getStats()).types['limited']?.counts
      return (counts?.completed ?? 0) === submitted
    })
    const stretches = stretchesOf(seen(), deaths)
    expect(stretches.length).toBeGreaterThanOrEqual(submitted)
    expect(mostAtOnce(stretches), 'at once').toBeLessThanOrEqual(inAll)
    for (const key of keys) {
      const own = stretches.filter((one) => one.key === key)
      expect(mostAtOnce(own), `at once of ${key}`).toBeLessThanOrEqual(perKey)
    }
    const starts = new Map<string, number[]>(keys.map((key) => [key, []]))
    for (const { id, key } of await tasksOf(database, schema)) {
      const { timeline } = await last.getTask(id)
      for (const { event, at } of timeline) if (event === 'claimed') starts.get(key)!.push(at * 1_000)
    }
    for (const [key, times] of starts)
      expect(mostAhead(times), `starts of ${key}`).toBeLessThanOrEqual(rate.limit + 0.01)
    const { rows: slots } = await database.query(`select * from ${schema}.limit_slots`)
    expect(slots, 'slots that nobody holds').toEqual([])
    console.log(
      `${stretches.length} runs of ${submitted} tasks, at most ${mostAtOnce(stretches)} at once, ${kills} kills`,
    )
  } finally {
    await database.end()
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
  }
})

async function tasksOf(database: Client, schema: string) {
  const { rows } = await database.query<{ id: string; key: string }>(
    `select id, admission::json -> 'limits' -> 2 ->> 'key' as key from ${schema}.tasks`,
  )
  return rows
}

function stretchesOf(seen: readonly Seen[], deaths: ReadonlyMap<number, number>): Stretch[] {
  const name = ({ task, fence, pid }: Seen) => `${task} ${fence} ${pid}`
  const ends = new Map(seen.filter(({ what }) => what === 'ends').map((one) => [name(one), one.at]))
  return seen
    .filter(({ what }) => what === 'begins')
    .map((one) => {
      const until = ends.get(name(one)) ?? deaths.get(one.pid)
      if (until === undefined) throw new Error(`${name(one)} has no end, and its process lives`)
      return { key: one.key, from: one.at, until }
    })
}

/** What ends in the same millisecond as others begin is not at once with them. */
function mostAtOnce(stretches: readonly Stretch[]): number {
  const changes = stretches
    .flatMap(({ from, until }) => [
      { at: from, by: 1 },
      { at: until, by: -1 },
    ])
    .toSorted((a, b) => a.at - b.at || a.by - b.by)
  let [now, most] = [0, 0]
  for (const { by } of changes) {
    now += by
    most = Math.max(most, now)
  }
  return most
}

/** The most starts in any window, less those for which the window itself makes room. */
function mostAhead(starts: readonly number[]): number {
  const sorted = starts.toSorted((a, b) => a - b)
  let most = 0
  for (const [first, from] of sorted.entries())
    for (let last = first; last < sorted.length; last++)
      most = Math.max(most, last - first + 1 - ((sorted[last]! - from) * rate.limit) / rate.per)
  return most
}
