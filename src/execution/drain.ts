import { sleep, type Clock } from '../core/clock.ts'
import type { Attempts } from './attempts.ts'
import type { Logger } from '../core/logger.ts'

/** Milliseconds before the end of a drain at which the signals of running code abort. */
const abortBefore = 5_000
/** Milliseconds for giving up on code that ignores even that. */
const givesUpIn = 1_000
const why = 'the node is shutting down'

type Drain = Readonly<{ attempts: Attempts; clock: Clock; logger: Logger; ms: number }>

/**
 * Lets handlers reach a pause point, aborts them shortly before the time is up, and gives up what is still running then.
 * Returns as soon as nothing is running.
 */
export async function drain({ attempts, clock, logger, ms }: Drain): Promise<void> {
  attempts.drain(why)
  const gentle = Math.max(ms / 2, ms - abortBefore)
  if (await endedWithin(gentle, attempts, clock)) return
  attempts.endangered(why)
  if (await endedWithin(ms - gentle, attempts, clock)) return
  logger.warn({ handlers: attempts.alive }, 'handlers still running at the end of the drain were fenced off')
  await Promise.race([attempts.giveUp(), sleep(clock, givesUpIn)])
}

async function endedWithin(ms: number, attempts: Attempts, clock: Clock): Promise<boolean> {
  const over = new AbortController()
  const late = sleep(clock, ms, over.signal).then(
    () => false,
    () => true,
  )
  const ended = await Promise.race([attempts.ended().then(() => true), late])
  over.abort()
  return ended
}
