import { StringDecoder } from 'node:string_decoder'
import { head, tail } from '../../../core/text.ts'

/** Characters of one line; a longer one is cut. Room for a result of the largest size. */
const longest = 11 * 1_048_576

/** Characters that are kept of what is drawn again and again in one line, more than anybody is shown of it. */
const drawn = 131_072

/** The newest of what was drawn over each other in one line with carriage returns. */
export function lastDrawn(text: string): string {
  let end = text.length
  while (text[end - 1] === '\r') end--
  return text.slice(text.lastIndexOf('\r', end - 1) + 1, end)
}

/** Splits an output into lines, whatever pieces it comes in; its work grows with the output, never with the square of a line. */
export class Lines {
  readonly #decoder = new StringDecoder('utf8')
  readonly #line: (text: string, cut: boolean, ended: boolean) => void
  #pieces: string[] = []
  #length = 0
  #cut = false
  #isDrawn = false

  /** `cut`: the line was too long, and this is its beginning. `ended`: by a line feed, and not by the end of the output. */
  constructor(line: (text: string, cut: boolean, ended: boolean) => void) {
    this.#line = line
  }

  add(chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    let from = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      this.#append(text.slice(from, end))
      this.#complete(true)
      from = end + 1
    }
    this.#append(text.slice(from))
  }

  /** What a line that has not ended shows so far, if it is drawn with carriage returns, as bars of progress are. */
  get drawn(): string | undefined {
    if (!this.#isDrawn) return undefined
    this.#pieces = [this.#pieces.join('')]
    return lastDrawn(this.#pieces[0] ?? '')
  }

  /** The output is over: its last line may have no end. */
  end(): void {
    this.#append(this.#decoder.end())
    if (this.#length > 0) this.#complete(false)
  }

  #append(piece: string): void {
    this.#isDrawn ||= piece.includes('\r')
    if (this.#isDrawn && this.#length > drawn) this.#shorten()
    const room = longest - this.#length
    if (piece.length > room) this.#cut = true
    const kept = this.#cut ? head(piece, room) : piece
    if (kept === '') return
    this.#pieces.push(kept)
    this.#length += kept.length
  }

  /** A bar that is drawn for hours: only its end is of use. */
  #shorten(): void {
    const kept = tail(this.#pieces.join(''), drawn / 2)
    this.#pieces = [kept]
    this.#length = kept.length
  }

  #complete(ended: boolean): void {
    const text = this.#pieces.join('')
    const cut = this.#cut
    this.#pieces = []
    this.#length = 0
    this.#cut = false
    this.#isDrawn = false
    this.#line(text, cut, ended)
  }
}
