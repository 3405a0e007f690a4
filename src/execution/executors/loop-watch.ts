import { createHistogram, performance } from 'node:perf_hooks'
import { Histogram } from '../../core/histogram.ts'

/** Milliseconds between two checks of the clock. Each wakes an idle process, which is most of what that costs. */
const lookEvery = 50
/** Nanoseconds. */
const millisecond = 1_000_000
/** Milliseconds that a handler may block the main thread before it is reported. */
const tooLong = 1_000
/** Number of blocks to remember. */
const remembered = 20

/** A handler that blocked the main thread. Times in milliseconds. */
export type Blocked = Readonly<{ type: string; at: number; ms: number }>

/** Event-loop delay in milliseconds, over the life of the process. `samples`: twenty a second, in seconds. */
export type LoopDelay = Readonly<{
  p50: number
  p99: number
  max: number
  blocked: readonly Blocked[]
  samples: Histogram
}>

const sampleBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Nothing was measured. */
export function noDelay(): LoopDelay {
  return { p50: 0, p99: 0, max: 0, blocked: [], samples: new Histogram(sampleBounds) }
}

/**
 * Measures for how long inline handlers keep the main thread: from the entry into one to the entry into the next, or to the
 * end of the turn of the event loop. Who was running earlier is not to blame for what blocks later turns.
 */
class InlineTurns {
  readonly #listeners = new Set<(blocked: Omit<Blocked, 'at'>) => void>()
  #type: string | undefined
  #entered = 0
  #ends = false

  /** The main thread enters a handler of this type. Costs nothing unless somebody listens. */
  enter(type: string): void {
    if (this.#listeners.size === 0) return
    this.#leave()
    this.#type = type
    if (this.#ends) return
    this.#ends = true
    setImmediate(() => {
      this.#ends = false
      this.#leave()
    })
  }

  listen(listener: (blocked: Omit<Blocked, 'at'>) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #leave(): void {
    const now = performance.now()
    const [type, ms] = [this.#type, now - this.#entered]
    this.#type = undefined
    this.#entered = now
    if (type === undefined || ms < tooLong) return
    for (const listener of this.#listeners) listener({ type, ms: Math.round(ms) })
  }
}

export const inlineTurns = new InlineTurns()

/** Measures the event-loop delay of the main thread, and finds out which handlers block it. */
export class LoopWatch implements Disposable {
  /** Nanoseconds, and a millisecond more: it takes no zero. */
  readonly #histogram = createHistogram()
  readonly #timer: NodeJS.Timeout
  readonly #stop: () => void
  #blocked: Blocked[] = []
  readonly #samples = new Histogram(sampleBounds)
  #looked = performance.now()

  /** `now`: Unix milliseconds. */
  constructor(onBlocked: (blocked: Blocked) => void, now: () => number) {
    this.#stop = inlineTurns.listen(({ type, ms }) => {
      const blocked = { type, at: now(), ms }
      this.#blocked = [blocked, ...this.#blocked].slice(0, remembered)
      onBlocked(blocked)
    })
    this.#timer = setInterval(() => this.#look(), lookEvery).unref()
  }

  get delay(): LoopDelay {
    const of = (nanoseconds: number) => Math.max(0, Math.round((nanoseconds - millisecond) / 10_000) / 100)
    const { max } = this.#histogram
    const some = this.#histogram.count > 0
    return {
      p50: some ? of(this.#histogram.percentile(50)) : 0,
      p99: some ? of(this.#histogram.percentile(99)) : 0,
      max: some ? of(max) : 0,
      blocked: this.#blocked,
      samples: this.#samples,
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#stop()
  }

  #look(): void {
    const now = performance.now()
    const late = Math.max(0, now - this.#looked - lookEvery)
    this.#looked = now
    this.#histogram.record(Math.round(late * millisecond) + millisecond)
    this.#samples.observe(late / 1_000)
  }
}
