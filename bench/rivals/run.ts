import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../../test/support/postgres-server.ts'
import { freePort } from '../../test/support/ports.ts'
import { emptyDatabase } from '../place.ts'
import { rows } from './rows.ts'
import { systems, type Entry } from './systems.ts'

/**
 * `npm run bench:rivals`: measures other task queues beside Fermata, alternating, each figure in a process of its own and on an
 * empty store. Prints a table of medians, and with `--save` writes it for the docs. Takes about 15 minutes, and needs
 * redis-server.
 */
const { values } = parseArgs({
  options: {
    system: { type: 'string', multiple: true },
    row: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '3' },
    save: { type: 'boolean', default: false },
  },
})
const chosen = values.system ?? Object.keys(systems)
const asked = values.row ?? Object.keys(rows)
for (const [kind, names, known] of [
  ['system', chosen, systems],
  ['row', asked, rows],
] as const) {
  const wrong = names.filter((name) => !Object.hasOwn(known, name))
  if (wrong.length > 0)
    throw new Error(`no ${kind} ${wrong.join(', ')}; there are ${Object.keys(known).join(', ')}`)
}
const here = import.meta.dirname
const results = join(here, '..', '..', 'docs', 'figures', 'rivals.json')
const bun = join(here, 'node_modules', 'bun', 'bin', 'bun.exe')

type Figures = Readonly<Record<string, number>>
const measured = new Map<string, Figures[]>()

await using postgres = await startPostgres({ safe: true })
for (let round = 0; round < Number(values.rounds); round++) {
  for (const row of asked) {
    for (const name of chosen) {
      const figures = await measure(name, row, round)
      process.stderr.write(`${round + 1} ${row} ${name}: ${JSON.stringify(figures) ?? 'failed'}\n`)
      if (figures === undefined) continue
      const key = `${row} ${name}`
      measured.set(key, [...(measured.get(key) ?? []), figures])
    }
  }
}

const report = {
  day: new Date().toISOString().slice(0, 10),
  machine: `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), Linux ${release()}, Node ${process.versions.node}`,
  commit: spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here, encoding: 'utf8' }).stdout.trim(),
  rounds: Number(values.rounds),
  versions: versions(),
  systems: Object.fromEntries(
    chosen.map((name) => {
      const { name: title, group, durability } = systems[name]!
      return [name, { title, group, durability }]
    }),
  ),
  rows: Object.fromEntries(
    asked.map((row) => {
      const { title, unit } = rows[row]!
      const of = chosen.flatMap((name) => {
        const runs = measured.get(`${row} ${name}`)
        return runs === undefined ? [] : [[name, medians(runs)] as const]
      })
      return [row, { title, unit, figures: Object.fromEntries(of) }]
    }),
  ),
}
console.log(JSON.stringify(report, null, 2))
if (values.save) writeFileSync(results, `${JSON.stringify(report, null, 2)}\n`)

/** Undefined if the system did not get through it in time. */
async function measure(name: string, row: string, round: number): Promise<Figures | undefined> {
  const entry = systems[name]!
  const folder = mkdtempSync(join(tmpdir(), 'fermata-rivals-'))
  await using redis = await redisFor(entry, folder)
  const url =
    entry.group === 'PostgreSQL'
      ? await emptyDatabase(postgres.url, `${name}_${row}_${round}`.toLowerCase())
      : ''
  try {
    const program = entry.runtime === 'bun' ? [bun] : [process.execPath, '--max-semi-space-size=32']
    const child = spawn(
      program[0]!,
      [...program.slice(1), join(here, 'measure.ts'), name, row, folder, String(redis.port), url],
      { stdio: ['ignore', 'pipe', 'pipe'], timeout: 90_000, killSignal: 'SIGKILL', cwd: here },
    )
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
    await once(child, 'close')
    const figures = /^figures (.*)$/m.exec(output)?.[1]
    if (figures === undefined) process.stderr.write(`${errors.slice(-2_000)}\n`)
    return figures === undefined ? undefined : (JSON.parse(figures) as Figures)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function redisFor({ appendfsync }: Entry, folder: string) {
  if (appendfsync === undefined) return { port: 0, [Symbol.asyncDispose]: async () => {} }
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const log = ['--appendonly', 'yes', '--appendfsync', appendfsync, '--maxmemory-policy', 'noeviction']
  const child = spawn('redis-server', [...settings, ...log], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  for await (const text of child.stdout.setEncoding('utf8')) {
    if (String(text).includes('Ready to accept connections')) break
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** An empty one. */
function medians(runs: readonly Figures[]): Figures {
  return Object.fromEntries(
    Object.keys(runs[0]!).map((key) => {
      const sorted = runs.map((run) => run[key]!).toSorted((a, b) => a - b)
      return [key, Number(sorted[Math.floor(sorted.length / 2)]!.toPrecision(4))]
    }),
  )
}

function versions(): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const redis = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout)?.[1]
  return { ...dependencies, 'redis-server': redis ?? 'not installed' }
}
