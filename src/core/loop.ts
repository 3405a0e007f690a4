import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'

/** A maintenance job that runs repeatedly, never concurrently, and returns in how many ms it wants to run again. */
export class Loop {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #name: string
  readonly #work: () => Promise<number>
  #running: Promise<void> | undefined
  #again = false
  #stopped = false
  #stopTimer: (() => void) | undefined
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(name: string, clock: Clock, logger: Logger, work: () => Promise<number>) {
    this.#name = name
    this.#clock = clock
    this.#logger = logger
    this.#work = work
  }

  /** Runs now, or once more after the current run. */
  kick(): void {
    if (this.#stopped) return
    this.#stopTimer?.()
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    this.#running = this.#run()
  }

  /** Runs within `ms`. */
  within(ms: number): void {
    if (this.#stopped) return
    if (this.#running !== undefined) this.#again = true
    else if (this.#clock.monotonic() + ms < this.#wakeAt) this.#sleep(ms)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#stopTimer?.()
    await this.#running
  }

  async #run(): Promise<void> {
    let wait = 1_000
    do {
      this.#again = false
      try {
        wait = await this.#work()
      } catch (error) {
        wait = 1_000
        this.#logger.warn({ err: error, loop: this.#name }, 'maintenance failed; retrying')
      }
    } while (this.#again && !this.#stopped)
    this.#running = undefined
    if (!this.#stopped) this.#sleep(wait)
  }

  #sleep(ms: number): void {
    this.#stopTimer?.()
    this.#wakeAt = this.#clock.monotonic() + ms
    this.#stopTimer = this.#clock.after(ms, () => this.kick())
  }
}
