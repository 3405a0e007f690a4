import { writeSync } from 'node:fs'

/** Bytes that are kept for an output that takes nothing now. */
const longest = 1_048_576
const tryAgainAfter = 100

/**
 * Where the log goes. It never throws and never waits: on a full disk, or before a reader that is too slow, lines are kept up
 * to a bound and then left out, because the tasks matter more than the log does.
 */
export class Output {
  readonly #write: (bytes: Uint8Array) => number
  #waiting = Buffer.alloc(0)
  #leftOut = 0
  #timer: NodeJS.Timeout | undefined

  /** `write` answers how many bytes it took, like that of a file descriptor. */
  constructor(write: (bytes: Uint8Array) => number = (bytes) => writeSync(1, bytes)) {
    this.#write = write
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#waiting.length + bytes.length > longest) this.#leftOut += 1
    else this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes])
    // What cannot be written is tried again by the timer, not with every line.
    if (this.#timer === undefined) this.#flush()
  }

  #flush(): void {
    this.#timer = undefined
    try {
      while (this.#waiting.length > 0) this.#waiting = this.#waiting.subarray(this.#write(this.#waiting))
    } catch {
      this.#timer = setTimeout(() => this.#flush(), tryAgainAfter).unref()
      return
    }
    if (this.#leftOut === 0) return
    const message = `${this.#leftOut} lines of the log were left out: its output took nothing`
    this.#leftOut = 0
    this.write(`${JSON.stringify({ level: 40, time: Date.now(), msg: message })}\n`)
  }
}
