import type { Task, TaskId, TimelineEntry } from './task.ts'
import type { TraceContext } from './trace-context.ts'

/**
 * The spans of a node. Parts have it only if tracing is on. Nothing here blocks or throws, and no span has a value that a
 * caller may have sent as a parameter.
 */
export interface Tracing {
  /** A request to the server, for the route with this template. */
  request(of: Readonly<{ method: string; route: string }>, parent: TraceContext | null): RequestSpan
  /** A submit of so many tasks. `parent`: null for the current span of the program, if any. */
  submit(type: string, tasks: number, parent: TraceContext | null): SubmitSpan
  /** A run of a handler, linked to the submit of its task. */
  attempt(task: Task): AttemptSpan
  /** An attempt to deliver a message, linked to the submit of its task. `parent`: the trace of the task; null without one. */
  delivery(of: DeliveryAttempted, parent: TraceContext | null): DeliverySpan
}

export type RequestSpan = Readonly<{
  context: TraceContext
  ended(status: number): void
}>

export type SubmitSpan = Readonly<{
  context: TraceContext
  accepted(ids: readonly TaskId[]): void
  refused(error: unknown): void
}>

export type AttemptSpan = Readonly<{
  context: TraceContext
  /** Runs the work with the span as the current one. */
  within<T>(work: () => T): T
  /** Adds the transition as an event. */
  moved(entry: TimelineEntry): void
  /** The outcome of the run is recorded: the task as it is now. Code of the run may still be there. */
  settled(task: Task, isFailed: boolean): void
  /** The code has stopped. */
  over(): void
}>

/** `attempt`: counts from 1. */
export type DeliveryAttempted = Readonly<{
  event: string
  taskId: TaskId | null
  webhookId: string
  message: string
  attempt: number
}>

export type DeliverySpan = Readonly<{
  context: TraceContext
  /** `status`: null if no response came. `error`: null if the message was accepted. */
  ended(sent: Readonly<{ status: number | null; error: string | null }>): void
}>
