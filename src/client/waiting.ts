/** Seconds: the first and the longest delay. */
const delays = { first: 0.1, longest: 5 } as const

/** Seconds before a retry after this many consecutive failures: doubling, half of it random. */
export function backoff(failures: number): number {
  const longest = Math.min(delays.longest, delays.first * 2 ** failures)
  return longest / 2 + (Math.random() * longest) / 2
}

/** Seconds on a monotonic clock. */
export function now(): number {
  return performance.now() / 1_000
}

/** Throws the signal's reason once it is aborted. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, seconds * 1_000)
    if (signal?.aborted === true) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}

/** A signal of its own that also follows another one until it is disposed. */
export class Leash {
  readonly #own = new AbortController()
  readonly #outer: AbortSignal | undefined
  readonly #follow = () => this.#own.abort(this.#outer?.reason)
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    if (outer?.aborted === true) this.#follow()
    else outer?.addEventListener('abort', this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  /** Aborts unless called again within this many seconds. */
  within(seconds: number): void {
    clearTimeout(this.#timer)
    const silent = () => this.#own.abort(new Error(`nothing came within ${seconds} s`))
    this.#timer = setTimeout(silent, seconds * 1_000)
  }

  /** Aborts everything that still uses it. */
  letGo(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#follow)
    this.#own.abort()
  }
}
