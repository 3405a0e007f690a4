import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that only a hang takes, however busy the machine is. */
export const aMinute = 60_000

/**
 * Waits before the next poll: an eighth of the time waited so far, 5 to 200 ms. A condition that comes soon is seen soon, and
 * many tests that wait for a long time leave the processor to those that compute.
 */
export const beforeNextPoll = (began: number): Promise<void> =>
  sleep(Math.min(200, Math.max(5, (performance.now() - began) / 8)))

/** For controls: waits until they have taken effect, and not only as long as a user would. */
export const patiently = { wait: aMinute } as const

/** Waits until a value is found, or true, and returns it. Throws with `what` if that takes too long. */
export async function until<T>(
  what: string,
  find: () => T | Promise<T>,
  ms = aMinute,
): Promise<NonNullable<T>> {
  const began = performance.now()
  for (;;) {
    const found = await find()
    if (found !== false && found !== undefined && found !== null) return found
    if (performance.now() - began > ms) throw new Error(`not within ${ms} ms: ${what}`)
    await beforeNextPoll(began)
  }
}
