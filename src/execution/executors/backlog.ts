import { clipMiddle } from '../../core/text.ts'

/** Characters of a line in the log of a task; a longer one is cut in its middle. */
const longestLine = 4_096
/** Lines that wait; of more, the oldest are dropped. No log keeps more than these anyway. */
const most = 1_000
/** Lines a millisecond that a run may send in the long run: more would keep the node from everything else. */
const linesEachMs = 5

export function clipLine(text: string): string {
  return clipMiddle(text, longestLine)
}

/** `dropped` lines before these were too many. */
export type LogLines = Readonly<{ lines: readonly string[]; dropped: number }>

const nothing: LogLines = { lines: [], dropped: 0 }

/**
 * Log lines on their way to the node. They may go at once, but for a flood: then they go together, the newest of them, and at a
 * pace that the node can follow.
 */
export class Backlog {
  #lines: string[] = []
  #dropped = 0
  /** Lines that may go now, as of `#countedAt`. */
  #allowance = most
  #countedAt = 0

  get isEmpty(): boolean {
    return this.#lines.length === 0
  }

  add(text: string): void {
    this.#lines.push(clipLine(text))
    if (this.#lines.length >= 2 * most) this.#trim()
  }

  /** What waits, if it may go already or is `urged`. */
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

/** What a log says of them. */
export function* linesOf({ lines, dropped }: LogLines): Iterable<string> {
  if (dropped > 0) yield `(${dropped} lines were too many and are left out)`
  yield* lines
}
