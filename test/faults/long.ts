import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../support/postgres-server.ts'
import { seedOf } from '../support/chance.ts'
import { failingDisk, negativeControl, powerCuts } from './disks.ts'
import { frozenNodes } from './frozen-nodes.ts'
import { lacking, type Need } from './machine.ts'
import { table, type FaultReport, type FaultsFile } from './report.ts'
import { runSuite, suites } from './suites.ts'

/** `npm run test:faults [-- words of faults]`: every fault, in full length; with words, only those with one of them in their names. */
const words = process.argv.slice(2)
const seed = seedOf('FAULTS_SEED', { long: true })
const told = (line: string) => void process.stdout.write(`${line}\n`)

type Fault = Readonly<{ name: string; needs: readonly Need[]; run: () => Promise<FaultReport> }>

const onDisk = ['root', 'loop devices', 'gcc'] as const satisfies readonly Need[]
const faults: readonly Fault[] = [
  { name: 'power cut on ext4', needs: [...onDisk, 'ext4'], run: () => powerCuts('ext4', 50, seed, told) },
  { name: 'power cut on xfs', needs: [...onDisk, 'xfs'], run: () => powerCuts('xfs', 50, seed, told) },
  {
    name: 'power cut on a disk that lies',
    needs: [...onDisk, 'ext4'],
    run: () => negativeControl(5, seed, told),
  },
  { name: 'EIO on ext4', needs: [...onDisk, 'ext4'], run: () => failingDisk('ext4', 30, seed, told) },
  { name: 'EIO on xfs', needs: [...onDisk, 'xfs'], run: () => failingDisk('xfs', 15, seed, told) },
  { name: '500 frozen nodes', needs: [], run: frozen },
  ...suites.map((suite) => ({ name: suite.fault, needs: [], run: () => runSuite(suite) })),
]

const reports: FaultReport[] = []
for (const { name, needs, run } of faults) {
  if (words.length > 0 && !words.some((word) => name.includes(word))) continue
  if (lacking(name, ...needs) !== undefined) continue
  told(`\n${name}, seed ${seed}`)
  const report = await run()
  reports.push(report)
  told(table([report]))
}
told(`\n${table(reports)}`)
if (words.length === 0) {
  const file: FaultsFile = {
    day: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores, Linux ${release().split('-')[0]}, Node ${process.versions.node}`,
    seed,
    reports,
  }
  const folder = join(import.meta.dirname, '..', '..', 'docs', 'figures')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'faults.json'), `${JSON.stringify(file, null, 2)}\n`)
}
if (reports.some(({ violations }) => violations > 0)) process.exitCode = 1

async function frozen(): Promise<FaultReport> {
  await using server = await startPostgres()
  const { nodes, tasks, refused, reapedAfter } = await frozenNodes(server.url, 'frozen', 500)
  return {
    fault: '500 frozen nodes',
    how: 'rows, leases and claims of 500 nodes that renew a last time together; then all of them try to write',
    rounds: nodes,
    checked: tasks + refused,
    violations: 0,
    recovery: reapedAfter,
  }
}
