/**
 * What the system reports if it has no room for another process, thread or open file. That is a problem of the node, not of
 * the task.
 */
const codes = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOMEM', 'ERR_WORKER_INIT_FAILED'])

export function isShortage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && codes.has(String(error.code))
}

/** Milliseconds for which nothing is started after such a failure; doubles after each further one. */
const firstPause = 1_000
const longestPause = 30_000

/** Whether there is room for another process, according to the latest starts. */
export class Room {
  #closedUntil = Number.NEGATIVE_INFINITY
  #pause = 0

  get isThere(): boolean {
    return performance.now() >= this.#closedUntil
  }

  /** A start has failed for lack of resources. */
  failed(): void {
    // Of concurrent starts, only the first failure counts.
    if (!this.isThere) return
    this.#pause = Math.min(longestPause, Math.max(firstPause, this.#pause * 2))
    this.#closedUntil = performance.now() + this.#pause
  }

  started(): void {
    this.#pause = 0
  }
}
