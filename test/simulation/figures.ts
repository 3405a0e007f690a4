import { grouped } from '../support/grouped.ts'

/** Seeds that were run on one commit. `broken`: those that broke a promise. `days`: virtual. `cpu`: seconds. */
export type SeedRun = Readonly<{
  store: string
  commit: string
  day: string
  from: number
  seeds: number
  broken: readonly number[]
  steps: number
  calls: number
  days: number
  cpu: number
}>

/** `docs/figures/simulation.json`: the last long run, and earlier ones whose seeds found defects. */
export type SimulationFile = Readonly<{ machine: string; runs: readonly SeedRun[] }>

/** With one more run, which may continue an earlier one. */
export function withRun({ runs }: SimulationFile, machine: string, run: SeedRun): SimulationFile {
  const earlier = runs.find(
    ({ store, commit, from, seeds }) =>
      store === run.store && commit === run.commit && from + seeds === run.from,
  )
  if (earlier === undefined) return { machine, runs: [...runs, run] }
  const both: SeedRun = {
    ...earlier,
    day: run.day,
    seeds: earlier.seeds + run.seeds,
    broken: [...earlier.broken, ...run.broken],
    steps: earlier.steps + run.steps,
    calls: earlier.calls + run.calls,
    days: earlier.days + run.days,
    cpu: earlier.cpu + run.cpu,
  }
  return { machine, runs: runs.map((one) => (one === earlier ? both : one)) }
}

/** For `docs/proof.md`. */
export function seedsTable({ runs }: SimulationFile): string {
  const rows = runs.map(({ store, commit, day, from, seeds, broken, steps, calls, days, cpu }) => {
    const which = `${grouped(from)} to ${grouped(from + seeds - 1)}`
    const bad = broken.length === 0 ? '0' : `${broken.length} (${broken.join(', ')})`
    const cost = `${days.toFixed(1)} | ${grouped(Math.round(cpu))}`
    return `| ${store} | ${which} | ${commit}, ${day} | ${bad} | ${grouped(steps)} | ${grouped(calls)} | ${cost} |`
  })
  const head =
    '| store | seeds | commit | broke a promise | events | store calls | virtual days | CPU seconds |'
  return [head, '|---|---|---|---|--:|--:|--:|--:|', ...rows].join('\n')
}
