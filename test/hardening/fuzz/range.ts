import { Pool } from 'undici'
import type { ApiDocument, Operation } from './document.ts'
import type { Shot } from './requests.ts'

/** A response; null if the server closed the connection instead. */
export type Received = Readonly<{
  status: number
  media: string
  requestId: string | undefined
  text: string
}> | null

/** Timeouts in milliseconds: for requests that ask the server to wait, for copies of the whole database, and for all others. */
const patience = { told: 100, backup: 60_000, other: 10_000 }

/** The server under test, over keep-alive connections. Remembers the ids and types that it returns. */
export class Range implements AsyncDisposable {
  readonly statuses = new Map<number, number>()
  /** Operations that succeeded at least once. */
  readonly succeeded = new Set<string>()
  sent = 0
  closed = 0
  waited = 0
  readonly #key: string
  readonly #pool: Pool
  readonly #operations: ReadonlyMap<string, Operation>
  readonly #known = new Map<string, string[]>()

  /** `key`: of a server that is closed, since a shot may create the first key. */
  constructor(url: string, document: ApiDocument, key: string) {
    this.#key = key
    this.#pool = new Pool(url, { connections: 50, pipelining: 1, keepAliveTimeout: 30_000 })
    this.#operations = new Map(document.operations.map((operation) => [operation.id, operation]))
  }

  /** Sends a request; returns what is wrong with the response, or undefined. */
  async fire(shot: Shot): Promise<string | undefined> {
    const request = this.#aimed(shot)
    this.sent += 1
    let received: Received
    try {
      received = await this.#send(request)
    } catch (error) {
      if (!(error instanceof TooSlow)) throw error
      this.waited += 1
      return asksToWait(request) ? undefined : `no answer to ${JSON.stringify(request)}`
    }
    if (received === null) {
      this.closed += 1
      return undefined
    }
    this.statuses.set(received.status, (this.statuses.get(received.status) ?? 0) + 1)
    const operation = this.#operations.get(shot.operation)
    const complaint = complaintOf(received, shot.method === operation?.method ? operation : undefined)
    if (complaint !== undefined) {
      return `${complaint}: ${received.status} ${received.text.slice(0, 1_000)} to ${JSON.stringify(request)}`
    }
    if (received.status < 400) {
      if (shot.method === operation?.method) this.succeeded.add(shot.operation)
      if (received.media === 'application/json') this.#learn(JSON.parse(received.text) as unknown)
    }
    return undefined
  }

  /** Whether the server has returned a value with this name. */
  knows(name: string): boolean {
    return this.#known.has(name)
  }

  /** Uses newer values only. */
  forget(name: string): void {
    this.#known.delete(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy()
  }

  async #send(request: Shot): Promise<Received> {
    const { method, target, headers, body } = request
    const over = new AbortController()
    const isBackup = request.operation === 'createBackup'
    const longest = asksToWait(request) ? patience.told : isBackup ? patience.backup : patience.other
    const timer = setTimeout(() => over.abort(new TooSlow()), longest)
    try {
      const answer = await this.#pool.request({
        method,
        path: target,
        headers: { authorization: `Bearer ${this.#key}`, ...headers },
        body,
        signal: over.signal,
      })
      const media = String(answer.headers['content-type'] ?? '').split(';')[0] ?? ''
      return {
        status: answer.statusCode,
        media,
        requestId: answer.headers['x-request-id']?.toString(),
        text: media === 'text/event-stream' ? await beginning(answer.body) : await answer.body.text(),
      }
    } catch (error) {
      if (error instanceof TooSlow) throw error
      if (isClosed(error)) return null
      throw new Error(`${method} ${target.slice(0, 200)} could not be sent`, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }

  /** Replaces markers with values that the server has returned. */
  #aimed(shot: Shot): Shot {
    const fill = (text: string, write: (value: string) => string) =>
      text.replaceAll(/\{\{(\w+):(\d+)\}\}/g, (_, name: string, at: string) => {
        const known = this.#known.get(name) ?? this.#known.get(`next_${name}`) ?? ['none']
        return write(known[Number(at) % known.length] ?? 'none')
      })
    return {
      ...shot,
      target: fill(shot.target, (value) => encodeURIComponent(value.toWellFormed())),
      headers: Object.fromEntries(
        Object.entries(shot.headers).map(([name, value]) => [name, fill(value, sendable)]),
      ),
      body: shot.body === null ? null : fill(shot.body, (value) => JSON.stringify(value).slice(1, -1)),
    }
  }

  #learn(value: unknown, name = ''): void {
    if (typeof value === 'string') {
      if (!/(?:^|_)(?:id|type|cursor|token)$/.test(name)) return
      const known = this.#known.get(name) ?? []
      // New values replace old ones, so tasks are in all states, and some no longer exist.
      if (known.length < 500) this.#known.set(name, [...known, value])
      else known[this.sent % known.length] = value
    } else if (Array.isArray(value)) {
      const singular = name === 'available_tasks' ? 'task_type' : name.replace(/s$/, '')
      for (const one of value) this.#learn(one, singular)
    } else if (typeof value === 'object' && value !== null) {
      if ('scopes' in value && 'id' in value) this.#learn(value.id, 'key_id')
      if ('next_ticks' in value && 'id' in value) this.#learn(value.id, 'schedule_id')
      if ('events' in value && 'id' in value) this.#learn(value.id, 'webhook_id')
      if ('last_error' in value && 'id' in value) this.#learn(value.id, 'delivery_id')
      for (const [key, one] of Object.entries(value)) if (key !== 'parameters') this.#learn(one, key)
    }
  }
}

