import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type Tracer,
} from '@opentelemetry/api'
import { TraceState } from '@opentelemetry/core'
import { toErrorRecord } from '../core/error-record.ts'
import { withoutKeys } from '../core/keys.ts'
import type { ErrorRecord, Task, TimelineEntry } from '../core/task.ts'
import { clip } from '../core/text.ts'
import { headersOf, traceContext, type TraceContext } from '../core/trace-context.ts'
import type {
  AttemptSpan,
  DeliveryAttempted,
  DeliverySpan,
  RequestSpan,
  SubmitSpan,
  Tracing,
} from '../core/tracing.ts'

/** Characters of an error message. */
const longestMessage = 500

/**
 * Spans after the semantic conventions of messaging: a type is a destination, a submit sends, an attempt processes. They have
 * ids, types, numbers and the messages of errors, and nothing that was submitted.
 */
export function spansOf(tracer: Tracer): Tracing {
  return {
    request: ({ method, route }, parent) => requestSpan(tracer, { method, route }, parent),
    submit: (type, tasks, parent) => submitSpan(tracer, { type, tasks }, parent),
    attempt: (task) => attemptSpan(tracer, task),
    delivery: (of, parent) => deliverySpan(tracer, of, parent),
  }
}

function requestSpan(
  tracer: Tracer,
  { method, route }: Readonly<{ method: string; route: string }>,
  parent: TraceContext | null,
): RequestSpan {
  const attributes = { 'http.request.method': method, 'http.route': route }
  const options = { kind: SpanKind.SERVER, attributes }
  const span = tracer.startSpan(`${method} ${route}`, options, within(parent, ROOT_CONTEXT))
  return {
    context: contextOf(span),
    ended(status) {
      span.setAttribute('http.response.status_code', status)
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

function submitSpan(
  tracer: Tracer,
  { type, tasks }: Readonly<{ type: string; tasks: number }>,
  parent: TraceContext | null,
): SubmitSpan {
  const attributes = {
    ...destination(type),
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'submit',
    ...(tasks === 1 ? {} : { 'messaging.batch.message_count': tasks }),
  }
  const options = { kind: SpanKind.PRODUCER, attributes }
  const span = tracer.startSpan(`submit ${type}`, options, within(parent, context.active()))
  return {
    context: contextOf(span),
    accepted(ids) {
      if (ids.length === 1) span.setAttribute('messaging.message.id', ids[0]!)
      span.end()
    },
    refused(error) {
      // Its message may quote what was submitted.
      span.setAttribute('error.type', toErrorRecord(error).code)
      span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    },
  }
}

/** Part of the trace of the submit, which decides whether it is sampled, and linked to the submit itself. */
function attemptSpan(tracer: Tracer, task: Task): AttemptSpan {
  const attributes: Attributes = {
    ...destination(task.type),
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.message.id': task.id,
    'fermata.task.attempt': task.attempt,
    'fermata.task.fence': task.fence,
  }
  const parent = within(task.trace, ROOT_CONTEXT)
  const options = { kind: SpanKind.CONSUMER, attributes, links: linksTo(parent) }
  const span = tracer.startSpan(`process ${task.type}`, options, parent)
  let isOver = false
  const over = () => {
    if (isOver) return
    isOver = true
    span.end()
  }
  return {
    context: contextOf(span),
    within: (work) => context.with(trace.setSpan(parent, span), work),
    moved: (entry) => void span.addEvent(entry.event, eventOf(entry)),
    settled({ status, error }, isFailed) {
      if (isOver) return
      span.setAttribute('fermata.task.status', status)
      if (isFailed && error !== null) fail(span, error)
      over()
    },
    over,
  }
}

/** As of an attempt. It has no address, which whoever submits a task may choose. */
function deliverySpan(
  tracer: Tracer,
  { event, taskId, webhookId, message, attempt }: DeliveryAttempted,
  submitted: TraceContext | null,
): DeliverySpan {
  const attributes: Attributes = {
    ...destination(webhookId),
    'messaging.operation.type': 'send',
    'messaging.operation.name': 'deliver',
    'messaging.message.id': message,
    'http.request.method': 'POST',
    ...(taskId === null ? {} : { 'fermata.task.id': taskId }),
    'fermata.delivery.attempt': attempt,
  }
  const parent = within(submitted, ROOT_CONTEXT)
  const options = { kind: SpanKind.CLIENT, attributes, links: linksTo(parent) }
  const span = tracer.startSpan(`deliver ${event}`, options, parent)
  return {
    context: contextOf(span),
    ended({ status, error }) {
      if (status !== null) span.setAttribute('http.response.status_code', status)
      if (error !== null) {
        span.setAttribute('error.type', status === null ? 'no_response' : String(status))
        span.setStatus({ code: SpanStatusCode.ERROR, message: error })
      }
      span.end()
    },
  }
}

function linksTo(submit: Context): Link[] {
  const submitted = trace.getSpanContext(submit)
  return submitted === undefined ? [] : [{ context: submitted }]
}

function destination(type: string): Attributes {
  return { 'messaging.system': 'fermata', 'messaging.destination.name': type }
}

function eventOf({ status, by, endedBy }: TimelineEntry): Attributes {
  return {
    'fermata.task.status': status,
    'fermata.by': by,
    ...(endedBy === undefined ? {} : { 'fermata.task.ended_by': endedBy }),
  }
}

function fail(span: Span, { code, name, message }: ErrorRecord): void {
  const text = clip(withoutKeys(message), longestMessage)
  span.setAttribute('error.type', code)
  span.addEvent('exception', { 'exception.type': name, 'exception.message': text })
  span.setStatus({ code: SpanStatusCode.ERROR, message: text })
}

function within(parent: TraceContext | null, otherwise: Context): Context {
  const { traceparent, tracestate } = headersOf(parent)
  if (traceparent === undefined) return otherwise
  const [, traceId = '', spanId = '', flags = '0'] = traceparent.split('-')
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: new TraceState(tracestate) }),
  })
}

function contextOf(span: Span): TraceContext {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext()
  const parent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
  return traceContext(parent, traceState?.serialize()) ?? parent
}
