import type { Terminal } from './terminal.ts'
import { stripVTControlCharacters } from 'node:util'
import { safeText, SafeText } from './text.ts'
import { widthOf } from './width.ts'

/** Escape sequences. A frame between `begin` and `end` is displayed at once if the terminal supports it. */
const codes = {
  begin: '\u001B[?2026h',
  end: '\u001B[?2026l',
  hide: '\u001B[?25l',
  show: '\u001B[?25h',
  restOfLine: '\u001B[K',
  restOfScreen: '\u001B[J',
  enter: '\u001B[?1049h',
  leave: '\u001B[?1049l',
  home: '\u001B[H',
} as const

/**
 * Lines at the bottom of the terminal that are redrawn; or, with `whole`, a separate screen that leaves no trace. No line
 * may be wider than the terminal.
 */
export class Live implements Disposable {
  readonly #terminal: Terminal
  readonly #whole: boolean
  #drawn: readonly SafeText[] = []
  readonly #restore = () => {
    this.#write(this.#whole ? codes.show + codes.leave : codes.show)
  }

  constructor(terminal: Terminal, whole = false) {
    this.#terminal = terminal
    this.#whole = whole
    this.#write(whole ? codes.enter + codes.hide : codes.hide)
    process.once('exit', this.#restore)
  }

  /** Replaces the previous lines with these. */
  draw(lines: readonly (SafeText | string)[]): void {
    const fitting = lines.slice(0, this.#terminal.rows - (this.#whole ? 0 : 1)).map(safeText)
    const isDrawn = fitting.every(({ text }, index) => text === this.#drawn[index]?.text)
    if (isDrawn && fitting.length === this.#drawn.length) return
    const body = fitting.map(({ text }) => text + codes.restOfLine).join('\n')
    const text = this.#whole ? codes.home + body : this.#back() + body + (fitting.length === 0 ? '' : '\n')
    this.#drawn = fitting
    this.#write(codes.begin + text + codes.restOfScreen + codes.end)
  }

  /** Redraws the same lines after the size of the terminal has changed. */
  refresh(lines: readonly (SafeText | string)[]): void {
    if (this.#whole) this.#drawn = []
    this.draw(lines)
  }

  /** Prints permanent lines above the redrawn ones. */
  print(line: SafeText | string): void {
    const drawn = this.#drawn
    this.#write(`${this.#back()}${safeText(line).text}${codes.restOfLine}\n${codes.restOfScreen}`)
    this.#drawn = []
    this.draw(drawn)
  }

  /** Keeps the last frame. */
  [Symbol.dispose](): void {
    process.off('exit', this.#restore)
    this.#restore()
  }

  /** Moves to the first redrawn line; a terminal that became narrower has wrapped the lines. */
  #back(): string {
    const { columns } = this.#terminal
    const rows = this.#drawn.map(({ text }) =>
      Math.max(1, Math.ceil(widthOf(stripVTControlCharacters(text)) / columns)),
    )
    const up = rows.reduce((sum, count) => sum + count, 0)
    return up === 0 ? '\r' : `\r\u001B[${up}A`
  }

  /** Wraps safe text in escape sequences of our own. */
  #write(text: string): void {
    void this.#terminal.write(SafeText.trusted(text))
  }
}
