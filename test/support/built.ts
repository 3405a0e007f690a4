import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { shared } from './shared.ts'

const root = join(import.meta.dirname, '../..')

const build = shared('build', async () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['tools/build.ts'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the build has failed:\n${stdout}${stderr}`)
  return {}
})

/** The package and the page as their sources are now: once for all projects of a run. */
export async function setup(): Promise<void> {
  await build.take()
}
