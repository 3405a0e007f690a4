import type { FermataError, TaskEvent } from '../../client/index.ts'
import { clock } from '../format.ts'
import type { Session } from '../session.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { figuresOf, messageOf } from './line.ts'
import type { Row } from './row.ts'
import type { View } from './view.ts'

/** A line of progress after this much progress since the last one, or after this many milliseconds. */
const step = 0.1
const pause = 5_000

/** A line per transition and log line, and occasional progress: for pipes and logs. */
export class Lines implements View {
  readonly #terminal: Terminal
  readonly #session: Session
  readonly #told = new Map<string, Readonly<{ version: number; ratio: number; at: number }>>()
  #away = false

  constructor(terminal: Terminal, session: Session) {
    this.#terminal = terminal
    this.#session = session
  }

  show(row: Row, event?: TaskEvent): void {
    const now = Date.now()
    const told = this.#told.get(row.id)
    const ratio = row.progress?.ratio ?? 0
    const isMove = row.version !== told?.version
    if (event?.kind === 'log') this.#print(row, event.at, event.message)
    else if (isMove || ratio >= told.ratio + step || now >= told.at + pause) {
      const parts = [row.status, ...figuresOf(row, now), messageOf(row)].filter((part) => part !== '')
      this.#print(row, now / 1_000, parts.join('  '))
      this.#told.set(row.id, { version: row.version, ratio, at: now })
    }
  }

  drop(id: string): void {
    this.#told.delete(id)
  }

  away(error: FermataError | undefined): void {
    if (error !== undefined && !this.#away)
      void this.#session.err.print(`cannot reach ${this.#session.url}, retrying`)
    this.#away = error !== undefined
  }

  ask(): void {}

  [Symbol.dispose](): void {}

  #print({ id, type }: Row, at: number, text: string): void {
    void this.#terminal.print(`${clock(at)}  ${id}  ${type}  ${text}`)
  }
}

/** Every event as a JSON document on a line of its own, after one for each task's initial status. */
export class JsonLines implements View {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  show({ id, type, status, version, progress }: Row, event?: TaskEvent): void {
    const document = event ?? { kind: 'task', task_id: id, status, version, progress }
    void this.#session.printJson({ ...document, task_type: type })
  }

  drop(): void {}

  away(error: FermataError | undefined): void {
    if (error !== undefined) void this.#session.err.print(`cannot reach ${this.#session.url}, retrying`)
  }

  ask(): void {}

  [Symbol.dispose](): void {}
}
