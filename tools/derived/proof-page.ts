import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { origin, table, type FaultsFile } from '../../test/faults/report.ts'
import { seedsTable, type SimulationFile } from '../../test/simulation/figures.ts'

const docs = join(import.meta.dirname, '..', '..', 'docs')

/** The page as it is, with the figures of the last long runs. */
export function proofPage(): string {
  const page = readFileSync(join(docs, 'proof.md'), 'utf8')
  const faults = figures('faults') as FaultsFile
  const seeds = figures('simulation') as SimulationFile
  const withFaults = filled(page, 'faults', `${origin(faults)}\n\n${table(faults.reports)}`)
  return filled(withFaults, 'seeds', `Measured on ${seeds.machine}:\n\n${seedsTable(seeds)}`)
}

function figures(name: string): unknown {
  return JSON.parse(readFileSync(join(docs, 'figures', `${name}.json`), 'utf8'))
}

/** The text between the comments `name: ...` and `/name`. */
function filled(page: string, name: string, text: string): string {
  const region = new RegExp(`(<!-- ${name}: [^>]* -->\\n)[^]*(<!-- /${name} -->)`)
  if (!region.test(page)) throw new Error(`docs/proof.md has no place for the figures of ${name}`)
  return page.replace(region, (_, start: string, end: string) => `${start}\n${text}\n\n${end}`)
}
