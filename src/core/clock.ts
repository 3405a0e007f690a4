/** Time as an argument: the real clock stands at the rim, tests bring their own. */
export type Clock = Readonly<{
  /** Unix milliseconds. */
  now(): number
  /** Milliseconds that never jump, for durations. Stands still while the machine sleeps. */
  monotonic(): number
  /** Milliseconds that never jump, the sleep of the machine included. A clock without it stands for one that never sleeps. */
  uptime?(): number
  /** Calls `fire` once after `ms`; the answer takes it back. Does not keep the process alive. */
  after(ms: number, fire: () => void): () => void
}>

/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
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
