import { toErrorRecord } from '../core/error-record.ts'
import { inexactIn } from '../core/exact-json.ts'
import { TaskError, TooLarge } from '../core/errors.ts'
import type { ErrorRecord, Json } from '../core/task.ts'
import { clip, tail } from '../core/text.ts'
import { Backlog, type LogLines } from './backlog.ts'
import { limits, NotJson, toJson } from './json.ts'

/** Characters of plain output that are kept as the result of a command that writes none. */
export const outputKept = 65_536

export type Said = Readonly<{
  log: LogLines
  /** The newest of each kind. */
  progress?: SaidProgress
  checkpoint?: Json
  result?: Json
  /** It broke the protocol, which fails it. */
  fault?: ErrorRecord
}>

export type SaidProgress = Readonly<{ current: number; total?: number; message?: string }>

export class SpeechInvalid extends TaskError {
  readonly code = 'COMMAND_FAILED'
}

/**
 * What a command says, from one report to the next (docs/commands.md). Lines of the protocol are never dropped, only replaced by
 * newer ones of their kind; plain output and the log are bounded, with the newest kept.
 */
export class Speech {
  readonly #backlog = new Backlog()
  #output = ''
  #lastError = ''
  #documents: Omit<Said, 'log'> = {}

  /** The newest plain output. */
  get output(): string {
    return tail(this.#output, outputKept)
  }

  /** The newest line of standard error. */
  get lastError(): string {
    return this.#lastError
  }

  get isEmpty(): boolean {
    return this.#backlog.isEmpty && Object.keys(this.#documents).length === 0
  }

  hear(from: 'stdout' | 'stderr', text: string, cut: boolean): void {
    if (from === 'stderr') {
      if (text.trim() !== '') this.#lastError = clip(text, 1_000)
      this.#backlog.add(text)
      return
    }
    const line = text.startsWith('{') ? this.#spoken(text, cut) : undefined
    if (line === undefined) {
      this.#backlog.add(text)
      this.#output += `${tail(text, outputKept)}\n`
      if (this.#output.length > 4 * outputKept) this.#output = this.output
      return
    }
    try {
      mustBeExact(line, text)
      this.#speak(line)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Undefined when there is nothing; `urged`: whether or not log lines may go already. */
  take(urged: boolean): Said | undefined {
    const log = this.#backlog.take(urged)
    const documents = this.#documents
    if (log.lines.length === 0 && Object.keys(documents).length === 0) return undefined
    this.#documents = {}
    return { log, ...documents }
  }

  #spoken(text: string, cut: boolean): Line | undefined {
    if (!cut) return protocolLine(text)
    const word = /^\{\s*"(checkpoint|result)"\s*:/.exec(text)?.[1] as 'checkpoint' | 'result' | undefined
    if (word === undefined) return undefined
    this.#fail(new TooLarge(word, limits[word]))
    return {}
  }

  #speak({ progress, checkpoint, log, result }: Line): void {
    if (progress !== undefined) this.#say({ progress: progressOf(progress) })
    if (checkpoint !== undefined) this.#say({ checkpoint: toJson(checkpoint, 'checkpoint') })
    if (log !== undefined) this.#backlog.add(typeof log === 'string' ? log : JSON.stringify(log))
    if (result !== undefined) this.#say({ result: toJson(result, 'result') })
  }

  #say(documents: Omit<Said, 'log'>): void {
    this.#documents = { ...this.#documents, ...documents }
  }

  #fail(error: unknown): void {
    if (this.#documents.fault === undefined) this.#say({ fault: toErrorRecord(error) })
  }
}

/** One line of the protocol; anything else is plain output. */
type Line = Readonly<{ progress?: unknown; checkpoint?: unknown; log?: unknown; result?: unknown }>

const words = ['progress', 'checkpoint', 'log', 'result'] as const

function protocolLine(text: string): Line | undefined {
  try {
    const value = JSON.parse(text) as Line
    return words.some((word) => value[word] !== undefined) ? value : undefined
  } catch {
    return undefined
  }
}

/** What is kept of a command is what it wrote. Throws `NotJson`. */
function mustBeExact({ checkpoint, result }: Line, text: string): void {
  const inexact = checkpoint === undefined && result === undefined ? undefined : inexactIn(text)
  if (inexact !== undefined) throw new NotJson(`${inexact.path}: ${inexact.message}.`)
}

/** Many languages write null for what is left out. */
function progressOf(value: unknown): SaidProgress {
  const { current, total, message } = (value ?? {}) as Readonly<Record<string, unknown>>
  const isNumber = (number: unknown) => typeof number === 'number' && Number.isFinite(number)
  if (!isNumber(current) || ((total ?? null) !== null && !isNumber(total))) {
    throw new SpeechInvalid(
      `The command wrote a progress that is not valid: current must be a number, and total too if it is given; it was ${clip(JSON.stringify(value), 200)}.`,
    )
  }
  return {
    current: current as number,
    ...(typeof total === 'number' ? { total } : {}),
    ...((message ?? null) === null
      ? {}
      : { message: typeof message === 'string' ? message : JSON.stringify(message) }),
  }
}
