import type { Clock } from '../core/clock.ts'
import { StoreDamaged, StoreLost, StoreUnavailable } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** Milliseconds between two warnings of the same words. */
const sayEvery = 10_000

/**
 * While the store is away every part of the node says so at each of its tries, and at each call: an operator needs to read it
 * now and then, and a full disk may be the one that the log is on. Warnings of an absent store are said once in ten seconds,
 * with the number of those that were `unsaid` in between; all others at once.
 */
export function throttledLogger(logger: Logger, clock: Clock): Logger {
  const said = new Map<string, { at: number; unsaid: number }>()
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    error: (fields, message) => logger.error(fields, message),
    warn(fields, text) {
      const lasting = 'err' in fields ? lastingTrouble(fields.err) : undefined
      const message = lasting ?? text
      const ofStore = 'err' in fields && fields.err instanceof StoreUnavailable
      const last = ofStore ? said.get(message) : undefined
      const now = clock.monotonic()
      if (last !== undefined && now - last.at < sayEvery) {
        last.unsaid++
        return
      }
      if (ofStore) said.set(message, { at: now, unsaid: 0 })
      const level = lasting === undefined ? 'warn' : 'error'
      logger[level](
        last === undefined || last.unsaid === 0 ? fields : { ...fields, unsaid: last.unsaid },
        message,
      )
    },
  }
}

/** Which does not end by itself: it is one line for all parts of the node, and an error. */
function lastingTrouble(error: unknown): string | undefined {
  if (error instanceof StoreLost) return 'the database is lost'
  return error instanceof StoreDamaged ? 'the database is damaged' : undefined
}
