import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Patience } from '../index.ts'
import { Output } from '../output.ts'

/** What the program and its operator say to each other: signals, and the log. */

/** Resolves with the first signal to stop; the second one ends the process at once. */
export function signalled(): Promise<NodeJS.Signals> {
  const codes = { SIGINT: 130, SIGTERM: 143 } as const
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let stopping = false
  for (const [signal, code] of Object.entries(codes)) {
    process.on(signal, () => {
      if (stopping) process.exit(code)
      stopping = true
      resolve(signal as NodeJS.Signals)
    })
  }
  return promise
}

/** Handlers are code of users: a promise that they forgot must not take the other tasks down. */
export function surviveFaults(logger: Logger): void {
  process.on('unhandledRejection', (reason) => {
    logger.error({ err: reason }, 'a promise was rejected and nobody listened; the server goes on')
  })
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'an error was thrown where nobody could catch it; the server ends')
    process.exit(1)
  })
}

/** JSON lines, or lines for people on a terminal. */
export async function openLog(
  { logLevel: level }: Pick<Config, 'logLevel'>,
  onTerminal: boolean,
): Promise<Logger> {
  const { pino } = await import('pino')
  if (!onTerminal) return pino({ level }, new Output())
  const { default: pretty } = await import('pino-pretty')
  return pino(
    { level },
    pretty({ sync: true, ignore: 'pid,hostname', singleLine: true, translateTime: 'SYS:HH:MM:ss' }),
  )
}

/** Of the URL of a database, for those who read logs. */
export function withoutPassword(database: string): string {
  return database.replace(/^(\w+:\/\/[^:/@]*):[^@]*@/, '$1:***@').replace(/([?&]password=)[^&]*/g, '$1***')
}

/** Milliseconds between lines that say that the database is still not there. */
const sayEvery = 10_000

/** Waits for the database as long as it takes, and says so now and then; a signal ends it. */
export function patienceWith(logger: Logger, stopped: Promise<unknown>): Patience {
  const ending = new AbortController()
  void stopped.then(() => ending.abort(new Stopped()))
  let said = Number.NEGATIVE_INFINITY
  return {
    signal: ending.signal,
    waiting({ message: reason }, waited) {
      if (waited - said < sayEvery) return
      said = waited
      logger.warn({ reason, waited_seconds: Math.round(waited / 1_000) }, 'waiting for the database')
    },
  }
}

/** The operator has ended the program before it was ready. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Rejects with `Stopped` when the signal comes first, whatever `work` is still at. */
export function unlessStopped<T>(work: Promise<T>, { signal }: Patience): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Stopped), { once: true })
    work.then(resolve, reject)
  })
}
