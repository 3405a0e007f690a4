import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Patience } from '../index.ts'
import { Output } from '../output.ts'

/** What the program and its operator say to each other: signals, and the log. */

/**
 * Resolves with the first signal to stop; the second one ends the process at once. A hang-up stops it too, when its terminal
 * is gone or it is sent on purpose, unless the program was started to survive that: `ignored` is told then.
 */
export function signalled(ignored?: () => void): Promise<NodeJS.Signals> {
  const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let stopping = false
  for (const [signal, code] of Object.entries(codes)) {
    if (signal === 'SIGHUP' && survivesHangUp()) {
      process.on(signal, () => ignored?.())
      continue
    }
    process.on(signal, () => {
      if (stopping) process.exit(code)
      stopping = true
      resolve(signal as NodeJS.Signals)
    })
  }
  return promise
}

/**
 * Whether it was started to outlive its terminal. Node resets an ignored SIGHUP before any of this runs, so that only its
 * traces tell: the shell's word for what it started, a parent that ignores it and hands that on, or a terminal to which nothing is
 * connected, as `nohup` leaves it.
 */
function survivesHangUp(): boolean {
  if (process.env['_']?.endsWith('/nohup') === true) return true
  try {
    const [, ignored = '0'] =
      /^SigIgn:\s+([0-9a-f]+)/m.exec(readFileSync(`/proc/${process.ppid}/status`, 'utf8')) ?? []
    if ((BigInt(`0x${ignored}`) & 1n) === 1n) return true
    // After the name, which may hold anything: state, parent, group, session, terminal.
    const [, , , , terminal] = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return terminal !== '0' && [0, 1, 2].every((descriptor) => !isatty(descriptor))
  } catch {
    return false
  }
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
