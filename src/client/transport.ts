import { misfitOf } from '../core/json-value.ts'
import { addresses, repeatOf } from './addresses.ts'
import { FermataError, parsed, refusal, unreachable } from './errors.ts'
import type { OperationId } from './types.ts'
import { backoff, Leash, now, sleep } from './waiting.ts'

export type ClientOptions = Readonly<{
  /** URL of the server, including the path of a proxy. Default `http://localhost:8000`. */
  url?: string
  /** The key, or a function that returns the current one. Default: the environment variable `FERMATA_API_KEY`, if there is one. */
  apiKey?: string | (() => string | undefined) | undefined
  /** Headers sent with every call. */
  headers?: Readonly<Record<string, string>>
  /**
   * Seconds for which a call is retried while the server is unreachable, or responds that the request did not arrive in time
   * (408), that it has no capacity (429) or that it is not ready (503). Default 10; 0 tries once.
   */
  patience?: number
  /** Called before a call is retried or a broken stream is reopened. */
  onRetry?: (retry: Retry) => void
  /** Default: the platform's `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}>

export type Retry = Readonly<{
  operation: OperationId
  error: FermataError
  /** Seconds until the retry. */
  delay: number
}>

/** Options of one call. */
export type CallOptions = Readonly<{
  /** Ends the call, which throws the signal's reason. */
  signal?: AbortSignal | undefined
  /** Overrides the option of the client. */
  patience?: number | undefined
  /** The W3C trace context to send. Default: that of the current span, if your program uses `@opentelemetry/api`. */
  traceparent?: string | undefined
  /** Goes with `traceparent`. */
  tracestate?: string | undefined
}>

type Scalar = string | number | boolean

export type Call = CallOptions &
  Readonly<{
    operation: OperationId
    params?: Readonly<Record<string, string>>
    query?: Readonly<Record<string, Scalar | readonly Scalar[] | undefined>>
    headers?: Readonly<Record<string, string>>
    body?: unknown
    /** Seconds that the server may deliberately wait. */
    wait?: number | undefined
  }>

/** Seconds that a response may take longer than announced. */
const longestAnswer = 30

/** Sends calls, and retries them where that is safe. */
export class Transport {
  readonly url: string
  readonly patience: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #apiKey: () => string | undefined
  readonly #fetch: NonNullable<ClientOptions['fetch']>
  readonly #onRetry: (retry: Retry) => void

  constructor(options: ClientOptions) {
    const { url = 'http://localhost:8000' } = options
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) throw new TypeError(`${url} is no http address`)
    this.url = url.replace(/\/+$/, '')
    this.patience = options.patience ?? 10
    this.#headers = { ...options.headers }
    const { apiKey = keyInEnvironment() } = options
    this.#apiKey = typeof apiKey === 'function' ? apiKey : () => apiKey
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
    this.#onRetry = options.onRetry ?? (() => {})
  }

  /** The JSON of the response; undefined for an empty one. */
  json(call: Call): Promise<unknown> {
    return this.#patiently(call, (text, response) =>
      text === '' ? undefined : parsed(text, response, response.url),
    )
  }

  /** The text of the response. */
  text(call: Call): Promise<string> {
    return this.#patiently(call, (text) => text)
  }

  async #patiently<T>(call: Call, read: (text: string, response: Response) => T): Promise<T> {
    const { operation, signal, patience = this.patience } = call
    mustBeJson(call.body)
    const begun = now()
    for (let failures = 0; ; failures++) {
      try {
        return await this.#answer(call, read)
      } catch (error) {
        if (!mayRepeat(operation, error)) throw error
        const left = patience - (now() - begun)
        await this.pause({ operation, error, failures, left, signal })
      }
    }
  }

  /** Waits before a retry. Throws the error if no patience is `left`. */
  async pause({ operation, error, failures, left, signal }: Pause): Promise<void> {
    // Clients that were refused together should not return together.
    const delay = error.retryAfter === undefined ? backoff(failures) : error.retryAfter + backoff(0)
    if (delay > left) throw error
    this.#onRetry({ operation, error, delay })
    await sleep(delay, signal)
  }

  /** One attempt. Throws a `FermataError`, or the reason of the signal. */
  async open(call: Call, signal: AbortSignal): Promise<Response> {
    const [method = 'GET', path = ''] = addresses[call.operation].split(' ')
    const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(call.params?.[name] ?? ''),
    )
    const url = `${this.url}${address}`
    const json = call.body === undefined ? undefined : JSON.stringify(call.body)
    const key = this.#apiKey()
    const init: RequestInit = {
      method,
      signal,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...currentTrace(),
        ...this.#headers,
        ...traceOf(call),
        ...call.headers,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: json }),
    }
    const response = await this.#fetch(`${url}${queryOf(call.query)}`, init).catch((error: unknown) => {
      throw call.signal?.aborted === true ? error : unreachable(this.url, signal.reason ?? error)
    })
    if (!response.ok) throw await refusal(response, url)
    return response
  }

  async #answer<T>(call: Call, read: (text: string, response: Response) => T): Promise<T> {
    const leash = new Leash(call.signal)
    leash.within((call.wait ?? 0) + longestAnswer)
    try {
      const response = await this.open(call, leash.signal)
      return read(await response.text(), response)
    } catch (error) {
      if (error instanceof FermataError || call.signal?.aborted === true) throw error
      throw unreachable(this.url, leash.signal.reason ?? error)
    } finally {
      leash.letGo()
    }
  }
}

