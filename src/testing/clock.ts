import type { Clock } from '../core/clock.ts'

type Timer = Readonly<{ due: number; fire: () => void }>

/** A clock that stands still until a test moves it. It starts at a round time, so that failures read well. */
export class FakeClock implements Clock {
  #now: number
  #monotonic = 0
  #asleep = 0
  /** In the order in which they were set: of those due at the same time, the earlier one fires first. */
  readonly #timers = new Set<Timer>()

  /** Of the event loop, in which everything happens that a timer sets going. */
  readonly #turns: number

  constructor(start = 1_000_000_000_000, turns = 8) {
    this.#now = start
    this.#turns = turns
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#monotonic
  }

  uptime(): number {
    return this.#monotonic + this.#asleep
  }

  after(ms: number, fire: () => void): () => void {
    const timer = { due: this.#monotonic + Math.max(0, ms), fire }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** How many timers wait: a test of something that ends can ask for none. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Lets `ms` pass. Timers fire in order, each at its own time, and what they set going runs before the next one, new
   * timers included. After each of them `goesOn` is waited for, and can end it early.
   */
  async advance(ms: number, goesOn: () => Promise<boolean> = always): Promise<void> {
    const end = this.#monotonic + ms
    await turns(this.#turns)
    while (await goesOn()) {
      const next = this.#next(end)
      this.#moveTo(next?.due ?? end)
      if (next === undefined) return
      this.#timers.delete(next)
      next.fire()
      await turns(this.#turns)
    }
  }

  /** The wall clock is set, as an operator or a time server does; durations and timers do not notice. */
  set(now: number): void {
    this.#now = now
  }

  /** The machine sleeps: the wall clock goes on, while timers and monotonic time stand still. */
  sleep(ms: number): void {
    this.#now += ms
    this.#asleep += ms
  }

  #moveTo(monotonic: number): void {
    this.#now += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }

  #next(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer
    }
    return next
  }
}

async function always(): Promise<true> {
  return true
}

/**
 * Some turns of the event loop: promises and immediates run, and what those set going. A store commits once a turn, so
 * that a chain of a few writes is through.
 */
export async function turns(count = 8): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
