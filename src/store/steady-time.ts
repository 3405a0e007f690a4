import type { Clock } from '../core/clock.ts'

/** Milliseconds. The wall clock may be corrected by less without any effect. */
const tolerance = 1_000
/** Maximum number of clock changes to remember. */
const jumpsKept = 100

/** What the wall clock showed when it was set, and what it was set to. */
type Jump = Readonly<{ before: number; after: number }>

/**
 * The wall clock for a store owned by one process. When it is set, time continues by the monotonic clock until the store has
 * checked, which then shifts the times of its delays by the same amount. From then on, it knows the time that really
 * elapsed.
 */
export class SteadyTime {
  readonly #clock: Clock
  /** Difference between wall clock and monotonic clock at the last check. */
  #ahead: number
  /** Difference between time since boot and monotonic clock: grows while the machine sleeps. */
  #asleep: number
  /** Oldest first. */
  readonly #jumps: Jump[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#ahead = clock.now() - clock.monotonic()
    this.#asleep = asleep(clock)
  }

  /** In Unix milliseconds: by the wall clock, unless it was set since the last check. */
  now(): number {
    const wall = this.#clock.now()
    const off = this.#off(wall)
    return Math.abs(off) <= tolerance ? wall : Math.round(wall - off)
  }

  /** Adopts the current wall clock. Returns by how many milliseconds it was set since the last check, usually 0. */
  look(): number {
    const wall = this.#clock.now()
    const off = this.#off(wall)
    const isFar = Math.abs(wall - this.#clock.monotonic() - this.#ahead) > tolerance
    this.#ahead = wall - this.#clock.monotonic()
    if (isFar) this.#asleep = asleep(this.#clock)
    if (Math.abs(off) <= tolerance) return 0
    const jump = Math.round(off)
    this.#jumps.push({ before: wall - jump, after: wall })
    if (this.#jumps.length > jumpsKept) this.#jumps.shift()
    return jump
  }

  /** Milliseconds elapsed since a time that this clock showed. If it showed that time twice, the later one counts. */
  elapsed(since: number, now = this.now()): number {
    return Math.max(0, this.nowAsOf(since, now) - since)
  }

  /** The current time by the wall clock as it was at that time: as if it had not been set since. */
  nowAsOf(since: number, now = this.now()): number {
    if (this.#jumps.length === 0) return now
    let [top, moved] = [now, 0]
    for (let index = this.#jumps.length - 1; index >= 0; index--) {
      const { before, after } = this.#jumps[index]!
      // A small step back that went unnoticed does not count as a change made since.
      if (since >= after - tolerance && since <= top + tolerance) break
      moved += after - before
      top = before
    }
    return now - moved
  }

  /** A time before the last `ms`, as far as this clock knows: the latest that it can tell. */
  ago(ms: number): number {
    let time = this.now() - ms
    let earliest = Number.POSITIVE_INFINITY
    for (let index = this.#jumps.length - 1; index >= 0; index--) {
      const { before, after } = this.#jumps[index]!
      if (time >= after) break
      earliest = Math.min(earliest, after)
      time -= after - before
    }
    return Math.min(time, earliest)
  }

  #off(wall: number): number {
    const off = wall - this.#clock.monotonic() - this.#ahead
    if (off <= tolerance) return off
    // The machine may have slept. Both clocks continue then, in steps of their own: less than a second does not count.
    const slept = asleep(this.#clock) - this.#asleep
    return slept > tolerance ? off - slept : off
  }
}

function asleep(clock: Clock): number {
  return (clock.uptime?.() ?? clock.monotonic()) - clock.monotonic()
}
