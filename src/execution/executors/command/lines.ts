import { StringDecoder } from 'node:string_decoder'
import { head, tail } from '../../../core/text.ts'

/** Maximum characters of a line; a longer one is cut. Large enough for a result of the maximum size. */
const longest = 11 * 1_048_576

/** Characters to keep of a line that is redrawn, more than anyone is shown of it. */
const drawn = 131_072

/** The latest state of a line that was redrawn with carriage returns. */
export function lastDrawn(text: string): string {
  let end = text.length
  while (text[end - 1] === '\r') end--
  return text.slice(text.lastIndexOf('\r', end - 1) + 1, end)
}

/** Splits output into lines, whatever chunks it arrives in; its work grows linearly with the output. */
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

  /** What an unfinished line shows so far if it is redrawn with carriage returns, like progress bars. */
  get drawn(): string | undefined {
    if (!this.#isDrawn) return undefined
    this.#pieces = [this.#pieces.join('')]
    return lastDrawn(this.#pieces[0] ?? '')
  }

  /** The output has ended: its last line may have no line feed. */
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

  /** A bar that is redrawn for hours: only its end matters. */
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
