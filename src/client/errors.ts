import type { ErrorCode, Problem, Status, TaskError } from './types.ts'

type More = Readonly<{
  status?: number | undefined
  problem?: Partial<Problem> | undefined
  retryAfter?: number | undefined
  taskError?: TaskError | undefined
  cause?: unknown
}>

/**
 * Any error between a call and its response; base program logic on `code`. A signal that ends a call throws its own reason
 * instead.
 */
export class FermataError extends Error {
  override readonly name = 'FermataError'
  /** Stable. Newer servers may have additional codes. */
  readonly code: ErrorCode | (string & {})
  /** What went wrong, as a sentence. */
  readonly detail: string
  /** Of the HTTP response; undefined if there was none, or if the task itself failed. */
  readonly status: number | undefined
  /** What is invalid, and where. */
  readonly errors: NonNullable<Problem['errors']>
  /** The id of the call in the server's log. */
  readonly requestId: string | undefined
  /** Seconds after which the server accepts a retry. */
  readonly retryAfter: number | undefined
  /** True if it is unknown whether the server recorded the request. */
  readonly outcomeUnknown: boolean
  /** For a refused control: the status of the task. */
  readonly taskStatus: Status | undefined
  /** For a reused idempotency key: the id of its task. */
  readonly taskId: string | undefined
  /** For `TASK_ID_AMBIGUOUS`: ids that match the partial id, at most ten; otherwise empty. */
  readonly candidates: readonly string[]
  /** For `TASK_FAILED`: the error of the task. */
  readonly taskError: TaskError | undefined

  constructor(code: ErrorCode | (string & {}), detail: string, more: More = {}) {
    super(detail, more.cause === undefined ? {} : { cause: more.cause })
    const { status, problem = {}, retryAfter, taskError } = more
    this.code = code
    this.detail = detail
    this.status = status
    this.errors = problem.errors ?? []
    this.requestId = problem.request_id
    this.retryAfter = retryAfter
    this.outcomeUnknown = problem.outcome_unknown ?? false
    this.taskStatus = problem.task_status
    this.taskId = problem.task_id
    this.candidates = problem.task_ids ?? []
    this.taskError = taskError
  }
}

/** True for an error of this client; with codes, only for one of these. */
export function isFermataError<Code extends ErrorCode>(
  error: unknown,
  ...codes: readonly Code[]
): error is FermataError & Readonly<{ code: Code }> {
  return (
    error instanceof FermataError && (codes.length === 0 || (codes as readonly string[]).includes(error.code))
  )
}

/** There was no response: nothing listens at this address, the connection broke, or nothing arrived in time. */
export function unreachable(url: string, cause: unknown): FermataError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const why = inner instanceof Error ? inner.message || inner.name : String(inner)
  return new FermataError('SERVER_UNREACHABLE', `cannot reach ${url}: ${why}`, { cause })
}

/** The error in a response. A body that is not a problem document comes from a proxy in between. */
export async function refusal(response: Response, url: string): Promise<FermataError> {
  const { status, headers } = response
  const retryAfter = secondsOf(headers.get('retry-after'))
  const media = headers.get('content-type') ?? 'no content type'
  const text = await response.text()
  if (!media.includes('application/problem+json')) {
    return new FermataError(
      'RESPONSE_INVALID',
      `${url} answered ${status} with ${media}: not as a Fermata does`,
      {
        status,
        retryAfter,
      },
    )
  }
  const problem = parsed(text, response, url) as Problem
  return new FermataError(problem.code, problem.detail, { status, problem, retryAfter })
}

/** The JSON of a response. */
export function parsed(text: string, { status }: Response, url: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new FermataError('RESPONSE_INVALID', `${url} answered ${status}, but not with JSON`, {
      status,
      cause,
    })
  }
}

/** `Retry-After`: seconds, or a date. */
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1_000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}
