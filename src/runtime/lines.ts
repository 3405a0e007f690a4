import { StringDecoder } from 'node:string_decoder'
import { head } from '../core/text.ts'

/** Characters of one line; a longer one is cut. Room for a result of the largest size. */
const longest = 11 * 1_048_576

/** Splits an output into lines, whatever pieces it comes in; its work grows with the output, never with the square of a line. */
export class Lines {
  readonly #decoder = new StringDecoder('utf8')
  readonly #line: (text: string, cut: boolean) => void
  #pieces: string[] = []
  #length = 0
  #cut = false

  /** `cut`: the line was too long, and this is its beginning. */
  constructor(line: (text: string, cut: boolean) => void) {
    this.#line = line
  }

  add(chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      this.#append(text.slice(from, end))
      this.#complete()
      from = end + 1
    }
    this.#append(text.slice(from))
  }

  /** The output is over: its last line may have no end. */
  end(): void {
    this.#append(this.#decoder.end())
    if (this.#length > 0) this.#complete()
  }

  #append(piece: string): void {
    const room = longest - this.#length
    if (piece.length > room) this.#cut = true
    const kept = this.#cut ? head(piece, room) : piece
    if (kept === '') return
    this.#pieces.push(kept)
    this.#length += kept.length
  }

  #complete(): void {
    const text = this.#pieces.join('')
    const cut = this.#cut
    this.#pieces = []
    this.#length = 0
    this.#cut = false
    this.#line(text, cut)
  }
}
