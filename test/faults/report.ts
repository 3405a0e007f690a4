import { grouped } from '../support/grouped.ts'

/** What one fault came to. */
export type Outcome = Readonly<{
  rounds: number
  /** What was acknowledged, shown or promised, or must hold, and was checked afterwards. */
  checked: number
  violations: number
  /** Milliseconds: the slowest recovery. Null where there is nothing to recover from. */
  recovery: number | null
  /** What else there is to say. */
  note?: string
}>

/** `how`: how it is made. `commit`: on which it was run. `seconds`: how long that took. */
export type FaultReport = Outcome &
  Readonly<{ fault: string; how: string; day: string; seed: number; commit: string; seconds: number }>

/** `docs/figures/faults.json`: the last full-length run of each fault. */
export type FaultsFile = Readonly<{ machine: string; reports: readonly FaultReport[] }>

/** Where the figures come from: one run, or several. */
export function origin({ machine, reports }: FaultsFile): string {
  const runs = [...new Set(reports.map(({ day, seed, commit }) => `${day}, commit ${commit}, seed ${seed}`))]
  const minutes = Math.round(reports.reduce((sum, { seconds }) => sum + seconds, 0) / 60)
  const what = runs.length === 1 ? `One run (${runs[0]})` : `${runs.length} runs (${runs.join('; ')})`
  return `${what} of ${minutes} minutes on ${machine}, beside other programs.`
}

/** For the terminal, and for `docs/proof.md`. */
export function table(reports: readonly FaultReport[]): string {
  const rows = reports.map(({ fault, how, rounds, checked, violations, recovery, note }) => {
    const made = note === undefined ? how : `${how}: ${note}`
    const back = recovery === null ? '' : `${(recovery / 1_000).toFixed(1)} s`
    return `| ${fault} | ${made} | ${grouped(rounds)} | ${grouped(checked)} | ${grouped(violations)} | ${back} |`
  })
  const head = '| fault | how it is made | rounds | checked | violations | slowest recovery |'
  return [head, '|---|---|--:|--:|--:|--:|', ...rows].join('\n')
}
