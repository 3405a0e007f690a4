import { styleText } from 'node:util'
import type { WriteStream } from 'node:tty'

export type Style = Parameters<typeof styleText>[0]

/** Of a pipe or a file: nothing is cut there. */
const unbounded = 100_000

/** One of the two outputs, which may be a terminal, a pipe or a file. */
export class Terminal {
  readonly #stream: WriteStream

  constructor(stream: WriteStream) {
    this.#stream = stream
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader has seen enough, as `head` does.
      if (error.code === 'EPIPE') process.exit()
      throw error
    })
  }

  /** Whether lines that were written can be drawn anew. */
  get isLive(): boolean {
    return this.#stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  get columns(): number {
    return this.#stream.isTTY ? Math.max(20, this.#stream.columns) : unbounded
  }

  get rows(): number {
    return this.#stream.isTTY ? Math.max(3, this.#stream.rows) : unbounded
  }

  /** Colour, where it is wanted: `NO_COLOR`, `FORCE_COLOR` and pipes are respected. */
  paint(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stream })
  }

  /** Resolves when there is room for more. */
  write(text: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stream.write(text)) resolve()
      else this.#stream.once('drain', resolve)
    })
  }

  print(line: string): Promise<void> {
    return this.write(`${line}\n`)
  }

  onResize(listener: () => void): Disposable {
    this.#stream.on('resize', listener)
    return { [Symbol.dispose]: () => this.#stream.off('resize', listener) }
  }
}
