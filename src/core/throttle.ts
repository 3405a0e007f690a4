/** Maximum number of keys; beyond it, the oldest is forgotten. */
const mostKeys = 1_000

/**
 * Lets a number of events of each kind pass per interval and counts the others. Times in milliseconds of one monotonic
 * clock.
 */
export class Throttle {
  readonly #most: number
  readonly #every: number
  readonly #kinds = new Map<string, { began: number; passed: number; leftOut: number }>()

  constructor(most: number, every: number) {
    this.#most = most
    this.#every = every
  }

  /** Undefined if this one is suppressed; otherwise the number suppressed since the last one that passed. */
  pass(key: string, now: number): number | undefined {
    let kind = this.#kinds.get(key)
    if (kind === undefined || now - kind.began >= this.#every) {
      kind = { began: now, passed: 0, leftOut: kind?.leftOut ?? 0 }
      this.#kinds.delete(key)
      this.#kinds.set(key, kind)
      const [oldest] = this.#kinds.keys()
      if (this.#kinds.size > mostKeys && oldest !== undefined) this.#kinds.delete(oldest)
    }
    if (kind.passed >= this.#most) {
      kind.leftOut++
      return undefined
    }
    kind.passed++
    const { leftOut } = kind
    kind.leftOut = 0
    return leftOut
  }
}
