import type { z } from 'zod'
import type { ProblemCode } from './problems.ts'

/** One call of the API: what the server registers, the document describes, and clients are made from. */
export type Route = Readonly<{
  method: 'GET' | 'POST' | 'DELETE'
  /** With parameters in braces. */
  path: string
  tag: keyof typeof tags
  summary: string
  description: string
  params?: z.ZodObject
  query?: z.ZodObject
  headers?: z.ZodObject
  /** Without it, a body of any kind is ignored. */
  body?: z.ZodType
  /** Bytes of the body, when they are more than usual. */
  bodyLimit?: number
  answer: Answer
  /** Beside `commonProblems`. */
  problems: readonly ProblemCode[]
}>

export type Answer = Readonly<{
  description: string
  /** JSON, unless `stream` is set. */
  schema?: z.ZodType
  /** The answer is a stream of server-sent events: what it means. */
  stream?: string
  /** When 204 and no body is answered instead. */
  nothing?: string
  /** When 202 is answered instead, with the same body. */
  later?: string
  /** It bears an entity tag: 304 without a body answers one that is known. */
  tagged?: true
  /** Headers beside `X-Request-ID`: name and meaning. */
  headers?: Readonly<Record<string, string>>
}>

export const tags = {
  tasks: 'Submit tasks, watch them, and pause, resume or cancel each one while it runs.',
  queue: 'All tasks: list them, watch them, and act on many at once.',
  types: 'What this server can run.',
  server: 'Statistics, nodes and health.',
} as const

/** Problems that any call may answer. */
export const commonProblems = [
  'HOST_FORBIDDEN',
  'ORIGIN_FORBIDDEN',
  'REQUEST_INVALID',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
  'STORE_LOST',
  'STORE_DAMAGED',
  'SHUTTING_DOWN',
  'INTERNAL',
] as const satisfies readonly ProblemCode[]
