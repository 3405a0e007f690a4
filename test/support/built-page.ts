import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The page as its sources are now: once for all tests of a project. */
export function setup(): void {
  const vite = join(root, 'node_modules', '.bin', 'vite')
  const { status, stdout, stderr } = spawnSync(vite, ['build', 'dashboard', '--logLevel', 'warn'], {
    cwd: root,
    encoding: 'utf8',
    // The runner of tests has made it another one, and the page would be built for developers.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) throw new Error(`the page cannot be built:\n${stdout}${stderr}`)
}
