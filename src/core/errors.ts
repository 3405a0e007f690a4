import { withoutPassword } from './secrets.ts'
import type { ErrorRecord, Status } from './task.ts'
import { clip } from './text.ts'

/** The one family of errors. `code` is stable; data that a program needs stands in fields of its own. */
export abstract class TaskError extends Error {
  abstract readonly code: string
  override get name(): string {
    return this.constructor.name
  }
}

export type Issue = Readonly<{ path: string; message: string }>

export class TaskUnknown extends TaskError {
  readonly code = 'TASK_UNKNOWN'
  readonly id: string
  constructor(id: string) {
    super(`There is no task ${quote(id)}. It may have been pruned after its retention.`)
    this.id = id
  }
}

export class TaskIdAmbiguous extends TaskError {
  readonly code = 'TASK_ID_AMBIGUOUS'
  /** Whole ids that the text may mean: the first ten. */
  readonly candidates: readonly string[]
  constructor(text: string, candidates: readonly string[]) {
    super(`More than one task id begins or ends with ${quote(text)}: give more characters, or the whole id.`)
    this.candidates = candidates.slice(0, 10)
  }
}

export class TypeUnknown extends TaskError {
  readonly code = 'TYPE_UNKNOWN'
  readonly type: string
  constructor(type: string, known: readonly string[]) {
    super(`There is no task type ${quote(type)}. Known types: ${known.join(', ') || 'none'}.`)
    this.type = type
  }
}

export class ParametersInvalid extends TaskError {
  readonly code = 'PARAMETERS_INVALID'
  readonly issues: readonly Issue[]
  constructor(type: string, issues: readonly Issue[]) {
    super(`The parameters do not fit the type ${quote(type)}: ${listIssues(issues)}.`)
    this.issues = issues
  }
}

export class OptionsInvalid extends TaskError {
  readonly code = 'OPTIONS_INVALID'
  readonly issues: readonly Issue[]
  constructor(issues: readonly Issue[]) {
    super(`The request is not valid: ${listIssues(issues)}.`)
    this.issues = issues
  }
}

export class ControlRefused extends TaskError {
  readonly code = 'CONTROL_REFUSED'
  readonly control: string
  readonly status: Status
  constructor(control: string, id: string, status: Status, why?: string) {
    super(`Cannot ${control} task ${id}: it is ${status}${why === undefined ? '' : `, and ${why}`}.`)
    this.control = control
    this.status = status
  }
}

export class ResultNotReady extends TaskError {
  readonly code = 'RESULT_NOT_READY'
  readonly status: Status
  constructor(id: string, status: Status) {
    super(`Task ${id} has no result yet: it is ${status}.`)
    this.status = status
  }
}

export class IdempotencyKeyReused extends TaskError {
  readonly code = 'IDEMPOTENCY_KEY_REUSED'
  readonly id: string
  constructor(key: string, id: string) {
    super(
      `The idempotency key ${quote(key)} belongs to task ${id}, which was submitted with another type, parameters or options.`,
    )
    this.id = id
  }
}

export class QueueFull extends TaskError {
  readonly code = 'QUEUE_FULL'
  readonly limit: number
  constructor(limit: number) {
    super(`The queue holds its limit of ${limit} waiting tasks. Try again later.`)
    this.limit = limit
  }
}

export class TooManyOperations extends TaskError {
  readonly code = 'TOO_MANY_OPERATIONS'
  readonly limit: number
  constructor(limit: number) {
    super(`This node carries out ${limit} operations at once, and is at it. Try again when one has ended.`)
    this.limit = limit
  }
}

export class OperationUnknown extends TaskError {
  readonly code = 'OPERATION_UNKNOWN'
  readonly id: string
  constructor(id: string) {
    super(`There is no operation ${quote(id)}. Old ones are forgotten.`)
    this.id = id
  }
}

export class TooLarge extends TaskError {
  readonly code = 'TOO_LARGE'
  readonly limit: number
  constructor(what: string, limit: number) {
    super(`The size of the ${what} is beyond its limit of ${limit} bytes.`)
    this.limit = limit
  }
}

/** The address of a database is a mistake: waiting cannot help, and nothing was opened or made. */
export class DatabaseInvalid extends TaskError {
  readonly code = 'DATABASE_INVALID'
  /** `why`: what is wrong, and the remedy; a clause without a full stop. */
  constructor(address: string, why: string) {
    super(
      `The database address ${quote(withoutPassword(address))} is not valid: ${why}${why.endsWith('?') ? '' : '.'}`,
    )
  }
}

/**
 * The store cannot be reached or written. `STORE_UNAVAILABLE`: now, so that trying again helps; the others: until an operator
 * has done something. `unknown`: a commit failed so that its outcome is not known.
 */
export class StoreUnavailable extends TaskError {
  readonly code: 'STORE_UNAVAILABLE' | 'STORE_LOST' | 'STORE_DAMAGED' = 'STORE_UNAVAILABLE'
  readonly unknown: boolean
  constructor(message: string, options: { unknown: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.unknown = options.unknown
  }
}

/** The files of the database were removed or replaced: what is written now would be gone with the process. */
export class StoreLost extends StoreUnavailable {
  override readonly code = 'STORE_LOST'
}

/** The database says of itself that it is damaged. */
export class StoreDamaged extends StoreUnavailable {
  override readonly code = 'STORE_DAMAGED'
}

export class ShuttingDown extends TaskError {
  readonly code = 'SHUTTING_DOWN'
  constructor() {
    super('This node is shutting down and takes no more work.')
  }
}

export class TaskFailed extends TaskError {
  readonly code = 'TASK_FAILED'
  readonly error: ErrorRecord
  constructor(id: string, error: ErrorRecord) {
    super(`Task ${id} failed: ${error.message}`)
    this.error = error
  }
}

/** Reason of a handler's signal, and what `task.*` throws, when the task is cancelled. */
export class TaskCancelled extends TaskError {
  readonly code = 'CANCELLED'
  constructor(id: string) {
    super(`Task ${id} was cancelled.`)
  }
}

/** Reason of a handler's signal when its active time is used up. */
export class TaskTimeout extends TaskError {
  readonly code = 'TIMEOUT'
  constructor(ms: number) {
    super(`The attempt ran longer than its timeout of ${ms / 1_000} s of active time.`)
  }
}

/** Reason of a handler's signal when this copy of it must end although the task lives on: drain, takeover, parking limit. */
export class TaskUnwound extends TaskError {
  readonly code = 'UNWOUND'
  constructor(why: string) {
    super(`This copy of the handler ends: ${why}.`)
  }
}

/** Thrown by a handler: no retry can help. */
export class NonRetryableError extends TaskError {
  readonly code: string = 'NON_RETRYABLE'
  override get name(): string {
    return 'NonRetryableError'
  }
}

export class DefinitionInvalid extends TaskError {
  readonly code = 'DEFINITION_INVALID'
}

function listIssues(issues: readonly Issue[]): string {
  return issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
}

function quote(text: string): string {
  return JSON.stringify(clip(text, 100))
}
