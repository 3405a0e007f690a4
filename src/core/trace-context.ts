/**
 * A W3C trace context as it is stored: `traceparent`, and after a space `tracestate` if there is one. Both are checked, so
 * that they can be headers.
 */
export type TraceContext = string

/** Of version 00; a later version may add fields after another hyphen. */
const parentForm = /^(?!ff)([\da-f]{2})-((?!0{32})[\da-f]{32})-((?!0{16})[\da-f]{16})-([\da-f]{2})(-.*)?$/
const memberForm =
  /^[a-z\d][\w\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

const mostMembers = 32
const longestState = 512

/** Null without a valid `traceparent`. An invalid or too long `tracestate` is left out, as the standard requires. */
export function traceContext(parent: string | undefined, state?: string): TraceContext | null {
  if (typeof parent !== 'string') return null
  const [, version, trace, span, flags = '', more] = parentForm.exec(parent.trim()) ?? []
  if (version === undefined || (version === '00' && more !== undefined)) return null
  // What this version does not define is not passed on.
  const known = Number.parseInt(flags, 16) & 3
  const list = stateOf(state)
  return `00-${trace}-${span}-0${known}${list === null ? '' : ` ${list}`}`
}

export function isTraceContext(text: string): boolean {
  const { traceparent, tracestate } = headersOf(text)
  return traceContext(traceparent, tracestate) === text
}

/** The headers of a trace context. */
export function headersOf(
  context: TraceContext | null,
): Readonly<{ traceparent?: string; tracestate?: string }> {
  if (context === null) return {}
  const end = context.indexOf(' ')
  if (end === -1) return { traceparent: context }
  return { traceparent: context.slice(0, end), tracestate: context.slice(end + 1) }
}

/** The id of the trace, for logs. */
export function traceIdOf(context: TraceContext): string {
  return context.slice(3, 35)
}

/** For log lines about a task. */
export function traceField(context: TraceContext | null): Readonly<{ trace_id?: string }> {
  return context === null ? {} : { trace_id: traceIdOf(context) }
}

function stateOf(state: string | undefined): string | null {
  if (state === undefined || state.length > longestState) return null
  const members = state
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '')
  if (members.length === 0 || members.length > mostMembers) return null
  return members.every((member) => memberForm.test(member)) ? members.join(',') : null
}
