/** Time as an argument: the real clock is at the rim, and tests bring their own. */
export type Clock = Readonly<{
  /** Unix milliseconds. */
  now(): number
  /** Monotonic milliseconds, for durations. Stops while the machine sleeps. */
  monotonic(): number
  /**
   * Monotonic milliseconds that include the machine's sleep. A clock without this method is treated as one that never
   * sleeps.
   */
  uptime?(): number
  /** Calls `fire` once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, fire: () => void): () => void
  /** Resolves in a later turn of the event loop. A clock without this method uses the event loop of the process. */
  turn?(): Promise<void>
}>

/** Lets others have a turn of the event loop. */
export function turn(clock: Clock): Promise<void> {
  return clock.turn?.() ?? new Promise((resolve) => setImmediate(resolve))
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep(clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason)
      return
    }
    const stop = clock.after(ms, () => {
      signal?.removeEventListener('abort', aborted)
      resolve()
    })
    const aborted = () => {
      stop()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', aborted, { once: true })
  })
}
