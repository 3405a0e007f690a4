/** What one fault came to. */
export type FaultReport = Readonly<{
  fault: string
  /** How it was made. */
  how: string
  rounds: number
  /** What was acknowledged, shown or promised, or must hold, and was checked afterwards. */
  checked: number
  violations: number
  /** Milliseconds: the slowest recovery. Null where there is nothing to recover from. */
  recovery: number | null
}>

export type FaultsFile = Readonly<{
  /** Day of the run. */
  day: string
  machine: string
  seed: number
  reports: readonly FaultReport[]
}>

/** For the terminal, and for `docs/proof.md`. */
export function table(reports: readonly FaultReport[]): string {
  const rows = reports.map(({ fault, how, rounds, checked, violations, recovery }) => {
    const back = recovery === null ? '' : `${(recovery / 1_000).toFixed(1)} s`
    return `| ${fault} | ${how} | ${grouped(rounds)} | ${grouped(checked)} | ${grouped(violations)} | ${back} |`
  })
  return [
    '| fault | how it is made | rounds | checked | violations | slowest recovery |',
    '|---|---|--:|--:|--:|--:|',
    ...rows,
  ].join('\n')
}

function grouped(number: number): string {
  return number.toLocaleString('en-US')
}
