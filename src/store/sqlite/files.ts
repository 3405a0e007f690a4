import { realpathSync, statSync } from 'node:fs'
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
