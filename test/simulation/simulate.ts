import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpuUsage } from 'node:process'
import { parseArgs } from 'node:util'
import { commitOf, thisMachine } from '../support/origin.ts'
import { bugs, type Bug } from './bugs.ts'
import type * as killing from './kills.ts'
import { withRun, type SeedRun, type SimulationFile } from './figures.ts'
import { withBug } from './mutation.ts'
import type * as search from './search.ts'
import type { StoreName } from './search.ts'

type Search = typeof search

const usage = `npm run simulate -- [options]: runs whole clusters on virtual time and checks the promises after every step.

  --seeds N        how many seeds to run (default 1000)
  --from N         the first of them (default 1)
  --seed N         one seed, shortened if it breaks a promise, with its history
  --store NAME     simulated (default), sqlite or postgres (with --url)
  --url URL        the PostgreSQL database, in which a schema is made for each seed
  --bug NAME       with this bug in the engine; "all" finds the seed that catches each, "known" tries the known ones
  --kills          kill the code of a task with steps after every event and every effect, instead of seeds
  --keep-going     run all seeds, also after one has broken a promise
  --figures FILE   add the run to this file; docs/proof.md is written from docs/figures/simulation.json
  --json           print one line of JSON at the end
  --help           these lines and the names of the bugs`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    store: { type: 'string', default: 'simulated' },
    url: { type: 'string' },
    bug: { type: 'string' },
    kills: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    figures: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const from = Number(values.from)
const count = Number(values.seeds)
if (values.url !== undefined) process.env['SIMULATION_POSTGRES'] = values.url

if (values.help) console.log(`${usage}\n\n${bugs.map(({ name, what }) => `  ${name}: ${what}`).join('\n')}`)
else if (values.bug === 'all') process.exitCode = await findAll(() => ({ from, count }))
else if (values.bug === 'known') process.exitCode = await findAll(({ seed }) => ({ from: seed, count: 1 }))
else {
  const bug = bugs.find(({ name }) => name === values.bug)
  if (values.bug !== undefined && bug === undefined)
    throw new Error(`there is no bug ${values.bug}: see --help`)
  if (values.kills) process.exitCode = await killAll(await withBug('./kills.ts', bug))
  else process.exitCode = await runSeeds(bug)
}

async function runSeeds(bug: Bug | undefined): Promise<number> {
  const search: Search = await withBug('./search.ts', bug)
  const store = (bug?.store ?? values.store) as StoreName
  if (!Object.hasOwn(search.stores, store)) throw new Error(`there is no store ${store}: see --help`)
  return values.seed === undefined
    ? await runMany(search, store)
    : await tell(search, store, Number(values.seed))
}

async function killAll({ killEverywhere }: typeof killing): Promise<number> {
  const { kills, repeated, wrong } = await killEverywhere()
  const doubled = `${repeated.length} of them repeated the step in flight`
  console.log(wrong ?? `${kills} kills: ${doubled}, none a step that was stored`)
  return wrong === undefined ? 0 : 1
}

/** Catches each bug with the first of some seeds that does. */
async function findAll(seedsOf: (bug: Bug) => Readonly<{ from: number; count: number }>): Promise<number> {
  let missed = 0
  const found: Record<string, number> = {}
  for (const bug of bugs) {
    const search: Search = await withBug('./search.ts', bug)
    const { from, count } = seedsOf(bug)
    const caught = await search.firstFound(from, count, bug.store ?? 'simulated')
    if (caught === undefined) missed += 1
    else found[bug.name] = caught.seed
    if (!values.json)
      console.log(
        `${bug.name}: ${caught === undefined ? `not in ${count} seeds` : `seed ${caught.seed}: ${caught.violation.message}`}`,
      )
  }
  if (values.json) console.log(JSON.stringify(found))
  return missed === 0 ? 0 : 1
}

async function runMany(search: Search, store: StoreName): Promise<number> {
  const began = performance.now()
  const broken: number[] = []
  let [seeds, steps, passed, calls] = [0, 0, 0, 0]
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await search.runSeed(seed, store)
    seeds += 1
    steps += outcome.steps
    passed += outcome.passed
    calls += outcome.calls
    if (outcome.violation !== undefined) {
      broken.push(seed)
      console.log(`seed ${seed} breaks "${outcome.violation.title}": ${outcome.violation.message}`)
      if (!values['keep-going']) {
        await tell(search, store, seed)
        break
      }
    }
    if (seeds % 5_000 === 0) console.log(`${seeds} seeds, ${broken.length} broken`)
  }
  const seconds = (performance.now() - began) / 1_000
  const days = passed / 86_400_000
  const cpu = cpuUsage().user / 1e6
  if (values.json) console.log(JSON.stringify({ seeds, broken, steps, days, calls, seconds, cpu }))
  else {
    console.log(
      `${seeds} seeds in ${seconds.toFixed(1)} s (${cpu.toFixed(1)} s of CPU): ${broken.length} broken; ${steps} steps, ${calls} calls of the store, ${days.toFixed(2)} virtual days`,
    )
  }
  const [commit, day] = [commitOf(import.meta.dirname), new Date().toISOString().slice(0, 10)]
  if (values.figures !== undefined)
    keep(values.figures, { store, commit, day, from, seeds, broken, steps, calls, days, cpu })
  return broken.length === 0 ? 0 : 1
}

function keep(path: string, run: SeedRun): void {
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as SimulationFile) : { runs: [] }
  const file = withRun({ machine: '', ...before }, thisMachine(), run)
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`)
}

async function tell(search: Search, store: StoreName, seed: number): Promise<number> {
  const { script, outcome } = await search.told(seed, store)
  console.log(JSON.stringify(script.setting))
  console.log(outcome.history.join('\n'))
  const { violation } = outcome
  console.log(
    violation === undefined
      ? `seed ${seed} keeps all promises`
      : `seed ${seed} breaks "${violation.title}": ${violation.message}`,
  )
  return violation === undefined ? 0 : 1
}
