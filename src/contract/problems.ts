/**
 * Every code that an answer over HTTP can bear, with its status: RFC 9457 bodies, the OpenAPI document and the clients'
 * error classes derive from this value. Codes are stable; titles are for people.
 */
export type ProblemKind = Readonly<{
  status: number
  title: string
  /** Seconds after which another try may succeed: the `Retry-After` header. */
  retryAfter?: number
}>

export const problems = {
  // What a task or a type answers.
  TASK_UNKNOWN: { status: 404, title: 'There is no such task' },
  TASK_ID_AMBIGUOUS: { status: 409, title: 'The part of a task id belongs to more than one task' },
  TYPE_UNKNOWN: { status: 404, title: 'There is no such task type' },
  PARAMETERS_INVALID: { status: 400, title: 'The parameters do not fit the task type' },
  NOT_JSON: { status: 400, title: 'The parameters cannot be stored as JSON' },
  CONTROL_REFUSED: { status: 400, title: 'The task cannot take this control in its present state' },
  RESULT_NOT_READY: { status: 400, title: 'The task has not ended yet' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The idempotency key belongs to another request' },
  OPERATION_UNKNOWN: { status: 404, title: 'There is no such operation' },
  TOO_MANY_OPERATIONS: { status: 429, title: 'Too many operations are under way', retryAfter: 5 },
  QUEUE_FULL: { status: 503, title: 'The queue is full', retryAfter: 5 },

  // What is wrong with a request as such.
  BODY_INVALID: { status: 422, title: 'The body is not a valid request' },
  OPTIONS_INVALID: { status: 422, title: 'An option of the request is not valid' },
  TOO_LARGE: { status: 413, title: 'The request is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'The body must be JSON' },
  REQUEST_INVALID: { status: 400, title: 'The request is malformed' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The URL or the headers are too large' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  NOT_FOUND: { status: 404, title: 'There is nothing at this address' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This address does not take the method' },
  HOST_FORBIDDEN: { status: 403, title: 'This server does not answer to the Host header' },
  ORIGIN_FORBIDDEN: { status: 403, title: 'Pages of other sites may not call this server' },

  // What the server cannot do now.
  NOT_READY: { status: 503, title: 'The server is not ready', retryAfter: 1 },
  SHUTTING_DOWN: { status: 503, title: 'The server is shutting down', retryAfter: 5 },
  OVERLOADED: { status: 503, title: 'The server has no memory for the request now', retryAfter: 1 },
  STORE_UNAVAILABLE: { status: 503, title: 'The store cannot be reached', retryAfter: 1 },
  STORE_LOST: { status: 503, title: 'The files of the database were removed or replaced', retryAfter: 60 },
  STORE_DAMAGED: { status: 503, title: 'The database is damaged', retryAfter: 60 },
  INTERNAL: { status: 500, title: 'Something went wrong inside the server' },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problems

/**
 * Codes that never answer a request: they stand in the `error` of a task, or are thrown by the library. A handler's own
 * errors bring codes of their own.
 */
export const taskErrors = {
  ERROR: 'The handler threw an error without a code',
  NON_RETRYABLE: 'The handler threw an error that no retry can help',
  TIMEOUT: 'The attempt used up its active time',
  CANCELLED: 'The task was cancelled',
  UNWOUND: 'This copy of the handler had to end although the task lives on',
  STORED_INVALID: 'What is stored of the task no longer fits its type',
  CHECKPOINT_INVALID: 'The handler wrote a checkpoint that does not fit the state of its type',
  OUTCOME_REFUSED: 'The store refused the outcome of the run',
  POISON: 'Its node died too often while it ran the task',
  UNCAUGHT: 'Code of the handler threw an error that nobody could catch',
  EXITED: 'Code of the handler tried to end the process that it runs in',
  OUT_OF_MEMORY: 'The handler used more memory than its thread or process may have',
  COMMAND_FAILED:
    'The executable ended with an exit code or by a signal that means failure, or could not be started',
  TYPE_NOT_EXPORTED: 'The module of the type does not export it, so that no thread can run it',
  TASKS_INVALID: 'A module of task types cannot be loaded',
  TASK_FAILED: 'The library waited for the result of a task that failed',
  DATABASE_INVALID: 'The address of the database is not valid',
  DEFINITION_INVALID: 'A task type is not defined well',
} as const satisfies Record<string, string>

/** Codes of the client, beside those that the server answers and those of tasks that did not complete. */
export const clientErrors = {
  SERVER_UNREACHABLE: 'No answer came from this address: is the server running?',
  ANSWER_INVALID: 'The answer is not one of this API: something in between, or another server, has given it',
} as const satisfies Record<string, string>

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problems, code)
}
