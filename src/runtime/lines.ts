import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** Characters of one line; a longer one is cut. Room for a result of the largest size. */
const longest = 11 * 1_048_576
/** Lines that wait; of more, the oldest are dropped. */
const most = 2_000

/** The lines of an output, gathered until they are taken. */
export class Lines {
  readonly #from: 'stdout' | 'stderr'
  readonly #decoder = new StringDecoder('utf8')
  readonly #arrived: () => void
  #rest = ''
  #lines: string[] = []
  #dropped = 0

  constructor(from: 'stdout' | 'stderr', output: Readable | null, arrived: () => void) {
    this.#from = from
    this.#arrived = arrived
    output?.on('data', (chunk: Buffer) => this.add(this.#decoder.write(chunk)))
    output?.on('error', () => undefined)
  }

  add(text: string): void {
    const parts = (this.#rest + text).split('\n')
    this.#rest = (parts.pop() ?? '').slice(0, longest)
    for (const part of parts) this.#lines.push(part.slice(0, longest))
    if (this.#lines.length > most) {
      this.#dropped += this.#lines.length - most
      this.#lines = this.#lines.slice(-most)
    }
    if (this.#lines.length > 0) this.#arrived()
  }

  /** The output is over: its last line may have no end. */
  end(): void {
    if (this.#rest !== '') this.add('\n')
  }

  take(): { from: 'stdout' | 'stderr'; lines: readonly string[]; dropped: number } {
    const taken = { from: this.#from, lines: this.#lines, dropped: this.#dropped }
    this.#lines = []
    this.#dropped = 0
    return taken
  }
}
