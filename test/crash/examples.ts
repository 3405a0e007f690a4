import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Chance } from '../support/chance.ts'
import { TestServer } from '../support/server.ts'
import { auditFile } from './audit.ts'

export type ExampleFigures = Readonly<{
  type: string
  runs: number
  /** Runs that had begun and not ended when their server was killed. */
  interrupted: number
  /** Steps that completed, and effects of the function of a step that a kill has repeated. */
  steps: number
  repeated: number
}>

type Example = Readonly<{
  type: string
  parameters: (place: Place) => object
  result: (place: Place) => unknown
}>

/** Where the runs of a round keep their files, and a URL that answers. */
type Place = Readonly<{ folder: string; url: string }>

const goal = 'Tell alice@example.com where order 1007 is'

const examples: readonly Example[] = [
  { type: 'agent', parameters: () => ({ goal }), result: () => ({ turns: 2 }) },
  {
    type: 'import',
    parameters: ({ folder }) => ({
      from: join(folder, 'rows.jsonl'),
      to: join(folder, 'sums.json'),
      delay: 0.03,
    }),
    result: () => ({ rows: 20, names: 2 }),
  },
  {
    type: 'links',
    parameters: ({ url }) => ({ urls: Array.from({ length: 5 }, () => url) }),
    result: () => ({ ok: 5, broken: [] }),
  },
  { type: 'nightly', parameters: ({ folder }) => ({ folder }), result: () => ({}) },
  {
    type: 'order',
    parameters: () => ({ item: 'A grand piano', total: 24_000 }),
    result: () => ({ shipped: true }),
  },
  { type: 'primes', parameters: () => ({ to: 20_000 }), result: () => ({ primes: 2_262 }) },
  { type: 'words', parameters: () => ({ text: 'to be or not to be' }), result: () => ({ words: 6 }) },
]

/** Types of children, whose parents are examples. */
const children = ['import-source', 'report']

/** Runs that a round starts of each example. */
const runsAtOnce = 10

type Line = Readonly<{ task: string; step: string; life: number }>
type Stored = Readonly<{ unfinished: ReadonlySet<string>; steps: ReadonlySet<string> }>
type Run = Readonly<{ id: string; example: Example }>

/**
 * Runs each example so often, in rounds, and kills the server once in each. A step that was stored by then must have had exactly one effect; the
 * one in flight at most two.
 */
export async function killExamples(
  runs: number,
  seed: number,
  report: (line: string) => void = () => {},
): Promise<readonly ExampleFigures[]> {
  const chance = new Chance(seed)
  const figures = new Map(
    [...examples.map(({ type }) => type), ...children].map((type) => [
      type,
      { type, runs: 0, interrupted: 0, steps: 0, repeated: 0 },
    ]),
  )
  const directory = await mkdtemp(join(tmpdir(), 'fermata-examples-'))
  const web = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`
  try {
    for (let done = 0; done < runs; done += runsAtOnce) {
      const count = Math.min(runsAtOnce, runs - done)
      // Most things happen soon.
      const killAfter = Math.round(1_500 * chance.next() ** 2)
      await round({ directory, url, count, killAfter, seed: chance.between(1, 1e9), figures })
      report(`${done + count} of ${runs} runs of each: ${JSON.stringify([...figures.values()])}`)
    }
    const db = new DatabaseSync(join(directory, 'fermata.db'))
    auditFile(db)
    // Each child was started once.
    const tasks = db.prepare('select count(*) as tasks from tasks where type = ?')
    for (const { type, runs: started } of figures.values())
      assert.equal(tasks.get(type)?.['tasks'], started, type)
    db.close()
  } finally {
    web.close()
    web.closeAllConnections()
    await rm(directory, { recursive: true, force: true })
  }
  return [...figures.values()]
}

type Round = Readonly<{
  directory: string
  url: string
  count: number
  /** Milliseconds after the first submit. */
  killAfter: number
  /** Of the pauses of steps. */
  seed: number
  figures: ReadonlyMap<string, { runs: number; interrupted: number; steps: number; repeated: number }>
}>

async function round({ directory, url, count, killAfter, seed, figures }: Round): Promise<void> {
  const folder = await mkdtemp(join(directory, 'round-'))
  const rows = Array.from({ length: 20 }, (_, n) =>
    JSON.stringify({ name: n % 2 === 0 ? 'a' : 'b', amount: n }),
  )
  await writeFile(join(folder, 'rows.jsonl'), `${rows.join('\n')}\n`)
  const effects = join(folder, 'effects.jsonl')
  const start = () =>
    TestServer.start({
      directory,
      arguments: ['serve', '--tasks', join(import.meta.dirname, '../fixtures/recorded-examples.ts')],
      env: { FERMATA_MAX_CONCURRENT: '60', RECORDED_EFFECTS: effects, RECORDED_SEED: String(seed) },
    })
  const first = await start()
  const place = { folder, url }
  const submitAll = (server: string) =>
    Promise.all(
      examples.flatMap((example) =>
        Array.from({ length: count }, (_, number) => submit(server, example, place, `${folder} ${number}`)),
      ),
    )
  try {
    // Those that the server has no time to acknowledge are submitted again, with their keys.
    const submitting = submitAll(first.url).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error
    })
    const over = new AbortController()
    const answering = answerAll(first.url, over.signal)
    await sleep(killAfter)
    await first.stop('SIGKILL')
    over.abort()
    await Promise.all([submitting, answering])
  } finally {
    await first.stop('SIGKILL')
  }
  const atKill = await storedIn(directory, folder)

  const second = await start()
  const runs = await submitAll(second.url)
  const over = new AbortController()
  const answering = answerAll(second.url, over.signal)
  const ends = new Map<string, string>()
  try {
    for (const { id, example } of runs) {
      const result = await completed(second.url, id, example.type)
      ends.set(id, example.type)
      assert.partialDeepStrictEqual(result, example.result(place), `the result of ${example.type} ${id}`)
      if (example.type !== 'nightly') continue
      const { imports, report } = result as { imports: string[]; report: string }
      assert.deepEqual(await completed(second.url, report, 'report'), {
        orders: 245,
        payments: 200,
        refunds: 15,
      })
      for (const child of imports) ends.set(child, 'import-source')
      ends.set(report, 'report')
    }
  } finally {
    over.abort()
    await answering
    await second.stop('SIGTERM')
  }
  check(ends, atKill, await linesOf(effects), await storedIn(directory, folder), figures)
}

async function submit(url: string, example: Example, place: Place, key: string): Promise<Run> {
  const response = await fetch(`${url}/api/run/${example.type}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      parameters: example.parameters(place),
      idempotency_key: `${example.type} ${key}`,
    }),
  })
  assert.equal(response.status, 200)
  return { id: ((await response.json()) as { task_id: string }).task_id, example }
}

