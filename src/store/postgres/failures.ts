import { StoreUnavailable } from '../../core/errors.ts'
import { NoPrimary, ReadOnly } from './primary.ts'

/**
 * What an error of the driver means:
 * - `lost`: the connection is gone or unusable, because its server has been read-only since a fail-over;
 * - `away`: the server responds but cannot do it now, for example because it is full;
 * - `locked`: someone else holds what this needs; in a group, one call may delay all others;
 * - `slow`: a statement took too long; in a group likewise;
 * - `race`: another transaction interfered; a retry succeeds;
 * - `bug`: caused by this statement and its values.
 */
export type Failure = 'lost' | 'away' | 'locked' | 'slow' | 'race' | 'bug'

/** The last one means that a row is not as the move expected. */
const races = new Set(['40001', '40P01', '22012'])
/** Keys that another transaction may take at the same moment. */
const sharedKeys: ReadonlySet<unknown> = new Set(['tasks_key', 'unique_keys_pkey'])
/** Insufficient resources, system and internal errors, and names that do not exist yet. */
const away = /^(?:53|58|XX|3D000|28|0LP01)/
/** `0A000` is a standby's response to a write transaction. */
const lost = /^(?:08|57P0|25P03|25006|0A000)/

export function failureOf(error: unknown): Failure {
  if (error instanceof StoreUnavailable) return 'lost'
  const code = stateOf(error)
  if (code === undefined) return 'bug'
  if (races.has(code) || sharedKeys.has(constraintOf(error))) return 'race'
  if (code === '55P03') return 'locked'
  if (code === '57014') return 'slow'
  if (lost.test(code)) return 'lost'
  return away.test(code) ? 'away' : 'bug'
}

/** The SQLSTATE from the server; undefined if the error does not come from the server. */
export function stateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('severity' in error)) return undefined
  return String(error.code)
}

/**
 * Whether waiting may help after a failed opening: the server is unreachable, starting, or still a standby. It does not help
 * against a wrong password or a missing database.
 */
export function comesLater({ cause }: StoreUnavailable): boolean {
  if (cause instanceof NoPrimary) return cause.reasons.every(passes)
  return cause !== undefined && passes(cause)
}

function passes(reason: unknown): boolean {
  if (reason === 'late' || reason instanceof ReadOnly || reason instanceof StoreUnavailable) return true
  const state = stateOf(reason)
  if (state !== undefined)
    return !refusal.test(state) && ['lost', 'away', 'locked', 'slow'].includes(failureOf(reason))
  const error: unknown = reason instanceof AggregateError ? reason.errors[0] : reason
  if (!(error instanceof Error)) return false
  return networkTrouble.test('code' in error ? String(error.code) : error.message)
}

/** Invalid credentials, or a missing database: at startup, these are mistakes. */
const refusal = /^(?:28|3D000)/

/** By the system's error code, or the driver's message without one. */
const networkTrouble =
  /^(?:ECONN|EHOST|ENET|ENOTFOUND|ENOENT|EAI_AGAIN|ETIMEDOUT|EPIPE|timeout|Connection terminated|Query read timeout)/

function constraintOf(error: unknown): unknown {
  return error instanceof Error && 'constraint' in error ? error.constraint : undefined
}

export function unavailable(cause: unknown, unknown: boolean): StoreUnavailable {
  if (cause instanceof StoreUnavailable && cause.unknown === unknown) return cause
  const message = unknown
    ? 'The connection to the database was lost during a commit: it is unknown whether this was recorded. Check before you try again.'
    : stateOf(cause) === '55P03'
      ? heldMessage
      : stateOf(cause)?.startsWith('53100')
        ? 'The disk of the database is full: nothing was recorded. Try again later.'
        : 'The database cannot be reached or written at the moment. Nothing was recorded. Try again later.'
  return new StoreUnavailable(message, { unknown, cause })
}

/** A task that is needed is locked by someone else. */
export function heldElsewhere(): StoreUnavailable {
  return new StoreUnavailable(heldMessage, { unknown: false })
}

const heldMessage =
  'Another database transaction holds a lock this needs. Nothing was recorded. Try again later.'
