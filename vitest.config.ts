import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Real processes and real waits have their own projects; the rest runs on a clock of its own. */
const project = (name: string, include: string[], globalSetup: string[] = [], setupFiles: string[] = []) => ({
  test: {
    name,
    include,
    globalSetup,
    setupFiles,
    pool: 'forks' as const,
    // Only a hang takes so long: each wait inside a test gives up after a minute and says what it waited for.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
  },
})

const postgres = ['test/support/postgres-server.ts']
const everyPostgres = ['test/support/every-postgres.ts']

/** The tests of the API, which run on both databases. */
const api = 'client,events,logs,nodes,options,queue,requests,tasks,waiting,walk'

export default defineConfig({
  test: {
    // Most of the time they wait: two at once even where there are two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      project('unit', [
        'src/**/*.test.ts',
        'dashboard/src/**/*.test.ts',
        'test/*.test.ts',
        'test/engine/**/*.test.ts',
      ]),
      project('conformance', ['test/conformance/**/*.test.ts', 'test/model/**/*.test.ts'], everyPostgres),
      project('runtime', ['test/execution/**/*.test.ts'], postgres),
      project('cluster', ['test/cluster/**/*.test.ts'], postgres),
      project('e2e', ['test/e2e/**/*.test.ts']),
      project('e2e-postgres', [`test/e2e/{${api}}.test.ts`], postgres, ['test/support/on-postgres.ts']),
      project('package', ['test/package/**/*.test.ts']),
      project('browser', ['test/browser/**/*.test.ts'], [...postgres, 'test/support/built-page.ts']),
      project('hardening', ['test/hardening/**/*.test.ts']),
      project('crash', ['test/crash/**/*.test.ts']),
      ...(process.env['TEST_CANARY'] === undefined
        ? []
        : [project('canary', ['test/fixtures/canary.ts'], postgres)]),
      project('chaos', ['test/chaos/**/*.test.ts']),
    ],
  },
})
