import type { Clock } from '../core/clock.ts'
import type { Store } from '../store/store.ts'

/** One node's view of a clock and a store that outlive it. Once it is killed, nothing it waits for ever completes. */
export class Mortal {
  readonly clock: Clock
  readonly store: Store
  #alive = true

  constructor(clock: Clock, store: Store) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      ...(clock.uptime === undefined ? {} : { uptime: clock.uptime.bind(clock) }),
      after: (ms, fire) => clock.after(ms, () => this.#alive && fire()),
    }
    this.store = new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (key === Symbol.asyncDispose) return async () => {}
        if (key === 'now') return () => target.now()
        if (key === 'schedules' || key === 'limits' || key === 'webhooks')
          return this.#mortal(value as object)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.outlive(() => value.apply(target, args) as Promise<unknown>)
      },
    })
  }

  /** A part of the store, for as long as the node lives. */
  #mortal<T extends object>(part: T): T {
    return new Proxy(part, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.outlive(() => value.apply(target, args) as Promise<unknown>)
      },
    })
  }

  get alive(): boolean {
    return this.#alive
  }

  kill(): void {
    this.#alive = false
  }

  /** The result of the promise, if the node lives until then. */
  async outlive<T>(promise: () => Promise<T>): Promise<T> {
    if (!this.#alive) return never()
    try {
      return await promise()
    } catch (error) {
      if (this.#alive) throw error
      return never()
    } finally {
      if (!this.#alive) await never()
    }
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
