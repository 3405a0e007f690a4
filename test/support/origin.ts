import { execFileSync } from 'node:child_process'
import { cpus, release } from 'node:os'

/** What figures of long runs say about where they were measured. */
export function thisMachine(): string {
  return `${cpus().length} cores, Linux ${release().split('-')[0]}, Node ${process.versions.node}`
}

/** The commit that is checked out in this folder. */
export function commitOf(folder: string): string {
  return execFileSync('git', ['-C', folder, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
}
