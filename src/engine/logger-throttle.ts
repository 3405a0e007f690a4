import type { Clock } from '../core/clock.ts'
import { StoreDamaged, StoreLost, StoreUnavailable } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** Milliseconds between two warnings with the same text. */
const sayEvery = 10_000

/**
 * While the store is unavailable, every part of the node reports it at each attempt and each call. An operator only needs to
 * see it occasionally, and the full disk may be the one the log is on. Warnings of an unavailable store are logged once in
 * ten seconds, with the number that were `unsaid` in between; all others immediately.
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

/** This does not end on its own: it is one line for all parts of the node, and an error. */
function lastingTrouble(error: unknown): string | undefined {
  if (error instanceof StoreLost) return 'the database is lost'
  return error instanceof StoreDamaged ? 'the database is damaged' : undefined
}
