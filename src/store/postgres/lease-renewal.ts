import { sleep, type Clock } from '../../core/clock.ts'
import type { LeaseNews } from '../sharing.ts'

export type LeaseRenewalOptions = Readonly<{
  /** Milliseconds. */
  lease: number
  clock: Pick<Clock, 'monotonic' | 'after'>
  /** False if the lease has ended, undefined if the database did not respond. */
  renew: () => Promise<boolean | undefined>
  /** The end of the lease, by the clock. */
  validUntil: { time: number }
  /** Notifies the main thread, which answers with `heard`. */
  say: (kind: keyof LeaseNews) => void
  /** The lease is in danger, and the main thread did not answer in time. */
  unheard: () => void
}>

/**
 * Renews the lease of a node. The lease is counted from when the last successful renewal was sent, by a monotonic clock: at
 * worst, the node believes it has ended while the database still grants it, never the other way round.
 */
export class LeaseRenewal {
  readonly #options: LeaseRenewalOptions
  /** How long before the end handlers are told to stop. */
  readonly #margin: number
  readonly #tick: number
  /** Turns in which the main thread may respond. Turns, not time: a frozen process gets them too. */
  readonly #patience: number
  #endangered = false
  #unheard: number | undefined
  #stopped = false

  constructor(options: LeaseRenewalOptions) {
    this.#options = options
    this.#margin = options.lease / 5
    this.#tick = Math.min(250, options.lease / 40)
    this.#patience = Math.floor((this.#margin * 0.8) / this.#tick)
  }

  /** The main thread has heard the news. */
  heard(): void {
    this.#unheard = undefined
  }

  stop(): void {
    this.#stopped = true
  }

  /** Resolves once the lease has ended. */
  async run(): Promise<void> {
    const { clock, lease, renew, validUntil } = this.#options
    this.#look()
    while (!this.#stopped) {
      const sent = clock.monotonic()
      const renewed = await renew()
      if (renewed === false) break
      if (renewed === true) {
        validUntil.time = sent + lease
        if (this.#endangered) this.#say('safe')
        this.#endangered = false
      }
      await sleep(clock, renewed === undefined ? Math.min(500, lease / 20) : lease / 3)
    }
    if (this.#stopped) return
    // Handlers are stopped as at the end of any lease, and the main thread must respond to that.
    this.#endangered = true
    this.#say('over')
  }

  #say(kind: keyof LeaseNews): void {
    this.#unheard = 0
    this.#options.say(kind)
  }

  #look(): void {
    const { clock, validUntil, unheard } = this.#options
    if (this.#stopped) return
    if (!this.#endangered && clock.monotonic() >= validUntil.time - this.#margin) {
      this.#endangered = true
      this.#say('endangered')
    }
    if (this.#unheard !== undefined && ++this.#unheard > this.#patience) {
      this.#unheard = undefined
      unheard()
    }
    clock.after(this.#tick, () => this.#look())
  }
}