/** Error statuses of HTTP itself, which any operation may return. */
const ofProtocol = new Set([400, 404, 405, 408, 413, 415, 431])

/** Checks a response against the document; without an operation, it must be an error or a method that always works. */
export function complaintOf(
  received: NonNullable<Received>,
  operation: Operation | undefined,
): string | undefined {
  const { status, media, text, requestId } = received
  if (status >= 500) return 'a fault of the server'
  if (requestId === undefined) return 'no request id'
  const described = operation?.answers.get(String(status))
  if (status >= 400) {
    if (media !== 'application/problem+json' && described?.has(media) !== true)
      return 'a refusal that is no problem document'
    if (operation !== undefined && described === undefined && !ofProtocol.has(status))
      return 'a status that is not in the document'
  } else if (operation === undefined) {
    return undefined
  } else if (described === undefined) {
    return 'a status that is not in the document'
  }
  if (text === '' && (described?.size ?? 0) === 0) return undefined
  const validate = described?.get(media)
  if (validate === undefined) {
    return status >= 400 ? problemOnly(text, status) : `a media type that is not in the document, ${media},`
  }
  // Streams, metrics and files.
  if (!/[/+]json$/.test(media)) return undefined
  const body = JSON.parse(text) as unknown
  if (!validate(body)) return `not as the document says, ${JSON.stringify(validate.errors?.[0])}`
  return media === 'application/problem+json' ? problemOnly(text, status) : undefined
}

function problemOnly(text: string, status: number): string | undefined {
  const problem = JSON.parse(text) as Record<string, unknown>
  const sound =
    problem['status'] === status &&
    typeof problem['code'] === 'string' &&
    typeof problem['detail'] === 'string'
  if (!sound) return 'not a sound problem'
  // Stacks, file paths and driver classes are internals.
  return /\bat .+:\d+:\d+|node_modules|\.ts\b|SQLITE|SqliteError/.test(String(problem['detail']))
    ? 'a detail that shows internals'
    : undefined
}

const sendable = (value: string) => value.replaceAll(/[^\u0020-\u007e]/g, '?')

class TooSlow extends Error {}

function asksToWait({ operation, target, headers, body }: Shot): boolean {
  if (operation === 'callMcp') return body?.includes('tools/call') === true
  return /[?&]wait=/.test(target) || Object.keys(headers).includes('prefer') || /"wait":/.test(body ?? '')
}

/** The first chunk of a stream that may be endless. */
async function beginning(body: AsyncIterable<Buffer> & { destroy: () => unknown }): Promise<string> {
  for await (const chunk of body) {
    body.destroy()
    return String(chunk)
  }
  return ''
}

function isClosed(error: unknown): boolean {
  const { code, cause } = error as { code?: string; cause?: unknown }
  const codes = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_ABORTED']
  return codes.includes(code ?? '') || (cause !== undefined && isClosed(cause))
}
