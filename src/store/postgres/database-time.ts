/** How far a node's estimate of the database's time may fall back per millisecond: more than clocks drift. */
const leak = 0.001
/** Milliseconds: responses are faster, unless this process was delayed. Beyond this, the clock of the database was set back. */
const setBack = 1_000

/**
 * The time of the database, estimated from responses that include it and continued by a monotonic clock. A response is
 * delayed on its way here, so the one with the latest time is the best.
 */
export class DatabaseTime {
  readonly #monotonic: () => number
  /** Difference between the time of the database and the monotonic clock. */
  #ahead: number | undefined
  #learned = 0
  #told = 0

  constructor(monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic
  }

  /** The database has just returned this time, in Unix milliseconds. */
  learn(time: number): void {
    const at = this.#monotonic()
    const told = time - at
    const known = this.#ahead === undefined ? told : this.#ahead - (at - this.#learned) * leak
    this.#ahead = told > known || told < known - setBack ? told : known
    this.#learned = at
  }

  /** In Unix milliseconds. The store asks the database before anyone can ask here. */
  now(): number {
    if (this.#ahead === undefined) throw new Error('the database has not told its time yet')
    const time = Math.floor(this.#ahead + this.#monotonic())
    // Listeners use the time of progress to tell which is newer.
    if (time > this.#told || time < this.#told - setBack) this.#told = time
    return this.#told
  }
}
