import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Compiled modules, which the many processes of the tests share. */
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled')

/** Real processes and real waits have their own projects; the rest runs on a clock of its own. */
const project = (name: string, include: string[], globalSetup: string[] = [], setupFiles: string[] = []) => ({
  test: {
    name,
    include,
    globalSetup,
    setupFiles,
    pool: 'forks' as const,
    // Only a hang takes so long: each wait inside a test gives up after a minute and says what it waited for.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    expect: { poll: { timeout: 60_000 } },
  },
})

/** Files that leave nothing behind share processes: starting one for each costs half a second of processor time. */
const withoutIsolation = ({ test }: ReturnType<typeof project>) => ({ test: { ...test, isolate: false } })

const postgres = ['test/support/postgres-server.ts']
const everyPostgres = ['test/support/every-postgres.ts']
const built = ['test/support/built.ts']
const chromium = ['test/support/chromium.ts']

/** The tests of the API whose answers depend on the store, which run on both databases. */
const api =
  'access,audit,encryption,events,logs,metrics,nodes,options,queue,rate-limits,redaction,tasks,tracing,waiting'

/**
 * Files that take long, the longest first: they begin first, so that nobody waits for one of them at the end. Beside one that
 * computes are some that wait.
 */
const long = [
  'conformance/suite-shared',
  'chaos/chaos',
  'browser/pages',
  'cluster/lease-renewal',
  'hardening/memory',
  'execution/threads',
  'cluster/frozen',
  'execution/orders',
  'cluster/processes',
  'model/model',
  'hardening/fuzz',
  'e2e/cli',
  'cluster/webhooks',
  'hardening/cardinality',
  'e2e/cli-terminal',
  'cluster/dependencies',
  'e2e/backup',
  'cluster/trouble',
  'cluster/limits',
  'browser/prefix',
  'cluster/workers',
  'e2e/steps',
  'e2e/process',
  'execution/trouble',
  'crash/crash',
  'faults/power-cuts',
  'chaos/failover',
  'e2e/queue',
  'browser/walk',
  'browser/languages',
  'execution/commands',
  'package/package',
]

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const index = long.findIndex((name) => moduleId.endsWith(`test/${name}.test.ts`))
      if (index !== -1) return index
      return project.name === 'unit' ? long.length + 1 : long.length
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    // Most of the time they wait: more at once than there are processors.
    maxWorkers: 5,
    sequence: { sequencer: LongFirst },
    projects: [
      withoutIsolation(
        project('unit', [
          'src/**/*.test.ts',
          'dashboard/src/**/*.test.ts',
          'test/*.test.ts',
          'test/engine/**/*.test.ts',
          'test/simulation/**/*.test.ts',
        ]),
      ),
      project('conformance', ['test/conformance/**/*.test.ts', 'test/model/**/*.test.ts'], everyPostgres),
      project('runtime', ['test/execution/**/*.test.ts'], postgres),
      withoutIsolation(project('cluster', ['test/cluster/**/*.test.ts'], postgres)),
      withoutIsolation(project('e2e', ['test/e2e/**/*.test.ts'], chromium)),
      withoutIsolation(
        project('e2e-postgres', [`test/e2e/{${api}}.test.ts`], postgres, ['test/support/on-postgres.ts']),
      ),
      project('package', ['test/package/*.test.ts'], [...built, 'test/support/generators.ts']),
      project('browser', ['test/browser/**/*.test.ts'], [...postgres, ...built, ...chromium]),
      withoutIsolation(project('hardening', ['test/hardening/**/*.test.ts'], built)),
      project('crash', ['test/crash/**/*.test.ts']),
      ...(process.env['TEST_CANARY'] === undefined
        ? []
        : [project('canary', ['test/fixtures/canary.ts'], postgres)]),
      project('chaos', ['test/chaos/**/*.test.ts']),
      project('faults', ['test/faults/**/*.test.ts']),
    ],
  },
})
