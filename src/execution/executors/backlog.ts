import { clipMiddle } from '../../core/text.ts'

/** Maximum characters of a log line; a longer one is cut in the middle. */
const longestLine = 4_096
/** Maximum queued lines; beyond it, the oldest are dropped. No log keeps more than this anyway. */
const most = 1_000
/** Lines per millisecond that a run may send on average: more would block the node. */
const linesEachMs = 5

export function clipLine(text: string): string {
  return clipMiddle(text, longestLine)
}

/** `dropped` lines before these were skipped. */
export type LogLines = Readonly<{ lines: readonly string[]; dropped: number }>

const nothing: LogLines = { lines: [], dropped: 0 }

/**
 * Log lines on their way to the node. They are sent immediately, except in a flood: then only the newest are sent together,
 * at a rate that the node can handle.
 */
export class Backlog {
  #lines: string[] = []
  #dropped = 0
  /** Lines that may be sent now, as of `#countedAt`. */
  #allowance = most
  #countedAt = 0

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  add(text: string): void {
    this.#lines.push(clipLine(text))
    if (this.#lines.length >= 2 * most) this.#trim()
  }

  /** The queued lines, if they may be sent already or are `urged`. */
  take(urged: boolean): LogLines {
    if (this.isEmpty) return nothing
    if (!urged && this.#allowed() < Math.min(this.#lines.length, most)) return nothing
    this.#trim()
    const taken = { lines: this.#lines, dropped: this.#dropped }
    this.#allowance = Math.max(0, this.#allowed() - taken.lines.length)
    this.#lines = []
    this.#dropped = 0
    return taken
  }

  #allowed(): number {
    const now = performance.now()
    this.#allowance = Math.min(most, this.#allowance + (now - this.#countedAt) * linesEachMs)
    this.#countedAt = now
    return this.#allowance
  }

  #trim(): void {
    const excess = Math.max(0, this.#lines.length - most)
    this.#dropped += excess
    if (excess > 0) this.#lines = this.#lines.slice(excess)
  }
}

/** The log line about skipped lines. */
export function* linesOf({ lines, dropped }: LogLines): Iterable<string> {
  if (dropped > 0) yield `(${dropped} lines skipped)`
  yield* lines
}
