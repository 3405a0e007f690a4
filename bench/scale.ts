import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { defineTask, openTaskManager, type TaskManager } from '../src/index.ts'
import { startPostgres } from '../test/support/postgres-server.ts'
import { median, throughput } from './measure.ts'
import { emptyDatabase, temporaryFolder } from './place.ts'

/**
 * `npm run bench:scale`: submits, claims, reads and lists with up to ten million queued tasks, beside the same with a thousand, in turn in one
 * process. `-- --most 1000000` ends earlier, `--database postgres` measures PostgreSQL, and `--save` writes the figures that the docs show.
 */
const { values } = parseArgs({
  options: {
    most: { type: 'string', default: '10000000' },
    database: { type: 'string', default: 'sqlite' },
    save: { type: 'boolean', default: false },
  },
})
if (values.database !== 'sqlite' && values.database !== 'postgres')
  throw new Error('--database is sqlite or postgres')
const few = 1_000
const sizes = [100_000, 1_000_000, 10_000_000].filter((size) => size <= Number(values.most))
const rounds = 7
const callers = 100
const calls = 2_000
const pages = 40

const parameters = z.object({ a: z.number() })
let ended = 0
let onEnd: () => void = () => undefined
const noop = defineTask({
  type: 'noop',
  parameters,
  run: () => {
    ended++
    onEnd()
    return null
  },
})

/** A manager whose tasks are held, and the ids of some of them. */
class Held {
  readonly #manager: TaskManager
  readonly #ids: string[] = []
  #count = 0

  constructor(manager: TaskManager) {
    this.#manager = manager
  }

  static async open(database: string): Promise<Held> {
    const manager = await openTaskManager({
      database,
      tasks: [noop],
      maxConcurrent: callers,
      maxQueued: 20_000_000,
      startHeld: true,
    })
    return new Held(manager)
  }

  async fill(size: number): Promise<void> {
    for (; this.#count < size; this.#count += few) {
      const handles = await this.#manager.submitAll(
        noop,
        Array.from({ length: few }, (_, a) => ({ a })),
      )
      // About a thousand of them, from everywhere.
      for (const [index, { id }] of handles.entries())
        if ((this.#count + index) % (size / few) === 0) this.#ids.push(id)
    }
  }

  submits(): Promise<number> {
    return throughput(calls, callers, (a) => this.#manager.submit(noop, { a }))
  }

  reads(): Promise<number> {
    return throughput(calls, callers, (index) =>
      this.#manager.details(this.#ids[(index * 7_919) % this.#ids.length] ?? ''),
    )
  }

  /** As many tasks as `submits` adds. */
  async claims(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const goal = ended + calls
    onEnd = () => {
      if (ended === goal) resolve()
    }
    const began = performance.now()
    await this.#manager.hold('noop', false)
    await promise
    const rate = (calls / (performance.now() - began)) * 1_000
    await this.#manager.hold('noop', true)
    return rate
  }

  lists(): Promise<number> {
    return throughput(pages, 1, () =>
      this.#manager.list({ statuses: ['queued'], types: ['noop'] }, { limit: 50 }),
    )
  }

  async [Symbol.asyncDispose]() {
    await this.#manager[Symbol.asyncDispose]()
  }
}

const measured = ['submits', 'claims', 'reads', 'lists'] as const
type Measured = (typeof measured)[number]
type Row = Readonly<{ held: number; figures: Record<Measured, Readonly<{ few: number; many: number }>> }>

async function compare(small: Held, large: Held, held: number): Promise<Row> {
  const found = measured.map(() => [] as { few: number; many: number }[])
  for (let round = -1; round < rounds; round++) {
    for (const [index, what] of measured.entries()) {
      // Neither is always the first.
      const [first, second] = round % 2 === 0 ? [small, large] : [large, small]
      const [a, b] = [await first[what](), await second[what]()]
      if (round >= 0) found[index]?.push(first === small ? { few: a, many: b } : { few: b, many: a })
    }
  }
  const figures = measured.map((what, index) => {
    const pairs = found[index] ?? []
    const side = (which: 'few' | 'many') => median(pairs.map((pair) => pair[which]))
    return [what, { few: side('few'), many: side('many') }] as const
  })
  return { held, figures: Object.fromEntries(figures) as Row['figures'] }
}

async function* databases(): AsyncGenerator<string> {
  if (values.database === 'sqlite') {
    using folder = temporaryFolder()
    for (let number = 0; ; number++) yield `sqlite:${folder.file(`${number}.db`)}`
  }
  await using server = await startPostgres({ safe: true, settings: ['shared_buffers=1GB'] })
  for (let number = 0; ; number++) yield await emptyDatabase(server.url, `scale_${number}`)
}

const places = databases()
const next = async () => String((await places.next()).value)
const rows: Row[] = []
{
  await using large = await Held.open(await next())
  for (const held of sizes) {
    await using small = await Held.open(await next())
    await small.fill(few)
    await large.fill(held)
    const row = await compare(small, large, held)
    rows.push(row)
    const shown = measured.map((what) => {
      const { few: beside, many } = row.figures[what]
      return `${what} ${Math.round(many)}/s, ${(many / beside).toFixed(2)} of those with ${few}`
    })
    console.log(`${held} tasks: ${shown.join('; ')}`)
  }
}
await places.return(undefined)

if (values.save) {
  const file = join(import.meta.dirname, '..', 'docs', 'figures', `scale-${values.database}.json`)
  const report = {
    day: new Date().toISOString().slice(0, 10),
    machine: `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Linux ${release()}, Node ${process.versions.node}`,
    commit: spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    }).stdout.trim(),
    few,
    rows,
  }
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
}
process.exit(0)
