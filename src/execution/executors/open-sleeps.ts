import type { Awaits } from '../../core/awaits.ts'
import type { SleepRequest, SleepsLeft } from '../../core/sleep.ts'

/** Sleeps of one run. Times by a monotonic clock, in milliseconds. */
export type OpenSleep = {
  readonly until: number
  /** Its number since the last checkpoint, from 0. */
  readonly index: number
  /** The number of the last checkpoint. */
  readonly round: number
  /** Another part of the handler continued during it: it measures time beside other work, which needs the slot. */
  isTimer: boolean
}

/** Of more sleeps side by side, a later run starts anew those beyond. */
const remembered = 1_000

/** Which sleeps the code has begun and not ended, and what an earlier run has slept of them. */
export class OpenSleeps {
  readonly #open = new Set<OpenSleep>()
  #recalled: SleepsLeft | null
  #begun = 0
  #round = 0

  constructor(recalled: SleepsLeft | null) {
    this.#recalled = recalled
  }

  /** The next sleep of the code. It is over at once, or sooner, if an earlier run has slept it. */
  begin(ms: number, now: number): OpenSleep {
    const index = this.#begun++
    const { over = 0, left = [] } = this.#recalled ?? {}
    const rest = index < over ? 0 : (left[index - over] ?? ms)
    const sleep = { until: now + rest, index, round: this.#round, isTimer: false }
    this.#open.add(sleep)
    return sleep
  }

  end(sleep: OpenSleep): void {
    this.#open.delete(sleep)
  }

  /** A later run begins after this checkpoint, and comes to none of the sleeps before it. */
  checkpoint(): void {
    this.#recalled = null
    this.#begun = 0
    this.#round += 1
  }

  /** The code continues during them. */
  areTimers(): void {
    for (const sleep of this.#open) sleep.isTimer = true
  }

  /** `until`: when else the code has something to do; infinite for never. */
  request(now: number, until: number, awaits: Awaits | null): SleepRequest {
    let wakeIn = Math.max(0, until - now)
    let over = this.#begun
    for (const { until, index, round } of this.#open) {
      wakeIn = Math.min(wakeIn, Math.max(0, until - now))
      if (round === this.#round) over = Math.min(over, index)
    }
    const left = Array.from({ length: Math.min(remembered, this.#begun - over) }, () => 0)
    for (const { until, index, round } of this.#open) {
      const place = index - over
      if (round === this.#round && place < left.length) left[place] = Math.max(0, until - now)
    }
    return { wakeIn: Number.isFinite(wakeIn) ? wakeIn : null, awaits, over, left }
  }
}
