import { execFile } from 'node:child_process'
import { copyFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const folder = join(import.meta.dirname, '../package/generators')
const installed = join(folder, 'node_modules', '.installed.json')

/** The path within a package of `test/package/generators`. */
export const generator = (...path: readonly string[]): string => join(folder, 'node_modules', ...path)

/** Installs them, unless they are there as the lock file says. */
export async function setup(): Promise<void> {
  const lock = join(folder, 'package-lock.json')
  const there = await readFile(installed, 'utf8').catch(() => '')
  if (there === (await readFile(lock, 'utf8'))) return
  const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']
  await promisify(execFile)('npm', ['ci', ...options], { cwd: folder })
  await copyFile(lock, installed)
}
