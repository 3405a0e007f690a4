import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, realpathSync, statSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const page = 4_096
const megabyte = 1_048_576

/** Bytes in addition to the size of the `-wal` file: for the deletes themselves. */
const forDeletes = 4 * megabyte
const largest = 64 * megabyte
const spareRoom = megabyte
/** Pages in the `-wal` file after which it is checkpointed. */
const mostPages = 4_000
const fewestPages = 64

/**
 * Disk space reserved by a file, and released when there is no other: a delete must be written before it frees anything. It
 * covers what a full `-wal` file can add to the database in a checkpoint, and the deletes after that.
 */
export class Reserve {
  readonly #path: string | undefined
  readonly #budget: number
  #size = 0

  /** `:memory:` has none. On a small disk, it is at most an eighth of it. */
  constructor(database: string) {
    if (database === ':memory:') {
      this.#budget = 0
      return
    }
    this.#path = `${realpathSync(database)}-reserve`
    const { blocks, bsize } = statfsSync(dirname(this.#path))
    this.#budget = Math.min(largest, Math.floor((blocks * bsize) / 8))
    this.#size = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }

  /** Pages that the `-wal` file may hold before a checkpoint: no more than the reserve has room for. */
  get checkpointAfter(): number {
    const pages = Math.floor((this.#budget - megabyte) / page)
    return this.#path === undefined ? mostPages : Math.max(fewestPages, Math.min(mostPages, pages))
  }

  /** Makes it as large as this `-wal` file requires. False if the disk has no room for it. */
  holds(walSize: number): boolean {
    return this.#grow(Math.min(this.#budget, walSize + forDeletes))
  }

  /**
   * The same on a disk that was full: there must be room for more than the reserve. It is allocated for a moment, so that
   * quotas count too.
   */
  holdsAgain(walSize: number): boolean {
    const wanted = Math.min(this.#budget, walSize + forDeletes)
    const spare = this.#grow(wanted + spareRoom)
    if (this.#size > wanted) this.#shrink(wanted)
    return spare
  }

  #grow(wanted: number): boolean {
    if (this.#path === undefined || this.#size >= wanted) return true
    const file = tryOpen(this.#path)
    // Without a file, there is no reserve.
    if (file === undefined) return true
    try {
      while (this.#size < wanted) {
        this.#size += writeSync(file, noise, 0, Math.min(noise.length, wanted - this.#size))
      }
      return true
    } catch (error) {
      return !isFull(error)
    } finally {
      closeSync(file)
    }
  }

  /** Returns the space to the disk. False if there was none. */
  giveUp(): boolean {
    return this.#size > 0 && this.#shrink(0)
  }

  #shrink(size: number): boolean {
    if (this.#path === undefined) return false
    try {
      truncateSync(this.#path, size)
      this.#size = size
      return true
    } catch {
      return false
    }
  }
}

/** Bytes that no file system can store in less space. */
const noise = randomFillSync(Buffer.allocUnsafe(megabyte / 4))

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'a', 0o600)
  } catch {
    return undefined
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}
