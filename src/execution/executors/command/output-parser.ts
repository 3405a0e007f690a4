import { childTitle, mustBeChildName, type SpawnRequest } from '../../../core/child.ts'
import { joinModes, type JoinMode } from '../../../core/join.ts'
import { toErrorRecord } from '../../../core/error-record.ts'
import { parseDuration } from '../../../core/duration.ts'
import { inexactIn } from '../../../core/exact-json.ts'
import { TaskError, TooLarge } from '../../../core/errors.ts'
import { longestDuration } from '../../../core/outcome.ts'
import { mustBeStepName, type StepKey } from '../../../core/step.ts'
import { mustBeWaitName, waitLimits, type WaitRequest } from '../../../core/wait.ts'
import type { ErrorRecord, Json } from '../../../core/task.ts'
import { clip, clipFront, tail } from '../../../core/text.ts'
import { Backlog, type LogLines } from '../backlog.ts'
import { limits, NotJson, toJson } from '../json.ts'
import { lastDrawn } from './lines.ts'

/** Characters of plain output to keep as the result of a command that writes none. */
export const outputKept = 65_536
/** The last words of a command, which its failure repeats: lines, characters of each, and of all. */
const lastLines = 8
const lastLine = 1_000
const lastWords = 2_000
/** Milliseconds between two log lines of a line that is redrawn. */
const drawnEvery = 1_000

export type Said = Readonly<{
  log: LogLines
  /** The latest of each kind. */
  progress?: SaidProgress
  checkpoint?: Json
  result?: Json
  /** Steps that it has done, in order. */
  steps?: readonly SaidStep[]
  /** Children that it wants to start, in order. */
  spawns?: readonly SaidSpawn[]
  /** Milliseconds that it wants to sleep once it has exited. */
  sleep?: number
  /** What it wants to wait for once it has exited. */
  wait?: SaidWait
  /** The children for which it wants to wait once it has exited. */
  join?: SaidJoin
  /** A protocol violation, which fails the run. */
  fault?: ErrorRecord
}>

/** `occurrence`: null for the next use of the name. */
export type SaidSpawn = Pick<SpawnRequest, 'type' | 'name' | 'options'> &
  Readonly<{ occurrence: number | null; parameters: Json }>
export type SaidWait = Omit<WaitRequest, 'timedOut'>

/** `children`: null for all that this process has asked for. */
export type SaidJoin = Readonly<{ mode: JoinMode; children: readonly StepKey[] | null }>

export type SaidStep = StepKey & Readonly<{ result: Json }>

export type SaidProgress = Readonly<{ current: number; total?: number; message?: string }>

type Source = 'stdout' | 'stderr'

/**
 * What a command reports, from one report to the next (docs/commands.md). Protocol lines are never dropped, only replaced by
 * newer ones of their kind; plain output and the log are bounded, and keep the newest.
 */
export class OutputParser {
  readonly #backlog = new Backlog()
  #output = ''
  readonly #last: Record<Source, string[]> = { stdout: [], stderr: [] }
  readonly #drawn = { stdout: new Drawing(), stderr: new Drawing() }
  #documents: Omit<Said, 'log'> = {}

