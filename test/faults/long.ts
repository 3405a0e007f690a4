import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '../support/postgres-server.ts'
import { seedOf } from '../support/chance.ts'
import { commitOf, thisMachine } from '../support/origin.ts'
import { lockedTables, outOfConnections, partitions, wrongClocks } from './clusters.ts'
import { failingDisk, negativeControl, powerCuts } from './disks.ts'
import { frozenNodes } from './frozen-nodes.ts'
import { lacking, type Need } from './machine.ts'
import { table, type FaultReport, type FaultsFile, type Outcome } from './report.ts'
import { runSuite, suites } from './suites.ts'

/**
 * `npm run test:faults [-- names of faults, or parts of them]`: every fault in full length, or those that are named. Each
 * renews its figures in the file from which `docs/proof.md` is written.
 */
const names = process.argv.slice(2)
const seed = seedOf('FAULTS_SEED', { long: true })
const commit = commitOf(import.meta.dirname)
const folder = join(import.meta.dirname, '..', '..', 'docs', 'figures')
const path = join(folder, 'faults.json')
const told = (line: string) => void process.stdout.write(`${line}\n`)

type Fault = Readonly<{ fault: string; how: string; needs?: readonly Need[]; run: () => Promise<Outcome> }>

const onDisk = ['root', 'loop devices', 'gcc'] as const satisfies readonly Need[]
const cut = 'a loop device is shut down without flushing, under load'
const failing = 'writes, flushes or reads fail for up to 0.8 s under load, then the power is cut'
const faults: readonly Fault[] = [
  {
    fault: 'power cut on ext4',
    how: cut,
    needs: [...onDisk, 'ext4'],
    run: () => powerCuts({ fileSystem: 'ext4', rounds: 50, seed, told }),
  },
  {
    fault: 'power cut on XFS',
    how: cut,
    needs: [...onDisk, 'xfs'],
    run: () => powerCuts({ fileSystem: 'xfs', rounds: 20, seed, told }),
  },
  {
    fault: 'negative control',
    how: 'a power cut on a disk that answers flushes without one; a violation is a cut that loses nothing',
    needs: [...onDisk, 'ext4'],
    run: () => negativeControl(5, seed, told),
  },
  {
    fault: 'EIO on ext4',
    how: failing,
    needs: [...onDisk, 'ext4'],
    run: () => failingDisk({ fileSystem: 'ext4', rounds: 15, seed, told }),
  },
  {
    fault: 'EIO on XFS',
    how: failing,
    needs: [...onDisk, 'xfs'],
    run: () => failingDisk({ fileSystem: 'xfs', rounds: 6, seed, told }),
  },
  {
    fault: '500 frozen nodes',
    how: 'the leases of 500 nodes end at once, each with 4 running tasks; then all of them try to write',
    run: frozen,
  },
  {
    fault: 'partitions',
    how: 'packets between a node and the database are dropped in its network namespace, in one direction or both, for less or more than a lease',
    needs: ['root', 'network namespaces'],
    run: () => partitions(90, seed, told),
  },
  {
    fault: 'out of connections',
    how: 'another program takes all connections of the database and ends those of the nodes',
    run: () => outOfConnections(90, seed, told),
  },
  {
    fault: 'locked tables under load',
    how: 'another session holds locks on tables or rows',
    run: () => lockedTables(90, seed, told),
  },
  {
    fault: 'wrong clocks, of processes',
    how: 'libfaketime: the wall clocks of three nodes differ by up to 400 days and are set while they work',
    needs: ['libfaketime'],
    run: () => wrongClocks(90, seed, told),
  },
  ...suites.map((suite) => ({ ...suite, run: () => runSuite(suite, told) })),
]

const reports: FaultReport[] = []
for (const { fault, how, needs = [], run } of faults) {
  if (names.length > 0 && !names.some((name) => fault.includes(name))) continue
  if (lacking(fault, ...needs) !== undefined) continue
  told(`\n${fault}, seed ${seed}`)
  const began = performance.now()
  const outcome = await outcomeOf(run)
  const seconds = Math.round((performance.now() - began) / 1_000)
  const day = new Date().toISOString().slice(0, 10)
  const report = { fault, how, day, seed, commit, seconds, ...outcome }
  told(table([report]))
  reports.push(report)
  keep(report)
}
told(`\n${table(reports)}`)
if (reports.some(({ violations }) => violations > 0)) process.exitCode = 1

/** A check that fails is a violation, and the other faults come next. */
async function outcomeOf(run: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await run()
  } catch (error) {
    told(String(error instanceof Error ? error.stack : error))
    return { rounds: 1, checked: 1, violations: 1, recovery: null }
  }
}

/** In the place of the figures of its last run. */
function keep(report: FaultReport): void {
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as FaultsFile).reports : []
  const kept = faults.flatMap(({ fault }) =>
    fault === report.fault ? [report] : before.filter((one) => one.fault === fault),
  )
  mkdirSync(folder, { recursive: true })
  const file: FaultsFile = { machine: thisMachine(), reports: kept }
  writeFileSync(path, `${JSON.stringify(file, null, 2)}\n`)
}

async function frozen(): Promise<Outcome> {
  await using server = await startPostgres()
  const { nodes, tasks, refused, reapedAfter } = await frozenNodes(server.url, 'frozen', 500)
  return { rounds: nodes, checked: tasks + refused, violations: 0, recovery: reapedAfter }
}
