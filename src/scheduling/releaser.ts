import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { StoreUnavailable } from '../core/errors.ts'
import { Loop } from '../core/loop.ts'
import { isTerminal } from '../core/task.ts'
import type { Move } from '../core/transition.ts'
import type { Bus } from '../journal/bus.ts'
import { publishMovesOf } from '../journal/newest.ts'
import type { Journal, Subscriber } from '../journal/journal.ts'
import type { Store } from '../store/store.ts'

export type ReleaserOptions = Readonly<{
  store: Store
  clock: Clock
  logger: Logger
  journal: Journal
  bus: Pick<Bus, 'watched'>
  /** Aborts when the node has shut down. */
  closed: AbortSignal
}>

/** Ends counted per transaction, so that other callers are not delayed. */
const atOnce = 500
/** Milliseconds between looks at what has ended on other nodes. */
const lookEvery = 1_000

/**
 * Starts what waits for other tasks once these have ended, and stops children: an end that was committed is counted, also after a crash
 * and by any node. It
 * looks as soon as a task ends here, if anything waits at all, and each second in case one ends elsewhere.
 */
export class Releaser implements Subscriber {
  readonly #options: ReleaserOptions
  readonly #loop: Loop
  #anyWaits = true
  /** Tasks seen here that wait, and children that were started here. */
  #seen = 0

  constructor(options: ReleaserOptions) {
    this.#options = options
    this.#loop = new Loop('release', options.clock, options.logger, () => this.#release())
  }

  start(): void {
    this.#loop.kick()
  }

  moved({ task: { status, missing, parent, version } }: Move): void {
    if (parent !== null && version === 1) {
      this.#seen += 1
      this.#anyWaits = true
    }
    if (status === 'waiting' && missing > 0) {
      this.#seen += 1
      this.#anyWaits = true
      // One of its predecessors may have failed before it was submitted.
      this.#loop.kick()
    } else if (this.#anyWaits && isTerminal(status)) this.#loop.kick()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #release(): Promise<number> {
    const { store, journal, bus } = this.#options
    const before = this.#seen
    const { moved, more, anyWaits } = await store.release(atOnce).catch((error: unknown) => {
      if (error instanceof StoreUnavailable && error.unknown)
        publishMovesOf('releaser', this.#options, bus.watched())
      throw error
    })
    this.#anyWaits = anyWaits || this.#seen !== before
    journal.publish(moved)
    return more ? 0 : lookEvery
  }
}
