/** What the system says when it has no room for another process, thread or open file. That is the node's trouble, not the task's. */
const codes = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ERR_WORKER_INIT_FAILED'])

export function isShortage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && codes.has(String(error.code))
}

/** Milliseconds for which nothing is started after a start has failed so; twice as long after each further one. */
const firstPause = 1_000
const longestPause = 30_000

/** Whether there is room for another process, as far as the last starts have shown. */
export class Room {
  #closedUntil = Number.NEGATIVE_INFINITY
  #pause = 0

  get isThere(): boolean {
    return performance.now() >= this.#closedUntil
  }

  /** A start has failed for a shortage. */
  failed(): void {
    // Of starts that were under way together only the first one counts.
    if (!this.isThere) return
    this.#pause = Math.min(longestPause, Math.max(firstPause, this.#pause * 2))
    this.#closedUntil = performance.now() + this.#pause
  }

  started(): void {
    this.#pause = 0
  }
}
