import { spawn, type IPty } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { join } from 'node:path'
import { programEnv } from './server.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

export type ScreenOptions = Readonly<{
  columns?: number
  rows?: number
  env?: Readonly<Record<string, string>>
  /** Instead of the program itself. */
  command?: readonly [string, ...string[]]
}>

/** Part of a line with the same style: colors as palette numbers. */
export type Span = Readonly<{
  text: string
  colour: number | null
  bold: boolean
  dim: boolean
  inverse: boolean
}>

/** The program in a pseudo-terminal, and what a person sees there. */
export class Screen implements AsyncDisposable {
  readonly #terminal: xterm.Terminal
  readonly #pty: IPty
  readonly ended: Promise<number>
  /** All output of the program. */
  written = ''

  constructor(args: readonly string[], { columns = 100, rows = 24, env = {}, command }: ScreenOptions = {}) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 10_000 })
    const [file, ...rest] = command ?? [process.execPath, '--conditions=fermata-source', main, ...args]
    this.#pty = spawn(file, rest, {
      name: 'xterm-256color',
      cols: columns,
      rows,
      env: { HOME: '/nonexistent', ...programEnv, ...env },
    })
    this.#pty.onData((data) => {
      this.written += data
      this.#terminal.write(data)
    })
    this.#terminal.onData((data) => this.#pty.write(data))
    this.ended = new Promise((resolve) => {
      // The terminal renders when it has time: the last output must be visible then, too.
      this.#pty.onExit(({ exitCode }) => this.#terminal.write('', () => resolve(exitCode)))
    })
  }

  get pid(): number {
    return this.#pty.pid
  }

  /** The visible text, without trailing spaces. */
  get text(): string {
    return this.#lines()
      .map((line) => line.translateToString(true, 0, this.#terminal.cols))
      .join('\n')
      .trimEnd()
  }

  /** The same with colors. */
  get spans(): Span[][] {
    return this.#lines().map((line) => {
      const spans: Span[] = []
      for (let column = 0; column < this.#terminal.cols; column++) {
        const cell = line.getCell(column)
        if (cell === undefined || cell.getWidth() === 0) continue
        const look = {
          colour: cell.isFgDefault() ? null : cell.getFgColor(),
          bold: cell.isBold() !== 0,
          dim: cell.isDim() !== 0,
          inverse: cell.isInverse() !== 0,
        }
        const text = cell.getChars() || ' '
        const last = spans.at(-1)
        const isSame =
          last !== undefined &&
          Object.entries(look).every(([key, value]) => last[key as keyof Span] === value)
        if (isSame) spans[spans.length - 1] = { ...last, text: last.text + text }
        else spans.push({ ...look, text })
      }
      return spans
    })
  }

  type(keys: string): void {
    this.#pty.write(keys)
  }

  /** Closes the window. */
  hangUp(): void {
    ;(this.#pty as IPty & { destroy(): void }).destroy()
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows)
    this.#pty.resize(columns, rows)
  }

  /** Waits until the visible text passes, and returns it; throws with the last text after a minute. */
  async until(passes: (text: string) => boolean): Promise<string> {
    const deadline = Date.now() + 60_000
    while (!passes(this.text)) {
      if (Date.now() > deadline) throw new Error(`waited in vain; the screen shows:\n${this.text}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this.text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#pty.kill('SIGKILL')
    } catch {
      // It has ended on its own.
    }
    await this.ended
    this.#terminal.dispose()
  }

  #lines() {
    const { active } = this.#terminal.buffer
    return Array.from({ length: this.#terminal.rows }, (_, row) =>
      active.getLine(active.viewportY + row),
    ).filter((line) => line !== undefined)
  }
}
