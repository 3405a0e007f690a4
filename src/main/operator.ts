import { readFileSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Patience } from '../index.ts'
import { Output } from '../output.ts'

/** Communication between program and operator: signals and the log. */

/**
 * Resolves with the first stop signal; a second one ends the process immediately. SIGHUP also stops the program, when its
 * terminal is gone or it is sent deliberately, unless the program was started to survive it: `ignored` is called then.
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
 * Whether it was started to outlive its terminal. Node resets an ignored SIGHUP before any of this runs, so only traces
 * tell: the shell's `_` variable, a parent that ignores it and passes that on, or a terminal to which no stream is
 * connected, as `nohup` leaves it.
 */
function survivesHangUp(): boolean {
  if (process.env['_']?.endsWith('/nohup') === true) return true
  try {
    const [, ignored = '0'] =
      /^SigIgn:\s+([0-9a-f]+)/m.exec(readFileSync(`/proc/${process.ppid}/status`, 'utf8')) ?? []
    if ((BigInt(`0x${ignored}`) & 1n) === 1n) return true
    // After the name, which may contain anything: state, parent, group, session, terminal.
    const [, , , , terminal] = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return terminal !== '0' && [0, 1, 2].every((descriptor) => !isatty(descriptor))
  } catch {
    return false
  }
}

/** JSON lines, or human-readable lines. */
export async function openLog(
  { logLevel: level, logFormat: format }: Pick<Config, 'logLevel' | 'logFormat'>,
  onTerminal: boolean,
): Promise<Logger> {
  const { pino } = await import('pino')
  const output = new Output()
  if (format === 'json' || (format === 'auto' && !onTerminal)) return pino({ level }, output)
  const { prettyFactory } = await import('pino-pretty')
  const lineOf = prettyFactory({
    colorize: onTerminal,
    ignore: 'pid,hostname',
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss',
  })
  return pino({ level }, { write: (line: string) => output.write(lineOf(line)) })
}

/** Milliseconds between messages that the database is still unavailable. */
const sayEvery = 10_000

/** Waits for the database as long as necessary, and logs this now and then; a signal ends it. */
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

/** The operator stopped the program before it was ready. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Rejects with `Stopped` if the signal comes first, whatever `work` is doing. */
export function unlessStopped<T>(work: Promise<T>, { signal }: Patience): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Stopped), { once: true })
    work.then(resolve, reject)
  })
}
