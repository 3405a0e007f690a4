import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, realpathSync, statSync, statfsSync, truncateSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

const page = 4_096
const megabyte = 1_048_576

/** Bytes beyond what is in the `-wal` file: for the deletes themselves. */
const forDeletes = 4 * megabyte
const largest = 64 * megabyte
const spareRoom = megabyte
/** Pages in the `-wal` file after which they are moved to the database. */
const mostPages = 4_000
const fewestPages = 64

/**
 * Room on the disk that is held by a file, and given up when there is no other: a delete has to be written before it frees
 * anything. It covers what a full `-wal` file can add to the database when it is moved there, and the deletes after that.
 */
export class Reserve {
  readonly #path: string | undefined
  readonly #budget: number
  #size = 0

  /** Of `:memory:` there is none. On a small disk it is an eighth of it at most. */
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

  /** Pages that the `-wal` file may hold before they are moved: no more than the reserve has room for. */
  get checkpointAfter(): number {
    const pages = Math.floor((this.#budget - megabyte) / page)
    return this.#path === undefined ? mostPages : Math.max(fewestPages, Math.min(mostPages, pages))
  }

  /** Makes it as large as this `-wal` file asks for. False when the disk has no room for it. */
  holds(walSize: number): boolean {
    return this.#grow(Math.min(this.#budget, walSize + forDeletes))
  }

  /** The same on a disk that was full: there must be room for more than the reserve. It is taken for a moment, so that quotas count too. */
  holdsAgain(walSize: number): boolean {
    const wanted = Math.min(this.#budget, walSize + forDeletes)
    const spare = this.#grow(wanted + spareRoom)
    if (this.#size > wanted) this.#shrink(wanted)
    return spare
  }

  #grow(wanted: number): boolean {
    if (this.#path === undefined || this.#size >= wanted) return true
    const file = tryOpen(this.#path)
    // Where no file can be made there is none.
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

  /** Gives the room back to the disk. False when there was none. */
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

/** Nothing that a file system could store in less room. */
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
