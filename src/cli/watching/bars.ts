import type { FermataError, TaskEvent } from '../../client/index.ts'
import { clock, plural } from '../format.ts'
import { isTerminal } from '../looks.ts'
import { Live } from '../terminal/live.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { visible, type SafeText } from '../terminal/text.ts'
import { cut } from '../terminal/width.ts'
import { shapeOf, taskLine } from './line.ts'
import type { Row } from './row.ts'
import type { View } from './view.ts'

/** Milliseconds between two frames. */
const frame = 100

/** A progress bar for each task. */
export class Bars implements View {
  readonly #terminal: Terminal
  readonly #live: Live
  readonly #rows = new Map<string, Row>()
  readonly #idle: string
  readonly #url: string
  readonly #timer: NodeJS.Timeout
  readonly #resized: Disposable
  #away = false
  #question: string | undefined

  /** `idle`: shown while there is no row. */
  constructor(terminal: Terminal, url: string, idle: string) {
    this.#terminal = terminal
    this.#url = url
    this.#idle = idle
    this.#live = new Live(terminal)
    this.#timer = setInterval(() => this.#live.draw(this.#lines()), frame)
    this.#resized = terminal.onResize(() => this.#live.refresh(this.#lines()))
  }

  show(row: Row, event?: TaskEvent): void {
    this.#rows.set(row.id, row)
    if (event?.kind !== 'log') return
    const name = this.#rows.size > 1 ? `${row.type} …${row.id.slice(-8)}  ` : ''
    const { columns } = this.#terminal
    this.#live.print(cut(visible(`${clock(event.at)}  ${name}${event.message}`), columns - 1))
  }

  drop(id: string): void {
    this.#rows.delete(id)
  }

  away(error: FermataError | undefined): void {
    this.#away = error !== undefined
  }

  ask(question: string | undefined): void {
    this.#question = question
    this.#live.draw(this.#lines())
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#resized[Symbol.dispose]()
    this.#question = undefined
    this.#live.draw(this.#lines(true))
    this.#live[Symbol.dispose]()
  }

  /** As many tasks as fit, unfinished ones first; at the end all of them. */
  #lines(last = false): SafeText[] {
    const now = Date.now()
    const rows = [...this.#rows.values()]
    const foot = this.#foot()
    const room = this.#terminal.rows - 1 - foot.length - 1
    const shown = rows.length <= room ? rows : rows.toSorted((a, b) => rank(a) - rank(b)).slice(0, room)
    const shape = shapeOf(shown, this.#terminal.columns, now)
    const lines = shown.map((row) => taskLine(this.#terminal, row, shape, now))
    if (rows.length > shown.length)
      lines.push(this.#terminal.paint('dim', `… and ${plural(rows.length - shown.length, 'more task')}`))
    if (rows.length === 0 && !last && this.#idle !== '')
      lines.push(this.#terminal.paint('dim', cut(this.#idle, this.#terminal.columns - 1)))
    return [...lines, ...foot]
  }

  #foot(): SafeText[] {
    const { columns } = this.#terminal
    const lines: SafeText[] = []
    if (this.#away)
      lines.push(this.#terminal.paint('yellow', cut(`cannot reach ${this.#url}, retrying`, columns - 1)))
    if (this.#question !== undefined)
      lines.push(this.#terminal.paint('bold', cut(this.#question, columns - 1)))
    return lines
  }
}

function rank({ status }: Row): number {
  if (isTerminal(status)) return 2
  return ['waiting', 'queued', 'scheduled', 'paused'].includes(status) ? 1 : 0
}
