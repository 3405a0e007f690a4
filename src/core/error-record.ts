import type { ErrorRecord } from './task.ts'
import { clip } from './text.ts'

/** Maximum reasons to report for one error: its causes, the errors of an `AggregateError`, and theirs. */
const mostReasons = 16

/** Maximum lengths in a record. */
const longest = { code: 100, name: 100, message: 4_096, stack: 8_192 } as const

const unreadable = 'a value that cannot be shown was thrown'

/**
 * Any thrown value as a record. Its causes are included in the message, and their stacks after its own. Never throws,
 * whatever was thrown: a revoked proxy, an error whose properties throw, a circular chain of causes.
 */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  if (!isError(thrown)) return { code: 'ERROR', name: 'Error', message: clip(shown(thrown), longest.message) }
  const stack = stackOf(thrown)
  return {
    code: clip(codeOf(thrown) ?? 'ERROR', longest.code),
    name: clip(textOf(thrown, 'name') ?? 'Error', longest.name),
    message: clip(new Reasons(thrown).message, longest.message),
    ...(stack === undefined ? {} : { stack: clip(stack, longest.stack) }),
  }
}

/** Any value as text; an error with its stack. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value
  if (isError(value)) return stackOf(value) ?? new Reasons(value).message
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return asText(value) ?? unreadable
  }
}

/** Whether the value is an instance of the class. If a proxy throws when asked, it is not. */
export function isInstance(value: unknown, of: abstract new (...values: never) => unknown): boolean {
  try {
    return value instanceof of
  } catch {
    return false
  }
}

/** The messages of an error and its causes, each once. */
class Reasons {
  readonly message: string
  readonly #seen: object[] = []

  constructor(error: object) {
    this.message = this.#messageOf(error)
  }

  #messageOf(error: object): string {
    this.#seen.push(error)
    const own = clip(textOf(error, 'message') ?? unreadable, longest.message)
    const errors = listOf(error, 'errors')
      .map((each) => this.#reason(each))
      .filter(isSaid)
    const cause = this.#reason(read(error, 'cause'))
    const reasons = [
      ...(errors.length === 0 ? [] : [`errors: ${errors.join('; ')}`]),
      // An error that wraps another often repeats its message.
      ...(cause === '' || own.includes(cause) ? [] : [`cause: ${cause}`]),
    ]
    return reasons.length === 0 ? own : `${own} (${reasons.join('; ')})`.trimStart()
  }

  /** Empty if there is none, or it was already included. */
  #reason(value: unknown): string {
    if (value === undefined || value === null || this.#seen.length > mostReasons) return ''
    if (!isError(value)) return clip(shown(value), 500)
    if (this.#seen.includes(value)) return ''
    const message = this.#messageOf(value)
    const [name, code] = [textOf(value, 'name') ?? '', codeOf(value)]
    const kind = [
      ...(name === '' || name === 'Error' ? [] : [clip(name, longest.name)]),
      ...(code === undefined || message.includes(code) ? [] : [`[${clip(code, longest.code)}]`]),
    ].join(' ')
    return kind === '' || message === ''
      ? kind + message
      : `${kind}${message.startsWith('(') ? ' ' : ': '}${message}`
  }
}

/** Its own stack and those of its causes. */
function stackOf(error: object): string | undefined {
  const own = read(error, 'stack')
  if (typeof own !== 'string') return undefined
  const stacks = [own]
  const seen = [error]
  for (
    let cause = read(error, 'cause');
    isError(cause) && !seen.includes(cause);
    cause = read(cause, 'cause')
  ) {
    seen.push(cause)
    const stack = read(cause, 'stack')
    if (typeof stack === 'string') stacks.push(stack)
    if (seen.length > mostReasons) break
  }
  return stacks.map((stack) => clip(stack, longest.stack)).join('\nCaused by: ')
}

function codeOf(error: object): string | undefined {
  const code = read(error, 'code')
  return typeof code === 'string' && code !== '' ? code : undefined
}

function isError(value: unknown): value is object {
  // The platform's own test also recognizes errors of other realms, which have a different class.
  return Error.isError(value) || isInstance(value, Error)
}

function isSaid(text: string): boolean {
  return text !== ''
}

function listOf(error: object, part: string): unknown[] {
  try {
    const list = read(error, part)
    return Array.isArray(list) ? Array.prototype.slice.call(list, 0, mostReasons) : []
  } catch {
    return []
  }
}

function textOf(error: object, part: string): string | undefined {
  const value = read(error, part)
  return value === undefined ? undefined : asText(value)
}

function asText(value: unknown): string | undefined {
  try {
    return String(value)
  } catch {
    return undefined
  }
}

function read(from: object, part: string): unknown {
  try {
    return (from as Record<string, unknown>)[part]
  } catch {
    return undefined
  }
}
