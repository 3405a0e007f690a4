/**
 * The seed of a search: the one in a variable; 1 in the gate, so that it does the same each time; a fresh one in a run that
 * is `long`.
 */
export function seedOf(variable: string, { long = false } = {}): number {
  return Number(process.env[variable] ?? (long ? Date.now() % 1_000_000 : 1))
}

/** Pseudo-random numbers that are repeatable for the same seed (mulberry32), so that a failing run can be repeated. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1))
  }

  of<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.next() * list.length)]
  }
}
