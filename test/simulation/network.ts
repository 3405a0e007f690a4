import type { Chance } from '../support/chance.ts'
import type { Signal, Signals } from '../../src/store/sharing.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { VirtualTime } from './virtual-time.ts'

type Listener = Readonly<{ process: SimulatedProcess; hear: (signal: Signal) => void }>

/** Notifications between nodes: mostly they arrive within milliseconds, and nothing relies on it. */
export class Network {
  /** From 0 to 1. */
  lost = 0
  doubled = 0
  /** Maximum milliseconds on the way. */
  late = 20
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #listeners = new Set<Listener>()

  constructor(time: VirtualTime, chance: Chance) {
    this.#time = time
    this.#chance = chance
  }

  of(process: SimulatedProcess): Signals {
    return {
      send: (signal) => {
        for (const listener of this.#listeners) {
          if (listener.process !== process) this.#carry(signal, listener)
        }
      },
      hear: (hear) => {
        const listener = { process, hear }
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  #carry(signal: Signal, listener: Listener): void {
    const chance = this.#chance
    const copies = chance.next() < this.lost ? 0 : chance.next() < this.doubled ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      this.#time.after(chance.between(1, this.late), () => {
        if (!this.#listeners.has(listener)) return
        listener.process.enter('main', 'signal', () => listener.hear(signal))
      })
    }
  }
}