/** Approves whatever asks, until the server is gone. */
async function answerAll(url: string, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    try {
      const inbox = await fetch(`${url}/api/waits?status=open`, { signal: over })
      const { waits } = (await inbox.json()) as { waits: { token: string }[] }
      for (const { token } of waits) {
        const response = await fetch(`${url}/api/waits/${token}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ answer: { approved: true } }),
          signal: over,
        })
        await response.body?.cancel()
      }
      await sleep(100, undefined, { signal: over })
    } catch (error) {
      // The server was killed, or there is nothing left to answer.
      if (!(error instanceof TypeError) && !over.aborted) throw error
      await sleep(50)
    }
  }
}

async function completed(url: string, id: string, type: string): Promise<unknown> {
  // Threads and commands get the least processor time, and other programs may need most of it.
  const until = Date.now() + 600_000
  for (;;) {
    const response = await fetch(`${url}/api/task/${id}/result`)
    const shown = (await response.json()) as { status: string; result?: unknown }
    if (response.status === 200) {
      assert.equal(shown.status, 'completed', JSON.stringify(shown))
      return shown.result
    }
    assert(Date.now() < until, `${type} ${id} is still ${JSON.stringify(shown)}`)
    await sleep(50)
  }
}

/** What a copy of the database has, so that nothing here touches the one that the next server recovers. */
async function storedIn(directory: string, folder: string): Promise<Stored> {
  const copy = await mkdtemp(join(folder, 'copy-'))
  for (const name of ['fermata.db', 'fermata.db-wal'])
    await cp(join(directory, name), join(copy, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  const db = new DatabaseSync(join(copy, 'fermata.db'))
  const steps = db
    .prepare(
      `select tasks.id as task, steps.name || ' ' || steps.occurrence as step
        from steps join tasks using (row_id) where steps.status = 'completed'`,
    )
    .all() as unknown as { task: string; step: string }[]
  const unfinished = db
    .prepare(`select id from tasks where status not in ('completed', 'failed', 'cancelled') and attempt > 0`)
    .all() as unknown as { id: string }[]
  db.close()
  await rm(copy, { recursive: true })
  return { steps: new Set(steps.map(keyOf)), unfinished: new Set(unfinished.map(({ id }) => id)) }
}

async function linesOf(effects: string): Promise<readonly Line[]> {
  const lines = (await readFile(effects, 'utf8')).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Line)
}

const keyOf = ({ task, step }: Pick<Line, 'task' | 'step'>) => `${task} ${step}`

function check(
  types: ReadonlyMap<string, string>,
  atKill: Stored,
  lines: readonly Line[],
  atEnd: Stored,
  figures: Round['figures'],
): void {
  const repeatedBy = new Map<string, number>()
  for (const [key, own] of Map.groupBy(lines, keyOf)) {
    const { task } = own[0]!
    assert.equal(
      new Set(own.map(({ life }) => life)).size,
      own.length,
      `"${key}" had two effects in one life`,
    )
    assert(own.length <= 2, `"${key}" had ${own.length} effects`)
    assert(own.length === 1 || !atKill.steps.has(key), `"${key}" was stored, and had another effect`)
    if (own.length === 2) repeatedBy.set(task, (repeatedBy.get(task) ?? 0) + 1)
    assert(atEnd.steps.has(key), `"${key}" had an effect, and is not stored in the end`)
    const figure = figures.get(types.get(task) ?? '')
    assert(figure !== undefined, `no example has started ${task}`)
    figure.steps += 1
    figure.repeated += own.length - 1
  }
  for (const [task, steps] of repeatedBy)
    assert.equal(steps, 1, `one kill has repeated ${steps} steps of ${task}`)
  for (const [id, type] of types) {
    const figure = figures.get(type)!
    figure.runs += 1
    if (atKill.unfinished.has(id)) figure.interrupted += 1
  }
  const had = new Set(lines.map(keyOf))
  for (const key of atEnd.steps) {
    const isOurs = types.has(key.slice(0, key.indexOf(' ')))
    assert(!isOurs || had.has(key), `"${key}" is stored without an effect`)
  }
}
