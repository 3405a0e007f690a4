import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from './report.ts'

const root = join(import.meta.dirname, '..', '..')

/** Faults that have their tests in the gate. A round is one of these tests. */
export const suites = [
  {
    fault: 'kill -9',
    how: 'a server under load is killed again and again',
    files: ['crash/crash'],
  },
  {
    fault: 'full disk',
    how: 'a file system in memory without room, and a limit on the size of files',
    files: ['hardening/full-disk', 'hardening/disk'],
  },
  {
    fault: 'lost or replaced database file',
    how: 'files are removed, moved, replaced and damaged while they are open',
    files: ['hardening/lost-file'],
  },
  {
    fault: 'frozen processes',
    how: '`SIGSTOP` for longer than a lease, with handlers of every kind; a blocked main thread',
    files: ['cluster/frozen', 'cluster/lease-renewal'],
  },
  {
    fault: 'database stopped',
    how: 'an immediate shutdown of PostgreSQL under load; commits and their answers lost on the line',
    files: ['cluster/processes', 'cluster/doubt'],
  },
  {
    fault: 'database failed over',
    how: '`kill -9` of a primary with a synchronous standby, which is promoted',
    files: ['cluster/failover', 'chaos/failover'],
  },
  {
    fault: 'everything at once',
    how: 'kills, drains, frozen nodes and database outages on three nodes at random',
    files: ['chaos/chaos'],
  },
  {
    fault: 'locked tables',
    how: 'rows and tables that another session holds; statements that take too long; hostile settings of a role',
    files: ['cluster/locked', 'cluster/trouble', 'cluster/readiness', 'cluster/settings'],
  },
  {
    fault: 'wrong clocks, in the program',
    how: 'clocks that are off by a week, and clocks that are set while tasks wait',
    files: ['cluster/clocks', 'engine/clocks'],
  },
  {
    fault: 'killed process groups',
    how: 'nodes, supervisors and hosts of threads are killed and stopped, alone and together',
    files: ['execution/leftovers', 'execution/trouble'],
  },
  {
    fault: 'faulty handlers',
    how: 'errors that nothing can catch, exits, and tasks that kill their server',
    files: ['e2e/faults', 'e2e/poison'],
  },
  {
    fault: 'hostile HTTP',
    how: 'invalid and cut-off requests, fuzzed bodies, thousands of slow connections, foreign pages',
    files: [
      'hardening/sockets',
      'hardening/fuzz',
      'hardening/crowd',
      'hardening/streams',
      'hardening/safety',
      'hardening/origins',
    ],
  },
] as const

export type Suite = (typeof suites)[number]

type Results = Readonly<{
  numTotalTests: number
  numPassedTests: number
  testResults: readonly Readonly<{
    name: string
    message: string
    assertionResults: readonly Readonly<{ status: string; fullName: string; failureMessages: string[] }>[]
  }>[]
}>

/** Runs the tests of a fault. */
export async function runSuite({ files }: Suite, told: (line: string) => void): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-faults-'))
  const output = join(folder, 'results.json')
  const paths = files.map((file) => `test/${file}.test.ts`)
  const runner = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [runner, 'run', '--reporter=json', `--outputFile=${output}`, ...paths]
  try {
    await new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
      child.on('error', reject)
      child.on('close', resolve)
    })
    const results = JSON.parse(readFileSync(output, 'utf8')) as Results
    const { numTotalTests: rounds, numPassedTests: passed } = results
    for (const { name, message, assertionResults } of results.testResults) {
      if (message !== '') told(`${name}: ${message}`)
      for (const { status, fullName, failureMessages } of assertionResults)
        if (status !== 'passed') told(`${status}: ${fullName}: ${failureMessages.join('\n')}`)
    }
    // Nothing is skipped here, and a file that cannot be loaded has no tests.
    const violations = rounds === 0 ? 1 : rounds - passed
    return { rounds, checked: rounds, violations, recovery: null }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
