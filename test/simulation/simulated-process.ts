import type { Clock } from '../../src/core/clock.ts'
import type { Chance } from '../support/chance.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The main thread, or the thread that renews the lease. */
export type Thread = 'main' | 'renewer'

/** Where something comes from: what comes from one source stays in order when a frozen process continues. */
export type Source = 'timer' | 'store' | 'signal' | 'lease' | 'caller' | 'receiver'

type Late = Readonly<{ source: Source; thread: Thread; run: () => void }>

/** The start of all wall clocks. */
export const epoch = 1_000_000_000_000

/**
 * One process of a node, from start to exit. Everything that happens in it enters here: while it is frozen it waits, and
 * after its death it never happens.
 */
export class SimulatedProcess {
  readonly name: string
  readonly machine: Machine
  readonly clock: Clock
  /** The clock of the thread that renews the lease. */
  readonly renewerClock: Pick<Clock, 'monotonic' | 'after'>
  isAlive = true
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #frozen = { main: 0, renewer: 0 }
  #late: Late[] = []

  constructor(name: string, machine: Machine, time: VirtualTime, chance: Chance) {
    this.name = name
    this.machine = machine
    this.#time = time
    this.#chance = chance
    const begun = time.now
    const monotonic = () => time.now - begun
    const on = (thread: Thread) => (ms: number, fire: () => void) => this.#after(thread, ms, fire)
    this.clock = {
      now: () => machine.wall,
      monotonic,
      after: on('main'),
      turn: () => new Promise((resolve) => void this.#after('main', 0, resolve)),
    }
    this.renewerClock = { monotonic, after: on('renewer') }
  }

  isFrozen(thread: Thread): boolean {
    return this.#frozen[thread] > 0
  }

  /** Something happens in this process: now, once it is no longer frozen, or never. */
  enter(thread: Thread, source: Source, run: () => void): void {
    if (!this.isAlive) return
    if (this.isFrozen(thread)) this.#late.push({ source, thread, run })
    else run()
  }

  kill(): void {
    this.isAlive = false
    this.#late = []
  }

  /** Freezes these threads; the returned function lets them continue. */
  freeze(threads: readonly Thread[]): () => void {
    for (const thread of threads) this.#frozen[thread] += 1
    return () => {
      for (const thread of threads) this.#frozen[thread] -= 1
      this.#catchUp()
    }
  }

  /** What was due in the meantime happens now: in order for each source, while the sources alternate at random. */
  #catchUp(): void {
    const queues = Map.groupBy(
      this.#late.filter(({ thread }) => !this.isFrozen(thread)),
      ({ source, thread }) => `${thread} ${source}`,
    )
    this.#late = this.#late.filter(({ thread }) => this.isFrozen(thread))
    const waiting = [...queues.values()]
    while (waiting.length > 0) {
      const index = this.#chance.between(0, waiting.length - 1)
      const { thread, source, run } = waiting[index]!.shift()!
      if (waiting[index]!.length === 0) waiting.splice(index, 1)
      this.#time.after(0, () => this.enter(thread, source, run))
    }
  }

  #after(thread: Thread, ms: number, fire: () => void): () => void {
    let cancelled = false
    const stop = this.#time.after(ms, () => this.enter(thread, 'timer', () => cancelled || fire()))
    return () => {
      cancelled = true
      stop()
    }
  }
}

/** A machine, whose wall clock may be wrong. */
export class Machine {
  readonly number: number
  readonly #time: VirtualTime
  /** Milliseconds by which its wall clock is ahead. */
  skew = 0

  constructor(number: number, time: VirtualTime) {
    this.number = number
    this.#time = time
  }

  get wall(): number {
    return Math.floor(epoch + this.#time.now + this.skew)
  }
}
