import type { TaskLimit } from './admission.ts'
import { withoutPassword } from './secrets.ts'
import type { ErrorRecord, Status, Task } from './task.ts'
import { clip } from './text.ts'

/** Base class of all errors. `code` is stable; data that a program needs is in fields of its own. */
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
    super(`There is no task ${quote(id)}. It may have been deleted after its retention period.`)
    this.id = id
  }
}

/** A document of a task is encrypted with a key that this node does not have, or was changed. `why`: a clause. */
export class DocumentUnreadable extends TaskError {
  readonly code = 'DOCUMENT_UNREADABLE'
  readonly task: Task
  constructor(task: Task, why: string) {
    super(
      `Task ${task.id} cannot be read here: ${why}. ${why.endsWith(' does not have') ? 'Add that key to FERMATA_ENCRYPTION_KEYS and restart the node.' : 'Restore a backup.'}`,
    )
    this.task = task
  }
}

export class TaskIdAmbiguous extends TaskError {
  readonly code = 'TASK_ID_AMBIGUOUS'
  /** The first ten full ids that match. */
  readonly candidates: readonly string[]
  constructor(text: string, candidates: readonly string[]) {
    super(`More than one task id begins or ends with ${quote(text)}. Give more characters, or the full id.`)
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
  readonly type: string
  readonly issues: readonly Issue[]
  constructor(type: string, issues: readonly Issue[]) {
    super(`The parameters do not match the schema of type ${quote(type)}: ${listIssues(issues)}.`)
    this.type = type
    this.issues = issues
  }
}

/** An answer does not fit the schema of its wait. */
export class AnswerInvalid extends TaskError {
  readonly code = 'ANSWER_INVALID'
  readonly issues: readonly Issue[]
  constructor(issues: readonly Issue[]) {
    super(`The answer does not match the schema of the wait: ${listIssues(issues)}.`)
    this.issues = issues
  }
}

export class OptionsInvalid extends TaskError {
  readonly code = 'OPTIONS_INVALID'
  readonly issues: readonly Issue[]
  constructor(issues: readonly Issue[]) {
    super(`The request is invalid: ${listIssues(issues)}.`)
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
  readonly key: string
  /** Null if the caller may not know. */
  readonly id: string | null
  constructor(key: string, id: string | null) {
    super(
      `The idempotency key ${quote(key)} was used for ${id === null ? 'a task' : `task ${id}`}, which has a different type, parameters or options.`,
    )
    this.key = key
    this.id = id
  }
}

/** Another task has the unique key that a submit or a retry needs. */
export class UniqueConflict extends TaskError {
  readonly code = 'UNIQUE_CONFLICT'
  readonly key: string
  /** The task that has it; null if the caller may not know. */
  readonly id: string | null
  constructor(key: string, id: string | null) {
    super(
      `${id === null ? 'Another task' : `Task ${id}`} has the unique key ${quote(key)} of this type. Wait until it has ended, or cancel it.`,
    )
    this.key = key
    this.id = id
  }
}

export class QueueFull extends TaskError {
  readonly code = 'QUEUE_FULL'
  readonly limit: number
  constructor(limit: number) {
    super(`The queue is full: its limit is ${limit} waiting tasks. Try again later.`)
    this.limit = limit
  }
}

/** `limit`: null if it is the maximum of the type. */
export class TooManyQueued extends TaskError {
  readonly code = 'TOO_MANY_QUEUED'
  readonly type: string
  readonly limit: TaskLimit | null
  readonly max: number
  constructor(type: string, limit: TaskLimit | null, max: number, place?: number) {
    const of =
      limit === null
        ? `type ${type}`
        : `limit ${limit.name}${limit.key === '' ? '' : ` with the key ${JSON.stringify(limit.key)}`}`
    const many = max === 1 ? 'one task' : `${max} tasks`
    const first =
      place === undefined
        ? ''
        : ` The first one without room is task ${place} of the batch, so none was submitted.`
    super(`The queue of ${of} is full: at most ${many} may wait.${first} Try again when some have started.`)
    this.type = type
    this.limit = limit
    this.max = max
  }
}

export class BackupUnsupported extends TaskError {
  readonly code = 'BACKUP_UNSUPPORTED'
  constructor() {
    super(
      'This server stores its tasks in a database that has backups of its own: use pg_dump or the backups of your PostgreSQL. To move tasks, use fermata export or fermata copy.',
    )
  }
}

export class TooManyOperations extends TaskError {
  readonly code = 'TOO_MANY_OPERATIONS'
  readonly limit: number
  constructor(limit: number) {
    super(
      `This node is already running ${limit} operations, its limit. Try again when one of them has finished.`,
    )
    this.limit = limit
  }
}

export class OperationUnknown extends TaskError {
  readonly code = 'OPERATION_UNKNOWN'
  readonly id: string
  constructor(id: string) {
    super(`There is no operation ${quote(id)}. Only the latest 1,000 are kept.`)
    this.id = id
  }
}

export class TooLarge extends TaskError {
  readonly code = 'TOO_LARGE'
  readonly limit: number
  constructor(what: string, limit: number) {
    super(`The ${what} exceeds the limit of ${limit} bytes.`)
    this.limit = limit
  }
}

/** The caller shows no valid key, and there is no access without one. */
export class Unauthenticated extends TaskError {
  readonly code = 'UNAUTHENTICATED'
  constructor(why: 'missing' | 'invalid') {
    super(
      why === 'missing'
        ? 'This server requires a key. Send it as "Authorization: Bearer KEY" or as X-API-Key; the command line and the client read FERMATA_API_KEY. Ask an administrator for a key, or create one with "fermata keys create".'
        : 'The key is not valid: it is unknown, was revoked or rotated, or has expired. Ask an administrator for a new one.',
    )
  }
}

/** The caller may not do this. */
export class Forbidden extends TaskError {
  readonly code = 'FORBIDDEN'
}

export class KeyUnknown extends TaskError {
  readonly code = 'KEY_UNKNOWN'
  constructor(id: string) {
    super(`There is no key ${quote(id)}. It may have been revoked.`)
  }
}

export class KeyNameTaken extends TaskError {
  readonly code = 'KEY_NAME_TAKEN'
  constructor(name: string) {
    super(`There is a key ${quote(name)} already. Choose another name, or rotate or revoke that key.`)
  }
}

export class ScheduleUnknown extends TaskError {
  readonly code = 'SCHEDULE_UNKNOWN'
  constructor(id: string) {
    super(`There is no schedule ${quote(id)}. It may have been deleted.`)
  }
}

export class ScheduleExists extends TaskError {
  readonly code = 'SCHEDULE_EXISTS'
  constructor(id: string) {
    super(`There is a schedule ${quote(id)} already. Choose another id, or replace or delete that schedule.`)
  }
}

/** The task of a lease token belongs to the caller no more: it is lost, cancelled, or claimed again. */
export class LeaseLost extends TaskError {
  readonly code = 'LEASE_LOST'
  constructor(id: string | null) {
    const task = id === null ? 'its task' : `task ${id}`
    super(
      `This lease token no longer stands for ${task}: the lease has ended, or the token is not valid. Stop working on it and discard what it would have returned.`,
    )
  }
}

export class WorkerUnknown extends TaskError {
  readonly code = 'WORKER_UNKNOWN'
  constructor(name: string) {
    super(`There is no worker ${quote(name)}. Register it first: POST /api/worker/register.`)
  }
}

export class WorkerNameTaken extends TaskError {
  readonly code = 'WORKER_NAME_TAKEN'
  constructor(name: string) {
    super(`Another caller has a live worker ${quote(name)}. Choose another name.`)
  }
}

/** A node runs this type itself. */
export class TypeTaken extends TaskError {
  readonly code = 'TYPE_TAKEN'
  constructor(type: string) {
    super(
      `A server runs type ${quote(type)} itself, so no worker can. Give the type of the worker another name.`,
    )
  }
}

export class WebhookUnknown extends TaskError {
  readonly code = 'WEBHOOK_UNKNOWN'
  constructor(id: string) {
    super(`There is no webhook ${quote(id)}. It may have been deleted.`)
  }
}

export class DeliveryUnknown extends TaskError {
  readonly code = 'DELIVERY_UNKNOWN'
  constructor(id: number) {
    super(
      `There is no delivery ${id} of this webhook that has ended. It may be pending, or deleted after its retention period.`,
    )
  }
}

export class LimitUnknown extends TaskError {
  readonly code = 'LIMIT_UNKNOWN'
  constructor(name: string) {
    super(`There is no limit ${quote(name)}. It may have been deleted.`)
  }
}

/** The database URL is wrong. Waiting cannot help, and nothing was opened or created. */
export class DatabaseInvalid extends TaskError {
  readonly code = 'DATABASE_INVALID'
  /** `why`: what is wrong and how to fix it; a clause without a full stop. */
  constructor(address: string, why: string) {
    super(
      `The database URL ${quote(withoutPassword(address))} is invalid: ${why}${why.endsWith('?') ? '' : '.'}`,
    )
  }
}

/**
 * The store cannot be reached or written. `STORE_UNAVAILABLE` is temporary, so a retry helps; the other codes last until an operator
 * acts. `unknown`: a commit failed and its outcome is not known.
 */
export class StoreUnavailable extends TaskError {
  readonly code: 'STORE_UNAVAILABLE' | 'STORE_LOST' | 'STORE_DAMAGED' = 'STORE_UNAVAILABLE'
  readonly unknown: boolean
  constructor(message: string, options: { unknown: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.unknown = options.unknown
  }
}

/** The database files were removed or replaced: anything written now would be lost with the process. */
export class StoreLost extends StoreUnavailable {
  override readonly code = 'STORE_LOST'
}

/** The database reports that it is damaged. */
export class StoreDamaged extends StoreUnavailable {
  override readonly code = 'STORE_DAMAGED'
}

export class ShuttingDown extends TaskError {
  readonly code = 'SHUTTING_DOWN'
  constructor() {
    super('This node is shutting down and accepts no new work.')
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

/** The reason of a handler's signal, and what `task.*` throws, when the task is cancelled. */
export class TaskCancelled extends TaskError {
  readonly code = 'CANCELLED'
  constructor(id: string) {
    super(`Task ${id} was cancelled.`)
  }
}

/** The reason of a handler's signal when the attempt exceeds its timeout. */
export class TaskTimeout extends TaskError {
  readonly code = 'TIMEOUT'
  constructor(ms: number) {
    super(`The attempt exceeded its timeout of ${ms / 1_000} s (active time).`)
  }
}

/** The reason of a handler's signal when this run must stop but the task continues: drain, takeover or parking limit. */
export class TaskUnwound extends TaskError {
  readonly code = 'UNWOUND'
  constructor(why: string) {
    super(`This run of the handler stops: ${why}.`)
  }
}

/** Thrown by a handler to fail the task without a retry. */
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
