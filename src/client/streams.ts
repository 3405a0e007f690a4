import { FermataError, unreachable } from './errors.ts'
import { messages, type Message } from './sse.ts'
import { mayRepeat, type Call, type CallOptions, type Transport } from './transport.ts'
import type { Change, Resync, Status, TaskEvent } from './types.ts'
import { Leash, now } from './waiting.ts'

/** Seconds without a byte, including heartbeats, after which a connection counts as dead. */
const longestSilence = 45

/** Seconds for which streams and waits retry an unreachable server by default. */
export const longPatience = 60

/** `opened`: called when the connection is open, for the first time or again. */
type Received = Message | 'opened'

export type EventOptions = CallOptions &
  Readonly<{
    /** Version of the last known transition; the stream continues after it. Default 0: all transitions. */
    after?: number
  }>

/**
 * Streams events of a task across broken connections: each transition once and in order, with reports in between. Ends after
 * the final transition. Throws `TASK_UNKNOWN`, `SERVER_UNREACHABLE`, or the signal's reason.
 */
export async function* taskEvents(
  transport: Transport,
  id: string,
  { after = 0, ...options }: EventOptions = {},
): AsyncGenerator<TaskEvent, void, undefined> {
  let version = after
  const call = (): Call => ({
    operation: 'streamTaskEvents',
    params: { task_id: id },
    headers: version === 0 ? {} : { 'last-event-id': String(version) },
    ...options,
  })
  for await (const message of lasting(transport, call)) {
    if (message === 'opened') continue
    const event = eventOf(message)
    if (event === undefined || event.kind === 'resync') continue
    if (event.kind !== 'transition') {
      yield event
    } else if (event.version > version) {
      version = event.version
      yield event
      if (isTerminal(event.status)) return
    }
  }
}

/**
 * Streams events of all tasks that match a filter. It starts with `resync`, which is sent again whenever events may be
 * missing.
 */
export async function* changes(
  transport: Transport,
  query: NonNullable<Call['query']>,
  options: CallOptions = {},
): AsyncGenerator<Change, void, undefined> {
  let why: Resync['why'] = 'open'
  const call = (): Call => ({ operation: 'streamChanges', query, ...options })
  for await (const message of lasting(transport, call)) {
    if (message === 'opened') {
      yield { kind: 'resync', why }
      why = 'reconnect'
    } else {
      const event = eventOf(message)
      if (event !== undefined) yield event
    }
  }
}

/** A stream that is reopened whenever it breaks off. Ends when the server says that there are no more events. */
async function* lasting(transport: Transport, call: () => Call): AsyncGenerator<Received, void, undefined> {
  const { operation, signal, patience = longPatience } = call()
  let heard = now()
  for (let failures = 0; ; failures++) {
    const leash = new Leash(signal)
    const alive = () => {
      heard = now()
      leash.within(longestSilence)
    }
    leash.within(longestSilence)
    let broken: unknown = new Error('the stream ended early')
    try {
      const { status, body, headers } = await transport.open(call(), leash.signal)
      if (status === 204 || body === null) return
      const media = headers.get('content-type') ?? ''
      if (!media.startsWith('text/event-stream')) {
        throw new FermataError(
          'RESPONSE_INVALID',
          `${transport.url} answered with ${media}, not with events`,
          {
            status,
          },
        )
      }
      alive()
      yield 'opened'
      for await (const message of messages(body, alive)) {
        failures = 0
        yield message
      }
    } catch (error) {
      broken = error
    } finally {
      leash.letGo()
    }
    signal?.throwIfAborted()
    const error = broken instanceof FermataError ? broken : unreachable(transport.url, broken)
    if (!mayRepeat(operation, error)) throw error
    await transport.pause({ operation, error, failures, left: patience - (now() - heard), signal })
  }
}

/** Skips kinds that a newer server may send. */
function eventOf({ event: kind, data }: Message): Change | undefined {
  return ['transition', 'progress', 'log', 'resync'].includes(kind)
    ? ({ kind, ...(JSON.parse(data) as object) } as Change)
    : undefined
}

export function isTerminal(status: Status): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}