  /** The latest plain output. */
  get output(): string {
    return tail(this.#output, outputKept)
  }

  /** The latest lines of standard error, or of plain output if there are none. */
  get lastError(): string {
    const { stdout, stderr } = this.#last
    return clipFront((stderr.length > 0 ? stderr : stdout).join('\n'), lastWords)
  }

  get isEmpty(): boolean {
    const { stdout, stderr } = this.#drawn
    return (
      this.#backlog.isEmpty &&
      Object.keys(this.#documents).length === 0 &&
      stdout.waiting === undefined &&
      stderr.waiting === undefined
    )
  }

  /** A line. `cut`: it was too long, and this is its beginning; `ended`: by a line feed. */
  hear(from: Source, text: string, { cut, ended }: Readonly<{ cut: boolean; ended: boolean }>): void {
    const drawing = this.#drawn[from]
    const shown = lastDrawn(text)
    const spoken = text.startsWith('{') ? text : shown.trimStart()
    const line = from === 'stdout' && spoken.startsWith('{') ? this.#spoken(spoken, cut) : undefined
    if (line === undefined) {
      this.#plain(from, shown, drawing.isShown(shown))
      if (from === 'stdout') this.#print(text, ended)
    } else this.#obey(line, spoken)
    drawing.clear()
  }

  /** The current state of an unfinished line; undefined if it is not redrawn. */
  draw(from: Source, state: string | undefined): void {
    this.#drawn[from].draw(state)
  }

  /** Undefined if there is nothing; `urged`: even if log lines should wait. */
  take(urged: boolean): Said | undefined {
    for (const drawing of Object.values(this.#drawn)) {
      const state = drawing.take()
      if (state !== undefined) this.#backlog.add(state)
    }
    const log = this.#backlog.take(urged)
    const documents = this.#documents
    if (log.lines.length === 0 && Object.keys(documents).length === 0) return undefined
    this.#documents = {}
    return { log, ...documents }
  }

  #plain(from: Source, line: string, isLogged: boolean): void {
    if (!isLogged) this.#backlog.add(line)
    if (line.trim() === '') return
    const last = this.#last[from]
    last.push(clipFront(line, lastLine))
    if (last.length > lastLines) last.shift()
  }

  #print(text: string, ended: boolean): void {
    this.#output += `${tail(text, outputKept)}${ended ? '\n' : ''}`
    if (this.#output.length > 4 * outputKept) this.#output = this.output
  }

  /** Undefined for plain output. Leading spaces or a byte order mark are ignored. */
  #spoken(spoken: string, cut: boolean): Line | undefined {
    if (!cut) return protocolLine(spoken)
    const word = /^\{\s*"(checkpoint|result|step|spawn)"\s*:/.exec(spoken)?.[1]
    if (word === undefined) return undefined
    const what = tooLong[word as keyof typeof tooLong]
    this.#fail(new TooLarge(what, limits[what]))
    return {}
  }

  #obey(line: Line, text: string): void {
    try {
      mustBeExact(line, text)
      this.#speak(line)
    } catch (error) {
      this.#fail(error)
    }
  }

  #speak({ progress, checkpoint, step, spawn, sleep, wait, join, log, result }: Line): void {
    if ((progress ?? null) !== null) this.#report(progress)
    if (checkpoint !== undefined) this.#say({ checkpoint: toJson(checkpoint, 'checkpoint') })
    if (step !== undefined) this.#say({ steps: [...(this.#documents.steps ?? []), stepOf(step)] })
    if (spawn !== undefined) this.#say({ spawns: [...(this.#documents.spawns ?? []), spawnOf(spawn)] })
    if ((sleep ?? null) !== null) this.#say({ sleep: sleepOf(sleep) })
    if ((wait ?? null) !== null) this.#say({ wait: waitOf(wait) })
    if ((join ?? null) !== null) this.#say({ join: joinOf(join) })
    if ((log ?? null) !== null) this.#backlog.add(typeof log === 'string' ? log : JSON.stringify(log))
    if (result !== undefined) this.#say({ result: toJson(result, 'result') })
  }

  /** A mistake in it is only logged: the work itself may be fine. */
  #report(value: unknown): void {
    const progress = progressOf(value)
    if (typeof progress === 'object') this.#say({ progress })
    else this.#backlog.add(`Progress ignored: ${progress} It was ${clip(JSON.stringify(value), 200)}.`)
  }

  #say(documents: Omit<Said, 'log'>): void {
    this.#documents = { ...this.#documents, ...documents }
  }

  #fail(error: unknown): void {
    if (this.#documents.fault === undefined) this.#say({ fault: toErrorRecord(error) })
  }
}

/** One protocol line; anything else is plain output. */
type Line = Readonly<{
  progress?: unknown
  checkpoint?: unknown
  step?: unknown
  spawn?: unknown
  sleep?: unknown
  wait?: unknown
  join?: unknown
  log?: unknown
  result?: unknown
}>