function traceOf({ traceparent, tracestate }: CallOptions): Readonly<Record<string, string>> {
  if (traceparent === undefined) return {}
  return { traceparent, ...(tracestate === undefined ? {} : { tracestate }) }
}

/** What a program with `@opentelemetry/api` has registered there: that package finds itself by this symbol. */
type OpenTelemetry = Readonly<{
  context?: { active(): unknown }
  propagation?: {
    inject(
      context: unknown,
      carrier: Record<string, string>,
      setter: { set(carrier: Record<string, string>, name: string, value: string): void },
    ): void
  }
}>

/** The headers that continue the current trace of the program. */
function currentTrace(): Readonly<Record<string, string>> {
  const symbol = Symbol.for('opentelemetry.js.api.1')
  const { context, propagation } = (globalThis as { [symbol]?: OpenTelemetry })[symbol] ?? {}
  if (context === undefined || propagation === undefined) return {}
  const headers: Record<string, string> = {}
  propagation.inject(context.active(), headers, {
    set(carrier, name, value) {
      carrier[name] = value
    },
  })
  return headers
}

/** Browsers have no environment. */
function keyInEnvironment(): string | undefined {
  const { process } = globalThis as { process?: { env?: Readonly<Record<string, string | undefined>> } }
  return process?.env?.['FERMATA_API_KEY'] || undefined
}

/** Throws `TypeError` for values that JSON would change silently. */
function mustBeJson(body: unknown): void {
  const misfit = misfitOf(body, '')
  if (misfit !== undefined) throw new TypeError(`${misfit.path.replace(/^\./, '')}: ${misfit.message}`)
}

type Pause = Readonly<{
  operation: OperationId
  error: FermataError
  failures: number
  left: number
  signal: AbortSignal | undefined
}>

/** Whether a retry can help, and cannot do harm. */
export function mayRepeat(operation: OperationId, error: unknown): error is FermataError {
  if (!(error instanceof FermataError)) return false
  const { code, status = 0, outcomeUnknown } = error
  const repeat = repeatOf(operation)
  const nothingDone = code === 'SERVER_UNREACHABLE' ? wasNotSent(error) : [408, 429, 503].includes(status)
  if (nothingDone && !outcomeUnknown) return repeat !== 'never'
  return (
    repeat === 'again' && (code === 'SERVER_UNREACHABLE' || outcomeUnknown || [502, 504].includes(status))
  )
}

/** Only some platforms tell; in doubt, it was sent. */
function wasNotSent({ cause }: FermataError): boolean {
  const inner = cause instanceof Error ? cause.cause : undefined
  const code = typeof inner === 'object' && inner !== null && 'code' in inner ? inner.code : undefined
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN'
}

function queryOf(query: Call['query'] = {}): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  )
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
