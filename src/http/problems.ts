import type { FastifyReply } from 'fastify'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { problemType } from '../contract/openapi.ts'
import { isProblemCode, problems, type ProblemCode, type ProblemKind } from '../contract/problems.ts'
import { withoutKeys } from '../core/keys.ts'
import {
  ControlRefused,
  IdempotencyKeyReused,
  OptionsInvalid,
  ParametersInvalid,
  StoreUnavailable,
  TaskError,
  TaskIdAmbiguous,
  UniqueConflict,
  type Issue,
} from '../core/errors.ts'

export const problemMedia = 'application/problem+json; charset=utf-8'

/** A refusal caused by the request itself, not by the engine. */
export class RequestRefused extends Error {
  readonly code: ProblemCode
  readonly issues: readonly Issue[] | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    detail: string,
    more: { issues?: readonly Issue[]; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail)
    this.code = code
    this.issues = more.issues
    this.headers = more.headers ?? {}
  }
}

export type Problem = Readonly<{
  code: ProblemCode
  detail: string
  headers?: Readonly<Record<string, string>>
  /** Members of the body in addition to the common ones. */
  more?: Readonly<Record<string, unknown>>
}>

/** What callers are told about an error; undefined if it is a fault of the server. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof RequestRefused) {
    const { code, message: detail, headers, issues } = error
    return { code, detail, headers, ...(issues === undefined ? {} : { more: { errors: issues } }) }
  }
  if (error instanceof TaskError) {
    return isProblemCode(error.code) && error.code !== 'INTERNAL'
      ? { code: error.code, detail: error.message, more: dataOf(error) }
      : undefined
  }
  return ofFramework(error as { code?: unknown; statusCode?: unknown; message?: unknown } | null)
}

export const internal: Problem = {
  code: 'INTERNAL',
  detail: 'Internal server error. The server log has the cause under this request id.',
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfter, status }: ProblemKind = problems[problem.code]
  if (problem.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer')
  if (retryAfter !== undefined) reply.header('retry-after', String(retryAfter))
  if (problem.headers !== undefined) reply.headers(problem.headers)
  // The client is still sending: closing the connection could lose the response. The rest is read and discarded.
  if (problem.code === 'TOO_LARGE' || problem.code === 'OVERLOADED') reply.removeHeader('connection')
  return reply.code(status).header('content-type', problemMedia).send(problemBody(problem, reply.request.id))
}

/** On every response: the content type is binding, and pages of other sites may not embed or frame it. */
export const safetyHeaders = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
  // Whether and to whom it is returned depends on the page that asks.
  vary: 'origin',
} as const

/** Responds to a request that was too malformed to be parsed, and closes its connection. */
export function refuseOnSocket(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = ofParser(error)
  const { status } = problems[problem.code]
  const body = problemBody(problem, requestId)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${problemMedia}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    ...Object.entries(safetyHeaders).map(([name, value]) => `${name}: ${value}`),
    'connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function problemBody({ code, detail, more }: Problem, requestId: string): string {
  const { title, status } = problems[code]
  const body = { type: problemType(code), title, status, detail, code, request_id: requestId, ...more }
  // Callers may have sent a key in the wrong place, which others would read in a log of problems.
  return withoutKeys(JSON.stringify(body))
}

function dataOf(error: TaskError): Record<string, unknown> {
  if (error instanceof ParametersInvalid || error instanceof OptionsInvalid) return { errors: error.issues }
  if (error instanceof TaskIdAmbiguous) return { task_ids: error.candidates }
  if (error instanceof ControlRefused) return { task_status: error.status }
  if (error instanceof IdempotencyKeyReused || error instanceof UniqueConflict) {
    return error.id === null ? {} : { task_id: error.id }
  }
  if (error instanceof StoreUnavailable && error.unknown) return { outcome_unknown: true }
  return {}
}

/** Errors of the framework, by code; its other 4xx errors are malformed requests. */
function ofFramework(
  error: { code?: unknown; statusCode?: unknown; message?: unknown } | null,
): Problem | undefined {
  switch (error?.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'TOO_LARGE', detail: 'The body is larger than the limit.' }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return {
        code: 'UNSUPPORTED_MEDIA_TYPE',
        detail: 'Send JSON with the header Content-Type: application/json.',
      }
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return { code: 'BODY_INVALID', detail: 'The body is empty; it must be a JSON object.' }
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return {
        code: 'BODY_INVALID',
        detail: 'The body is not JSON, or has a key that is not allowed, like "__proto__".',
      }
  }
  const status = error?.statusCode
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined
  return { code: 'REQUEST_INVALID', detail: `The request cannot be parsed: ${String(error?.message)}.` }
}

function ofParser({ code }: NodeJS.ErrnoException): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return { code: 'HEADERS_TOO_LARGE', detail: 'The URL and the headers together are larger than 16 KiB.' }
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'REQUEST_TIMEOUT', detail: 'The request did not arrive in time.' }
    default:
      return { code: 'REQUEST_INVALID', detail: 'This is not a valid HTTP request.' }
  }
}

/** Bytes. */
export const bodyLimit = 2_097_152
