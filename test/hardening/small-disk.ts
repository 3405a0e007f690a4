import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for a database whose disk can be filled and freed by means of the operating system. */
export interface SmallDisk extends Disposable {
  readonly kind: 'file system' | 'limit'
  readonly directory: string
  /** A server on this disk must be started by this command. */
  readonly under: readonly string[]
  fill(pid: number): void
  free(pid: number): void
}

/** Both kinds, or only the one without privileges if nothing can be mounted. */
export function smallDisks(): readonly (() => SmallDisk)[] {
  return canMount() ? [mounted, limited] : [limited]
}

/** A small file system in memory: the database gets `no space left on device`. */
function mounted(): SmallDisk {
  const root = mkdtempSync(join(tmpdir(), 'fermata-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'fermata', root])
  const directory = join(root, 'data')
  mkdirSync(directory)
  const ballast = join(root, 'ballast')
  return {
    kind: 'file system',
    directory,
    under: [],
    fill() {
      const file = openSync(ballast, 'w')
      for (const size of [65_536, 4_096, 1]) {
        try {
          for (;;) if (writeSync(file, Buffer.alloc(size)) < size) break
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        }
      }
      closeSync(file)
    },
    free: () => rmSync(ballast),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', root])
      rmSync(root, { recursive: true, force: true })
    },
  }
}

/** A file size limit of zero: every write fails, which the database reports as an I/O error. */
function limited(): SmallDisk {
  const directory = mkdtempSync(join(tmpdir(), 'fermata-disk-'))
  const limit = (pid: number, bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
  return {
    kind: 'limit',
    directory,
    // Ignore the signal, which would end the process, so that the write fails instead.
    under: ['sh', '-c', 'trap "" XFSZ; exec "$@"', 'sh'],
    fill: (pid) => limit(pid, 0),
    free: (pid) => limit(pid, 'unlimited'),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function canMount(): boolean {
  const root = mkdtempSync(join(tmpdir(), 'fermata-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'fermata', root], { stdio: 'ignore' })
    execFileSync('umount', [root])
    return true
  } catch {
    return false
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