const words = ['progress', 'checkpoint', 'step', 'spawn', 'sleep', 'wait', 'join', 'log', 'result'] as const

/** What a line that is too long would store. */
const tooLong = {
  checkpoint: 'checkpoint',
  result: 'result',
  step: 'step result',
  spawn: 'parameters',
} as const

function protocolLine(text: string): Line | undefined {
  try {
    const value = JSON.parse(text) as Line
    return words.some((word) => value[word] !== undefined) ? value : undefined
  } catch {
    return undefined
  }
}

/** What a command wrote is stored unchanged. Throws `NotJson`. */
function mustBeExact({ checkpoint, step, spawn, result }: Line, text: string): void {
  const isStored = [checkpoint, step, spawn, result].some((document) => document !== undefined)
  const inexact = isStored ? inexactIn(text) : undefined
  if (inexact !== undefined) throw new NotJson(`${inexact.path}: ${inexact.message}.`)
}

class StepInvalid extends TaskError {
  readonly code = 'STEP_INVALID'
}

/** Throws `StepInvalid`, `NotJson` or `TooLarge`. */
function stepOf(said: unknown): SaidStep {
  const { name, occurrence, result } = (said ?? {}) as Readonly<Record<string, unknown>>
  try {
    mustBeStepName(name)
  } catch (error) {
    throw new StepInvalid(toErrorRecord(error).message)
  }
  const use = occurrence ?? 1
  if (typeof use !== 'number' || !Number.isInteger(use) || use < 1)
    throw new StepInvalid('The occurrence of a step must be a whole number from 1.')
  return { name, occurrence: use, result: toJson(result, 'step result') }
}

class SpawnInvalid extends TaskError {
  readonly code = 'SPAWN_INVALID'
}

/** Options are written as in a request: `on_parent_end`. Throws `SpawnInvalid`, `NotJson` or `TooLarge`. */
function spawnOf(said: unknown): SaidSpawn {
  const {
    type,
    name = type,
    occurrence,
    parameters = {},
    ...options
  } = (said ?? {}) as Readonly<Record<string, unknown>>
  if (typeof type !== 'string' || type === '') throw new SpawnInvalid('A child needs a type.')
  try {
    mustBeChildName(name)
  } catch (error) {
    throw new SpawnInvalid(toErrorRecord(error).message)
  }
  if (occurrence !== undefined && !(Number.isInteger(occurrence) && (occurrence as number) >= 1))
    throw new SpawnInvalid('The occurrence of a child must be a whole number from 1.')
  return {
    type,
    name,
    occurrence: (occurrence as number | undefined) ?? null,
    parameters: toJson(parameters, 'parameters'),
    options: Object.fromEntries(Object.entries(options).map(([key, value]) => [inCode(key), value])),
  }
}

