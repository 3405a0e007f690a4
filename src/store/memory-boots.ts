import type { Clock } from '../core/clock.ts'
import type { BootId } from '../core/task.ts'
import type { Boot, LivingBoot } from './store.ts'

/** Every boot that there was, in the memory store, where one lives at a time. */
export class MemoryBoots {
  readonly #clock: Pick<Clock, 'now'>
  readonly #started = new Map<BootId, Readonly<{ boot: Boot; startedAt: number }>>()
  #living: BootId | undefined

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  start(boot: Boot): void {
    if (this.#started.has(boot.id)) throw new Error(`there was a boot ${boot.id} already`)
    this.#started.set(boot.id, { boot, startedAt: this.#clock.now() })
    this.#living = boot.id
  }

  end(id: BootId): void {
    if (this.isAlive(id)) this.#living = undefined
  }

  isAlive(id: BootId): boolean {
    return this.#living === id
  }

  living(slotsInUse: (id: BootId) => number): LivingBoot[] {
    const started = this.#started.get(this.#living ?? '')
    if (started === undefined) return []
    const { boot, startedAt } = started
    return [{ ...boot, startedAt, renewedAt: null, slotsInUse: slotsInUse(boot.id) }]
  }
}
