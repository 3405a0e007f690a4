import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that only a hang takes, however busy the machine is. */
export const aMinute = 60_000

/** For controls: waits until they have taken effect, and not only as long as a user would. */
export const patiently = { wait: aMinute } as const

/** Waits until a value is found, or true, and returns it. Throws with `what` if that takes too long. */
export async function until<T>(
  what: string,
  find: () => T | Promise<T>,
  ms = aMinute,
): Promise<NonNullable<T>> {
  const end = performance.now() + ms
  for (;;) {
    const found = await find()
    if (found !== false && found !== undefined && found !== null) return found
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(20)
  }
}
