import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Writes files derived from the code, by path. With `--check` it only compares, and fails on stale ones. */
export function keep(files: Readonly<Record<string, () => string>>): void {
  const check = process.argv.includes('--check')
  const stale = Object.entries(files).filter(([path, file]) => {
    const wanted = file()
    if (present(path) === wanted) return false
    if (!check) writeFileSync(join(root, path), wanted)
    return true
  })
  if (!check || stale.length === 0) return
  console.error(`${stale.map(([path]) => path).join(', ')}: out of date; run "npm run docs"`)
  process.exitCode = 1
}

function present(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return undefined
  }
}
