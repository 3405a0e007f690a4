import { execFile } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const described = join(import.meta.dirname, '../package/generators')
/** Where no tool looks for sources of this repository. */
const folder = join(import.meta.dirname, '../../node_modules/.cache/generators')

/** The path within a package of `test/package/generators`. */
export const generator = (...path: readonly string[]): string => join(folder, 'node_modules', ...path)

/** Installs them, unless they are there as the lock file says. */
export async function setup(): Promise<void> {
  const wanted = await readFile(join(described, 'package-lock.json'), 'utf8')
  const installed = join(folder, 'installed.json')
  if ((await readFile(installed, 'utf8').catch(() => '')) === wanted) return
  await cp(described, folder, { recursive: true })
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await promisify(execFile)('npm', ['ci', ...options], { cwd: folder })
  await writeFile(installed, wanted)
}
