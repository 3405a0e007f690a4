import type { Awaits } from './awaits.ts'

/**
 * A task that sleeps is `waiting` until its `runAt`. What its handler needs to know in a later run is stored with it: a run that starts from
 * the same checkpoint comes to the same sleeps in the same order.
 */

/** Milliseconds: shorter sleeps keep their slot. */
export const shortSleep = 1_000

/** The sleeps that a run has begun since its last checkpoint, in order. */
export type Sleeps = Readonly<{
  /** Those that were over before any in `after`. */
  over: number
  /** How long after the `runAt` of the task each of the next ones ends, in milliseconds. */
  after: readonly number[]
}>

/** That a handler has nothing to do for a while. All times in milliseconds. */
export type SleepRequest = Readonly<{
  /** Until it has something to do because of time; null if never. */
  wakeIn: number | null
  /** What else gives it something to do. */
  awaits: Awaits | null
  over: number
  /** Until each of the next ones ends. */
  left: readonly number[]
}>

/** For a later run: the remaining milliseconds of each sleep after the first `over`. */
export type SleepsLeft = Readonly<{ over: number; left: readonly number[] }>

export function sleepsOf({ wakeIn, over, left }: SleepRequest): Sleeps {
  return { over, after: left.map((ms) => Math.max(0, Math.ceil(ms - (wakeIn ?? 0)))) }
}

/** A task that was claimed has been woken, so the first of them is over, whatever the wall clock says by now. */
export function sleepsLeft(
  { sleeps, runAt }: Readonly<{ sleeps: Sleeps | null; runAt: number | null }>,
  now: number,
): SleepsLeft | null {
  if (sleeps === null) return null
  const since = runAt === null ? 0 : Math.max(0, now - runAt)
  return { over: sleeps.over, left: sleeps.after.map((ms) => Math.max(0, ms - since)) }
}

/** The same sleeps, from an earlier `runAt`. */
export function startingFrom(
  earlier: number,
  { sleeps, runAt }: Readonly<{ sleeps: Sleeps | null; runAt: number | null }>,
): Sleeps | null {
  if (sleeps === null || runAt === null) return sleeps
  return { over: sleeps.over, after: sleeps.after.map((ms) => ms + Math.max(0, runAt - earlier)) }
}
