import type { z } from 'zod'
import type { Scope } from '../core/caller.ts'
import type { ProblemCode } from './problems.ts'

/** One API call. The server registers it, the OpenAPI document describes it, and the client is built from it. */
export type Route = Readonly<{
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With parameters in braces. */
  path: string
  tag: keyof typeof tags
  /** What the key of the caller must allow. `any`: any key. `open`: needs no key. */
  scope: Scope | 'any' | 'open'
  summary: string
  description: string
  params?: z.ZodObject
  query?: z.ZodObject
  headers?: z.ZodObject
  /** Without it, any body is ignored. */
  body?: z.ZodType
  /** The body may be `{"reason"}`; any other body is ignored. */
  reason?: true
  /** Limit of the body in bytes, if it is larger than usual. */
  bodyLimit?: number
  answer: Answer
  /** In addition to `commonProblems`. */
  problems: readonly ProblemCode[]
}>

export type Answer = Readonly<{
  description: string
  /** JSON, unless `stream` is set. */
  schema?: z.ZodType
  /** Set if the response is of another media type; with a schema, if it can be. */
  raw?: Readonly<{ media: string; description: string; example: string }>
  /** 201 instead of 200. */
  created?: true
  /** Set if 201 with the same body is possible; says when. */
  orCreated?: string
  /** 204 without a body instead of 200. */
  empty?: true
  /** Set if the response is a stream of server-sent events; describes it. */
  stream?: string
  /** Set if 204 without a body is possible; says when. */
  nothing?: string
  /** Set if 202 without a body is possible; says when. */
  accepted?: string
  /** Set if 202 with the same body is possible; says when. */
  later?: string
  /** The response has an entity tag; 304 without a body is returned for a known one. */
  tagged?: true
  /** Statuses of refusals whose body can have this form instead of that of a problem. */
  refused?: Readonly<{ statuses: readonly number[]; description: string; schema: z.ZodType }>
  /** Headers in addition to `X-Request-ID`: name and meaning. */
  headers?: Readonly<Record<string, string>>
}>

export const tags = {
  tasks: 'Submit tasks, watch them, and pause, resume or cancel each one while it runs.',
  queue: 'All tasks: list them, watch them, and act on many at once.',
  types: 'What this server can run.',
  schedules: 'Submit tasks at times.',
  workers: 'Programs in any language that run tasks over HTTP.',
  webhooks: 'Tell other systems what happens to tasks.',
  limits: 'Bound how many tasks run, and how often they start.',
  server: 'Statistics, nodes and health.',
  access: 'Callers, their keys, and what they have changed.',
} as const

/** Problems that any call may return. */
export const commonProblems = [
  'HOST_FORBIDDEN',
  'ORIGIN_FORBIDDEN',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RATE_LIMITED',
  'REQUEST_INVALID',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
  'STORE_LOST',
  'STORE_DAMAGED',
  'SHUTTING_DOWN',
  'INTERNAL',
] as const satisfies readonly ProblemCode[]
