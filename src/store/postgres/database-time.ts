/** By so much a node lets its idea of the database's time fall back in each millisecond: more than clocks drift apart. */
const leak = 0.001
/** Milliseconds: an answer takes less, unless this process was held up. Beyond, the clock of the database was set back. */
const setBack = 1_000

/**
 * The time of the database, as a node knows it from the answers that tell it, carried on by a clock that never jumps. An
 * answer is late by its way here, so that the one that says the latest time is the best.
 */
export class DatabaseTime {
  readonly #monotonic: () => number
  /** Of the time of the database over the monotonic one. */
  #ahead: number | undefined
  #learned = 0
  #told = 0

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
  }

  /** The database has just answered this time, in Unix milliseconds. */
  learn(time: number): void {
    const at = this.#monotonic()
    const told = time - at
    const known = this.#ahead === undefined ? told : this.#ahead - (at - this.#learned) * leak
    this.#ahead = told > known || told < known - setBack ? told : known
    this.#learned = at
  }

  /** In Unix milliseconds. The store asks the database before anyone else can ask here. */
  now(): number {
    if (this.#ahead === undefined) throw new Error('the database has not told its time yet')
    const time = Math.floor(this.#ahead + this.#monotonic())
    // By progress that says when it was, listeners know which is newer.
    if (time > this.#told || time < this.#told - setBack) this.#told = time
    return this.#told
  }
}
