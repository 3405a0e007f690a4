import type { Clock } from '../core/clock.ts'
import { StoreUnavailable } from '../core/errors.ts'
import type { Store } from '../store/store.ts'

/**
 * Milliseconds within which the store must complete an empty commit; if it takes longer, the next check waits for the same
 * one.
 */
const patience = 3_000
/** Milliseconds for which a result is valid, so frequent checks cost no more. */
const goodFor = 500

/** Whether the store accepts work, determined by a commit like that of a submit, even if nobody submits. */
export class Readiness {
  readonly #store: Store
  readonly #clock: Clock
  #probe: Promise<string | null> | undefined
  #goodUntil = Number.NEGATIVE_INFINITY

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Why it does not, as a sentence; null if it does. */
  async trouble(): Promise<string | null> {
    if (this.#clock.monotonic() < this.#goodUntil) return null
    this.#probe ??= this.#look().finally(() => {
      this.#probe = undefined
    })
    const { promise: late, resolve } = Promise.withResolvers<string>()
    const stop = this.#clock.after(patience, () =>
      resolve(`The database has taken no commit within ${patience / 1_000} s.`),
    )
    try {
      return await Promise.race([this.#probe, late])
    } finally {
      stop()
    }
  }

  async #look(): Promise<string | null> {
    try {
      await this.#store.probe()
      this.#goodUntil = this.#clock.monotonic() + goodFor
      return null
    } catch (error) {
      if (error instanceof StoreUnavailable) return error.message
      return `The database rejects commits: ${error instanceof Error ? error.message : String(error)}.`
    }
  }
}
