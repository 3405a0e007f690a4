import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { table, type FaultsFile } from '../../test/faults/report.ts'

const docs = join(import.meta.dirname, '..', '..', 'docs')
const region = /(<!-- faults: [^>]* -->\n)[^]*(<!-- \/faults -->)/

/** The page as it is, with the figures of the last long run of each fault. */
export function proofPage(): string {
  const file = readFileSync(join(docs, 'figures', 'faults.json'), 'utf8')
  const { machine, reports } = JSON.parse(file) as FaultsFile
  const figures = `\nThe last run of each fault, on ${machine}, which other programs kept busy:\n\n${table(reports)}\n\n`
  const page = readFileSync(join(docs, 'proof.md'), 'utf8')
  if (!region.test(page)) throw new Error('docs/proof.md has no place for the figures of the faults')
  return page.replace(region, (_, start: string, end: string) => `${start}${figures}${end}`)
}