function inCode(option: string): string {
  return option.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

class SleepInvalid extends TaskError {
  readonly code = 'SLEEP_INVALID'

  constructor(said: unknown) {
    super(
      `A sleep must be a duration: seconds or text like "10m". It was ${clip(JSON.stringify(said), 200)}.`,
    )
  }
}

function sleepOf(said: unknown): number {
  const ms = typeof said === 'number' || typeof said === 'string' ? parseDuration(said) : undefined
  if (ms === undefined || ms > longestDuration) throw new SleepInvalid(said)
  return ms
}

class WaitInvalid extends TaskError {
  readonly code = 'WAIT_INVALID'
}

/** A text is a name. Throws `WaitInvalid`. */
function waitOf(said: unknown): SaidWait {
  const told = typeof said === 'string' ? { name: said } : said
  const { name, occurrence, schema, message, timeout } = (told ?? {}) as Readonly<Record<string, unknown>>
  try {
    mustBeWaitName(name)
  } catch (error) {
    throw new WaitInvalid(toErrorRecord(error).message)
  }
  const use = occurrence ?? 1
  if (typeof use !== 'number' || !Number.isInteger(use) || use < 1)
    throw new WaitInvalid('The occurrence of a wait must be a whole number from 1.')
  if ((message ?? null) !== null && (typeof message !== 'string' || message.length > waitLimits.message))
    throw new WaitInvalid(`The message of a wait must be text of at most ${waitLimits.message} characters.`)
  if ((schema ?? null) !== null && (typeof schema !== 'object' || Array.isArray(schema)))
    throw new WaitInvalid('The schema of a wait must be a JSON schema: an object.')
  const text = (schema ?? null) === null ? null : JSON.stringify(schema)
  if (text !== null && Buffer.byteLength(text) > waitLimits.schema)
    throw new TooLarge('schema of a wait', waitLimits.schema)
  const limit =
    typeof timeout === 'number' || typeof timeout === 'string' ? parseDuration(timeout) : undefined
  if ((timeout ?? null) !== null && (limit === undefined || limit > longestDuration))
    throw new WaitInvalid('The timeout of a wait must be a duration: seconds or text like "10m".')
  return {
    name,
    occurrence: use,
    schema: text,
    message: (message ?? null) as string | null,
    timeout: limit ?? null,
  }
}

class JoinInvalid extends TaskError {
  readonly code = 'JOIN_INVALID'
}

/** A text is the mode, for all children of the process. Throws `JoinInvalid`. */
function joinOf(said: unknown): SaidJoin {
  const told = typeof said === 'string' ? { mode: said } : said
  const { mode, children } = (told ?? {}) as Readonly<Record<string, unknown>>
  if (!(joinModes as readonly unknown[]).includes(mode))
    throw new JoinInvalid(`The mode of a join must be one of ${joinModes.join(', ')}.`)
  if ((children ?? null) === null) return { mode: mode as JoinMode, children: null }
  if (!Array.isArray(children)) throw new JoinInvalid('The children of a join must be a list.')
  return { mode: mode as JoinMode, children: children.map(joinedOf) }
}

/** A text is a name. */
function joinedOf(said: unknown): StepKey {
  const told = typeof said === 'string' ? { name: said } : said
  const { name, occurrence = 1 } = (told ?? {}) as Readonly<Record<string, unknown>>
  try {
    mustBeChildName(name)
  } catch (error) {
    throw new JoinInvalid(toErrorRecord(error).message)
  }
  if (!Number.isInteger(occurrence) || (occurrence as number) < 1)
    throw new JoinInvalid('The occurrence of a child must be a whole number from 1.')
  return { name, occurrence: occurrence as number }
}

/** The process has started no such child. */
export function notStarted({ name, occurrence }: StepKey): TaskError {
  return new JoinInvalid(
    `The program has started no child ${childTitle(name, occurrence)} in this run. Repeat its spawn line: no child is started twice.`,
  )
}

/** Many languages write null for omitted values. Returns what is wrong otherwise. */
function progressOf(value: unknown): SaidProgress | string {
  const { current, total, message } = value as Readonly<Record<string, unknown>>
  const isNumber = (number: unknown): number is number =>
    typeof number === 'number' && Number.isFinite(number)
  if (!isNumber(current)) return 'current must be a number.'
  if ((total ?? null) !== null && !isNumber(total))
    return 'total must be a number, or null while it is unknown.'
  return {
    current,
    ...(isNumber(total) ? { total } : {}),
    ...((message ?? null) === null
      ? {}
      : { message: typeof message === 'string' ? message : JSON.stringify(message) }),
  }
}

/** A line that is redrawn before it ends: the log shows its latest state from time to time. */
class Drawing {
  #state: string | undefined
  #shown: string | undefined
  #shownAt = Number.NEGATIVE_INFINITY

  /** A state that has not been logged. */
  get waiting(): string | undefined {
    return this.#state === this.#shown ? undefined : this.#state
  }

  isShown(state: string): boolean {
    return this.#shown === state
  }

  draw(state: string | undefined): void {
    this.#state = state?.trim() === '' ? undefined : state
  }

  take(): string | undefined {
    const { waiting } = this
    const now = performance.now()
    if (waiting === undefined || now - this.#shownAt < drawnEvery) return undefined
    this.#shownAt = now
    this.#shown = waiting
    return waiting
  }

  clear(): void {
    this.#state = undefined
    this.#shown = undefined
  }
}
