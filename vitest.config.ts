import { defineConfig } from 'vitest/config'

/** Real processes and real waits have their own projects; the rest runs on a clock of its own. */
const project = (name: string, include: string[], testTimeout = 10_000, globalSetup: string[] = []) => ({
  test: { name, include, testTimeout, globalSetup, hookTimeout: 30_000, pool: 'forks' as const },
})

const postgres = ['test/support/postgres-server.ts']

export default defineConfig({
  test: {
    projects: [
      project('unit', [
        'src/**/*.test.ts',
        'dashboard/src/**/*.test.ts',
        'test/*.test.ts',
        'test/manager/**/*.test.ts',
      ]),
      project('conformance', ['test/conformance/**/*.test.ts', 'test/model/**/*.test.ts'], 120_000, postgres),
      project('runtime', ['test/runtime/**/*.test.ts'], 30_000, postgres),
      project('cluster', ['test/cluster/**/*.test.ts'], 60_000, postgres),
      project('e2e', ['test/e2e/**/*.test.ts'], 30_000),
      project('package', ['test/package/**/*.test.ts'], 120_000),
      project('browser', ['test/browser/**/*.test.ts'], 120_000, [...postgres, 'test/support/built-page.ts']),
      project('hardening', ['test/hardening/**/*.test.ts'], 300_000),
      project('crash', ['test/crash/**/*.test.ts'], 300_000),
    ],
  },
})
