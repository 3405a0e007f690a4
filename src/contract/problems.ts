/**
 * Every error code an HTTP response can have, with its status. RFC 9457 bodies, the OpenAPI document and the clients'
 * error classes derive from this value. Codes are stable; titles are for people.
 */
export type ProblemKind = Readonly<{
  status: number
  title: string
  /** Seconds after which a retry may succeed: the `Retry-After` header. A response may say another time. */
  retryAfter?: number
}>

export const problems = {
  // About a task or a type.
  TASK_UNKNOWN: { status: 404, title: 'Task not found' },
  TASK_ID_AMBIGUOUS: { status: 409, title: 'More than one task matches this partial id' },
  TYPE_UNKNOWN: { status: 404, title: 'Task type not found' },
  DOCUMENT_UNREADABLE: { status: 409, title: 'A document of the task cannot be decrypted' },
  PARAMETERS_INVALID: { status: 400, title: 'The parameters do not match the schema of the task type' },
  NOT_JSON: { status: 400, title: 'The parameters cannot be stored as JSON' },
  CONTROL_REFUSED: { status: 400, title: 'The task does not accept this control in its current state' },
  RESULT_NOT_READY: { status: 400, title: 'The task has not finished yet' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The idempotency key was used for a different request' },
  UNIQUE_CONFLICT: { status: 409, title: 'Another task has this unique key' },
  WAIT_UNKNOWN: { status: 404, title: 'No wait for this answer' },
  WAIT_ANSWERED: { status: 409, title: 'The wait was answered before, or has timed out' },
  ANSWER_INVALID: { status: 400, title: 'The answer does not match the schema of the wait' },
  TOO_MANY_WAITS: { status: 409, title: 'The task has as many waits as it may have' },
  TOO_MANY_STEPS: { status: 409, title: 'The task has as many steps as it may have' },
  OPERATION_UNKNOWN: { status: 404, title: 'Operation not found' },
  TOO_MANY_OPERATIONS: { status: 429, title: 'Too many operations are running', retryAfter: 5 },
  BACKUP_UNSUPPORTED: { status: 400, title: 'This database has backups of its own' },
  SCHEDULE_UNKNOWN: { status: 404, title: 'Schedule not found' },
  WEBHOOK_UNKNOWN: { status: 404, title: 'Webhook not found' },
  DELIVERY_UNKNOWN: { status: 404, title: 'Delivery not found' },
  LIMIT_UNKNOWN: { status: 404, title: 'Limit not found' },
  SCHEDULE_EXISTS: { status: 409, title: 'Another schedule has this id' },
  LEASE_LOST: { status: 409, title: 'The lease of the task has ended' },
  WORKER_UNKNOWN: { status: 404, title: 'Worker not registered' },
  WORKER_NAME_TAKEN: { status: 409, title: 'Another caller has a worker with this name' },
  TYPE_TAKEN: { status: 409, title: 'A server runs this task type itself' },
  TOO_MANY_QUEUED: {
    status: 429,
    title: 'Too many tasks of this type, or under this limit, wait',
    retryAfter: 5,
  },
  QUEUE_FULL: { status: 503, title: 'The queue is full', retryAfter: 5 },

  // About the caller.
  UNAUTHENTICATED: { status: 401, title: 'A valid key is required' },
  FORBIDDEN: { status: 403, title: 'The key does not allow this' },
  KEY_UNKNOWN: { status: 404, title: 'Key not found' },
  RATE_LIMITED: { status: 429, title: 'The key has no requests left at the moment', retryAfter: 1 },
  KEY_NAME_TAKEN: { status: 409, title: 'Another key has this name' },

  // About the request itself.
  BODY_INVALID: { status: 422, title: 'The request body is invalid' },
  OPTIONS_INVALID: { status: 422, title: 'A request option is invalid' },
  TOO_LARGE: { status: 413, title: 'The request is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be JSON' },
  REQUEST_INVALID: { status: 400, title: 'The request is malformed' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The URL or the headers are too large' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  NOT_FOUND: { status: 404, title: 'No resource at this path' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This path does not support the method' },
  HOST_FORBIDDEN: { status: 403, title: 'The server does not accept this Host header' },
  ORIGIN_FORBIDDEN: { status: 403, title: 'Pages from this origin may not call the server' },

  // About the state of the server.
  NOT_READY: { status: 503, title: 'The server is not ready', retryAfter: 1 },
  SHUTTING_DOWN: { status: 503, title: 'The server is shutting down', retryAfter: 5 },
  OVERLOADED: {
    status: 503,
    title: 'The server has no memory for this request at the moment',
    retryAfter: 1,
  },
  STORE_UNAVAILABLE: { status: 503, title: 'The database is unavailable', retryAfter: 1 },
  STORE_LOST: { status: 503, title: 'The database files were removed or replaced', retryAfter: 60 },
  STORE_DAMAGED: { status: 503, title: 'The database is damaged', retryAfter: 60 },
  INTERNAL: { status: 500, title: 'Internal server error' },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problems

/**
 * Codes that never appear in an HTTP response: they are stored in the `error` of a task, or thrown by the library. A handler's own
 * errors keep their own codes.
 */
export const taskErrors = {
  ERROR: 'The handler threw an error without a code',
  NON_RETRYABLE: 'The handler threw a non-retryable error',
  TIMEOUT: 'The attempt exceeded its timeout (active time)',
  CANCELLED: 'The task was cancelled',
  UNWOUND: 'This run of the handler had to stop, but the task continues',
  STEP_INVALID: 'A command reported a step without a valid name',
  SLEEP_INVALID: 'A command asked for a sleep that is not a duration',
  WAIT_INVALID: 'A command asked for a wait that is not valid',
  STEP_TIMEOUT: 'A step took longer than its timeout',
  SPAWN_INVALID: 'A command asked for a child without a valid type or name',
  TOO_MANY_CHILDREN: 'The task has as many children as it may have',
  CHILDREN_TOO_DEEP: 'The task is a child so many levels deep that it cannot have children',
  CHILD_TAKEN: 'The name of the child stands for one of another type that an earlier run has started',
  CHILD_FAILED: 'A child that the task joins with `all` has failed, or was cancelled',
  NO_CHILD_COMPLETED: 'None of the children that the task joins with `any` has completed',
  CHILD_UNKNOWN: 'What the task joins is none of its children, or was deleted',
  JOIN_INVALID: 'A command asked for a join that is not valid, or of a child that it has not started',
  CHILDREN_UNSUPPORTED: 'A remote worker asked for a child',
  STORED_INVALID: 'The stored parameters or checkpoint no longer match the schema of the task type',
  CHECKPOINT_INVALID: 'The handler wrote a checkpoint that does not match the `state` schema of its type',
  OUTCOME_REFUSED: 'The database rejected the outcome of the run',
  PREDECESSOR_FAILED: 'A task for which it waited failed or was cancelled, and its `on_failure` is `fail`',
  POISON: 'Nodes crashed too often while running the task',
  UNCAUGHT: 'The handler threw an error outside its own promise, so nothing could catch it',
  EXITED: 'The handler tried to exit the process it runs in',
  OUT_OF_MEMORY: 'The handler exceeded the memory limit of its thread or process',
  COMMAND_FAILED:
    'The executable exited with a non-zero code, was ended by a signal, or could not be started',
  TYPE_NOT_EXPORTED: 'The module does not export the task type, so a thread or process cannot run it',
  TASKS_INVALID: 'A module with task types cannot be loaded',
  TASK_FAILED: 'The task whose result was awaited failed',
  DATABASE_INVALID: 'The database URL is invalid',
  DEFINITION_INVALID: 'The definition of a task type is invalid',
} as const satisfies Record<string, string>

/** Codes of the client, in addition to those of the server and of tasks that did not complete. */
export const clientErrors = {
  SERVER_UNREACHABLE: 'The server did not respond. Is it running?',
  RESPONSE_INVALID: 'The response does not come from this API, but from another server or a proxy',
} as const satisfies Record<string, string>

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}
