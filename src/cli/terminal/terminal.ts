import { styleText } from 'node:util'
import type { WriteStream } from 'node:tty'
import { SafeText, safeText } from './text.ts'

export type Style = Parameters<typeof styleText>[0]

/** Width for pipes and files: nothing is cut there. */
const unbounded = 100_000

/** Standard output or standard error, which may be a terminal, a pipe or a file. */
export class Terminal {
  readonly #stream: WriteStream

  constructor(stream: WriteStream) {
    this.#stream = stream
  }

  /** Whether it is a terminal. */
  get isTerminal(): boolean {
    return this.#stream.isTTY
  }

  /** Whether written lines can be redrawn. */
  get isLive(): boolean {
    return this.#stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  get columns(): number {
    return this.#stream.isTTY ? Math.max(20, this.#stream.columns) : unbounded
  }

  get rows(): number {
    return this.#stream.isTTY ? Math.max(3, this.#stream.rows) : unbounded
  }

  /** Color, if wanted: respects `NO_COLOR`, `FORCE_COLOR` and pipes. */
  paint(style: Style, text: SafeText | string): SafeText {
    return SafeText.trusted(styleText(style, safeText(text).text, { stream: this.#stream }))
  }

  /** Resolves when it is written or cannot be written; `watchOutputs` decides what happens then. */
  write({ text }: SafeText): Promise<void> {
    return this.writeExactly(text)
  }

  /** Text from elsewhere, byte for byte: for pipes and files only. */
  writeExactly(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.write(text, () => resolve())
    })
  }

  /** Prints a line; the text is made visible unless it is safe already. */
  print(line: SafeText | string): Promise<void> {
    return this.writeExactly(`${safeText(line).text}\n`)
  }

  onResize(listener: () => void): Disposable {
    this.#stream.on('resize', listener)
    return { [Symbol.dispose]: () => this.#stream.off('resize', listener) }
  }
}
