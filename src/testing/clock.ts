import type { Clock } from '../core/clock.ts'

type Timer = Readonly<{ due: number; fire: () => void }>

/** A clock that only the test advances. It starts at a round time, which makes failures readable. */
export class FakeClock implements Clock {
  #now: number
  #monotonic = 0
  #asleep = 0
  /** In the order in which they were set: of those due at the same time, the earlier one fires first. */
  readonly #timers = new Set<Timer>()

  /** Turns of the event loop, in which everything happens that a timer triggers. */
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

  /** Number of pending timers; a test of something that ends can require none. */
  get pending(): number {
    return this.#timers.size
  }

  /**
   * Advances the clock by `ms`. Timers fire in order, each at its own time, and what they trigger runs before the next time,
   * including new timers. As in Node, only promises run between timers of the same time. After each time, `goesOn` is awaited
   * and can stop early.
   */
  async advance(ms: number, goesOn: () => Promise<boolean> = always): Promise<void> {
    const end = this.#monotonic + ms
    await turns(this.#turns)
    while (await goesOn()) {
      const next = this.#next(end)
      this.#moveTo(next?.due ?? end)
      if (next === undefined) return
      for (let timer: Timer | undefined = next; timer !== undefined; timer = this.#next(next.due)) {
        this.#timers.delete(timer)
        timer.fire()
        await microtasks()
      }
      await turns(this.#turns)
    }
  }

  /** Sets the wall clock, like an operator or a time server; durations and timers are not affected. */
  set(now: number): void {
    this.#now = now
  }

  /** The machine sleeps: the wall clock advances, while timers and monotonic time stop. */
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

/** Enough of them for a chain of promises that ends in another timer. */
async function microtasks(): Promise<void> {
  await new Promise<void>((resolve) => process.nextTick(resolve))
}

async function always(): Promise<true> {
  return true
}

/**
 * Several turns of the event loop: promises and immediates run, and what they trigger. A store commits once per turn, so a
 * short chain of writes completes.
 */
export async function turns(count = 8): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
