import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Real processes and real waits have their own projects; the rest runs on a clock of its own. */
const project = (
  name: string,
  include: string[],
  testTimeout = 10_000,
  globalSetup: string[] = [],
  setupFiles: string[] = [],
) => ({
  test: { name, include, testTimeout, globalSetup, setupFiles, hookTimeout: 30_000, pool: 'forks' as const },
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
        'test/manager/**/*.test.ts',
      ]),
      project(
        'conformance',
        ['test/conformance/**/*.test.ts', 'test/model/**/*.test.ts'],
        120_000,
        everyPostgres,
      ),
      project('runtime', ['test/runtime/**/*.test.ts'], 30_000, postgres),
      project('cluster', ['test/cluster/**/*.test.ts'], 180_000, postgres),
      project('e2e', ['test/e2e/**/*.test.ts'], 30_000),
      project('e2e-postgres', [`test/e2e/{${api}}.test.ts`], 120_000, postgres, [
        'test/support/on-postgres.ts',
      ]),
      project('package', ['test/package/**/*.test.ts'], 120_000),
      project('browser', ['test/browser/**/*.test.ts'], 120_000, [...postgres, 'test/support/built-page.ts']),
      project('hardening', ['test/hardening/**/*.test.ts'], 300_000),
      project('crash', ['test/crash/**/*.test.ts'], 300_000),
      ...(process.env['TEST_CANARY'] === undefined
        ? []
        : [project('canary', ['test/fixtures/canary.ts'], 10_000, postgres)]),
      project('chaos', ['test/chaos/**/*.test.ts'], 300_000),
    ],
  },
})
