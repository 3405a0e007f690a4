import type { FastifyReply } from 'fastify'
import type { Readable } from 'node:stream'
import type { z } from 'zod'
import type { Route } from '../contract/route.ts'
import type { OperationId, Routes } from '../contract/routes.ts'
import type { Access, Session } from '../access/access.ts'
import type { TraceContext } from '../core/trace-context.ts'
import type { TaskManagerApi } from '../engine/api.ts'
import type { Metrics } from './metrics.ts'
import type { Streams } from './stream.ts'
import type { Traffic } from './traffic.ts'
import type { Waits } from './waits.ts'

/** A call as its handler sees it, validated against the schemas of its route. */
export type Call<R extends Route> = Readonly<{
  params: Checked<R, 'params'>
  query: Checked<R, 'query'>
  headers: Checked<R, 'headers'>
  body: Checked<R, 'body'>
  session: Session
  /** The engine on behalf of the caller. */
  manager: TaskManagerApi
  /** The reason in a body of which nothing else is read. */
  reason?: string | undefined
  requestId: string
  /** The trace to which the call belongs, if any. */
  trace: TraceContext | null
  reply: FastifyReply
}>

type Checked<R extends Route, Part extends 'params' | 'query' | 'headers' | 'body'> =
  R extends Record<Part, infer Schema extends z.ZodType> ? z.output<Schema> : undefined

/** JSON text, also as a stream, a value to serialize, or undefined if the handler has responded itself. */
export type Answered = string | Readable | object | undefined

/** One handler per route of the contract. */
export type Handlers<Some extends OperationId = OperationId> = Readonly<{
  [Operation in Some]: (call: Call<Routes[Operation]>) => Answered | Promise<Answered>
}>

export type HandlerContext = Readonly<{
  access: Access
  streams: Streams
  waits: Waits
  traffic: Traffic
  metrics: Metrics
  /** For faults that the answer of a call does not show. */
  logger: Readonly<{ error(fields: object, message: string): void }>
  version: string
  /** Path of the root, without a trailing slash: empty, or the prefix of a proxy. */
  base: string
}>

/** The reason of a change, from the query or the body. */
export function reasonOf({
  query,
  reason,
}: Readonly<{ query: Readonly<{ reason?: string }>; reason?: string | undefined }>): Readonly<{
  reason?: string
}> {
  const given = query.reason ?? reason
  return given === undefined ? {} : { reason: given }
}
