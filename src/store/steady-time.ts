import type { Clock } from '../core/clock.ts'

/** Milliseconds. By less the wall clock may be corrected without anyone noticing. */
const tolerance = 1_000
/** Jumps that are remembered: the newest. */
const jumpsKept = 100

/** What the wall clock showed when it was set, and what it was set to. */
type Jump = Readonly<{ before: number; after: number }>

/**
 * The wall clock as a store that one process owns sees it. When somebody sets it, time goes on by the monotonic clock until
 * the store has looked, which then moves the times of its delays by as much. From then on it knows what really passed.
 */
export class SteadyTime {
  readonly #clock: Clock
  /** Of the wall clock over the monotonic one, when it was last looked at. */
  #ahead: number
  /** Of the time since the start of the machine over the monotonic one: grows while it sleeps. */
  #asleep: number
  /** The oldest first. */
  readonly #jumps: Jump[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#ahead = clock.now() - clock.monotonic()
    this.#asleep = asleep(clock)
  }

  /** In Unix milliseconds: by the wall clock, unless it was set since the last look. */
  now(): number {
    const wall = this.#clock.now()
    const off = this.#off(wall)
    return Math.abs(off) <= tolerance ? wall : Math.round(wall - off)
  }

  /** Goes by the wall clock as it is now. Answers by how many milliseconds it was set since the last look, mostly 0. */
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

  /** Milliseconds that have passed since a time that this clock showed. Where it showed that twice, the later one counts. */
  elapsed(since: number): number {
    return Math.max(0, this.nowAsOf(since) - since)
  }

  /** The present time by the wall clock as it went at that time: as if it had not been set since. */
  nowAsOf(since: number): number {
    const now = this.now()
    let [top, moved] = [now, 0]
    for (let index = this.#jumps.length - 1; index >= 0; index--) {
      const { before, after } = this.#jumps[index]!
      // A little step back that nobody noticed is none that was made since.
      if (since >= after - tolerance && since <= top + tolerance) break
      moved += after - before
      top = before
    }
    return now - moved
  }

  /** A time before which nothing happened in the last `ms`, as far as this clock knows: the latest that it can tell. */
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
    // The machine may have slept. Both clocks go on then, by steps of their own: less than a second is none.
    const slept = asleep(this.#clock) - this.#asleep
    return slept > tolerance ? off - slept : off
  }
}

function asleep(clock: Clock): number {
  return (clock.uptime?.() ?? clock.monotonic()) - clock.monotonic()
}
