import { closeSync, fsyncSync, openSync, readSync, realpathSync, statSync, writeSync } from 'node:fs'
import { StoreLost } from '../../core/errors.ts'

type Seen = Readonly<{ path: string; inode: number; device: number }>

/**
 * The files of an open database, by identity and not by name. Once a name refers to another file, writes go to files that
 * vanish with the process, and nothing else would notice.
 */
export class Files {
  readonly #path: string
  readonly #seen: readonly Seen[]

  /** For a database that is open and so has a `-wal` file. */
  constructor(path: string) {
    this.#path = path
    this.#seen =
      path === ':memory:' ? [] : [seen(path), seen(walOf(path))].filter((file) => file !== undefined)
  }

  /** Undefined while all names refer to the open files. Costs a few microseconds. */
  get loss(): StoreLost | undefined {
    for (const { path, inode, device } of this.#seen) {
      const now = seen(path)
      if (now?.inode === inode && now.device === device) continue
      const what = now === undefined ? 'was removed or moved' : 'was replaced'
      return new StoreLost(
        `The file ${path} ${what} while the database ${this.#path} was open. All writes are refused. Put the files back, or stop the server, restore a backup and start it again.`,
        { unknown: false },
      )
    }
    return undefined
  }

  /** Bytes of the `-wal` file. */
  get walSize(): number {
    const wal = this.#seen[1]
    return wal === undefined ? 0 : (statSync(wal.path, { throwIfNoEntry: false })?.size ?? 0)
  }
}

function seen(path: string): Seen | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? undefined : { path, inode: found.ino, device: found.dev }
}

/** SQLite puts it next to the file to which a link points. */
function walOf(path: string): string {
  return `${realpathSync(path)}-wal`
}

const chunk = 1_048_576

/**
 * Writes the `-wal` file of a database that is not open over itself, and flushes it. After a failed flush, the operating system
 * shows bytes that it has given up writing: later commits would be flushed behind a gap, and lost with it in a power cut.
 */
export function rewriteLog(path: string): void {
  const wal = walOf(path)
  const size = statSync(wal, { throwIfNoEntry: false })?.size
  if (size === undefined) return
  const file = openSync(wal, 'r+')
  try {
    const bytes = Buffer.allocUnsafe(Math.min(chunk, size))
    for (let at = 0; at < size;) {
      const read = readSync(file, bytes, 0, bytes.length, at)
      if (read === 0) break
      for (let done = 0; done < read;) done += writeSync(file, bytes, done, read - done, at + done)
      at += read
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
