import { writeSync } from 'node:fs'

/** Maximum bytes to keep for an output that accepts nothing. */
const longest = 1_048_576
const tryAgainAfter = 100

/**
 * The log output. It never throws and never blocks: on a full disk, or with a slow reader, lines are kept up to a limit and
 * then dropped, because tasks matter more than the log.
 */
export class Output {
  readonly #write: (bytes: Uint8Array) => number
  #waiting = Buffer.alloc(0)
  #leftOut = 0
  #timer: NodeJS.Timeout | undefined

  /** `write` returns the number of bytes written, like that of a file descriptor. */
  constructor(write: (bytes: Uint8Array) => number = (bytes) => writeSync(1, bytes)) {
    this.#write = write
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#waiting.length + bytes.length > longest) this.#leftOut += 1
    else this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes])
    // The timer retries what cannot be written, not every line.
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
