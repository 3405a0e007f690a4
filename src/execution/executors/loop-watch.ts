import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { Histogram } from '../../core/histogram.ts'

/** Milliseconds between two checks of the clock. */
const lookEvery = 100
/** Milliseconds between two samples of the platform's histogram, which is also its resolution. */
const resolution = 20
/** Milliseconds that a handler may block the main thread before it is reported. */
const tooLong = 1_000
/** Number of blocks to remember. */
const remembered = 20

/** A handler that blocked the main thread. Times in milliseconds. */
export type Blocked = Readonly<{ type: string; at: number; ms: number }>

/** Event-loop delay in milliseconds, over the life of the process. `samples`: ten a second, in seconds. */
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

/** The type of the inline handler to which the main thread has last returned. */
export const lastInline: { type: string | undefined } = { type: undefined }

/** Measures the event-loop delay of the main thread, and finds out who blocks it. */
export class LoopWatch implements Disposable {
  readonly #histogram = monitorEventLoopDelay({ resolution })
  readonly #timer: NodeJS.Timeout
  readonly #onBlocked: (blocked: Blocked) => void
  readonly #now: () => number
  #blocked: Blocked[] = []
  readonly #samples = new Histogram(sampleBounds)
  #looked = performance.now()

  /** `now`: Unix milliseconds. */
  constructor(onBlocked: (blocked: Blocked) => void, now: () => number) {
    this.#onBlocked = onBlocked
    this.#now = now
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#look(), lookEvery).unref()
  }

  get delay(): LoopDelay {
    const of = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 10_000) / 100 - resolution)
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
    this.#histogram.disable()
  }

  #look(): void {
    const now = performance.now()
    const late = now - this.#looked - lookEvery
    this.#looked = now
    this.#samples.observe(Math.max(0, late) / 1_000)
    const { type } = lastInline
    if (late < tooLong || type === undefined) return
    const blocked = { type, at: this.#now(), ms: Math.round(late) }
    this.#blocked = [blocked, ...this.#blocked].slice(0, remembered)
    this.#onBlocked(blocked)
  }
}
