import { isFermataError } from '../client/index.ts'
import { joined, safe, type SafeText } from './terminal/text.ts'

/** Exit codes for scripts. */
export const exitCodes = {
  completed: 0,
  failed: 1,
  usage: 2,
  cancelled: 3,
  unreachable: 4,
  /** The output could not be written. */
  unwritten: 5,
  /** Interrupted by Ctrl+C while tasks keep running; the value that shells use. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Invalid usage; the message is one sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Errors about the request itself, not about the task. */
const mistakes = [
  'TASK_ID_AMBIGUOUS',
  'TYPE_UNKNOWN',
  'PARAMETERS_INVALID',
  'ANSWER_INVALID',
  'NOT_JSON',
  'BODY_INVALID',
  'OPTIONS_INVALID',
] as const

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError || isFermataError(error, ...mistakes)) return exitCodes.usage
  if (isFermataError(error, 'SERVER_UNREACHABLE', 'RESPONSE_INVALID')) return exitCodes.unreachable
  return exitCodes.failed
}

/** The error and its remedy for people; further lines are details. */
export function sentenceOf(error: unknown, url: string): SafeText {
  if (!isFermataError(error)) return safe`${error instanceof Error ? error.message : String(error)}`
  if (error.code === 'SERVER_UNREACHABLE')
    return safe`cannot reach ${url}: ${whyUnreachable(error.cause, error.detail)}`
  if (error.code === 'RESPONSE_INVALID') {
    return safe`${error.detail}. Does FERMATA_URL point to a Fermata server?`
  }
  if (error.candidates.length > 0)
    return safe`${error.detail}${joined(
      error.candidates.map((id) => safe`\n  ${id}`),
      '',
    )}`
  const details = error.errors.map(({ path, message }) => safe`\n  ${path}: ${message}`)
  return safe`${error.detail}${details.length > 1 ? joined(details, '') : ''}`
}

function whyUnreachable(cause: unknown, detail: string): string {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  const { code } = (inner ?? {}) as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'is the server running? (fermata serve)'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unknown host. Is FERMATA_URL correct?'
  return detail.replace(/^cannot reach \S+: /, '')
}
