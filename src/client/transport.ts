import { misfitOf } from '../core/json-value.ts'
import { addresses, repeatOf } from './addresses.ts'
import { FermataError, parsed, refusal, unreachable } from './errors.ts'
import type { OperationId } from './types.ts'
import { backoff, Leash, now, sleep } from './waiting.ts'

export type ClientOptions = Readonly<{
  /** Where the server is, with the path of a proxy if there is one. Default `http://localhost:8000`. */
  url?: string
  /** Sent with every call. */
  headers?: Readonly<Record<string, string>>
  /**
   * Seconds for which a call is repeated while the server cannot be reached, or says that the call did not arrive (408),
   * that it has no room (429) or is not ready (503). Default 10; 0 tries once.
   */
  patience?: number
  /** Is told before a call is sent again, or a broken stream is opened again. */
  onRetry?: (retry: Retry) => void
  /** Default: the `fetch` of the platform. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
}>

export type Retry = Readonly<{
  operation: OperationId
  error: FermataError
  /** Seconds until the next try. */
  delay: number
}>

/** For one call. */
export type CallOptions = Readonly<{
  /** Ends the call, which throws the signal's reason. */
  signal?: AbortSignal | undefined
  /** Instead of the client's. */
  patience?: number | undefined
}>

type Scalar = string | number | boolean

export type Call = CallOptions &
  Readonly<{
    operation: OperationId
    params?: Readonly<Record<string, string>>
    query?: Readonly<Record<string, Scalar | readonly Scalar[] | undefined>>
    headers?: Readonly<Record<string, string>>
    body?: unknown
    /** Seconds that the server may take on purpose. */
    wait?: number | undefined
  }>

/** Seconds for which an answer may take longer than it says. */
const longestAnswer = 30

/** Sends calls, and sends them again where that is safe. */
export class Transport {
  readonly url: string
  readonly patience: number
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: NonNullable<ClientOptions['fetch']>
  readonly #onRetry: (retry: Retry) => void

  constructor(options: ClientOptions) {
    const { url = 'http://localhost:8000' } = options
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) throw new TypeError(`${url} is no http address`)
    this.url = url.replace(/\/+$/, '')
    this.patience = options.patience ?? 10
    this.#headers = { ...options.headers }
    this.#fetch = options.fetch ?? ((url, init) => fetch(url, init))
    this.#onRetry = options.onRetry ?? (() => {})
  }

  /** The JSON that the call is answered with; undefined for an empty answer. */
  async json(call: Call): Promise<unknown> {
    const { operation, signal, patience = this.patience } = call
    mustBeJson(call.body)
    const begun = now()
    for (let failures = 0; ; failures++) {
      try {
        return await this.#answer(call)
      } catch (error) {
        if (!mayRepeat(operation, error)) throw error
        const left = patience - (now() - begun)
        await this.pause({ operation, error, failures, left, signal })
      }
    }
  }

  /** Waits before another try. Throws the error when no patience is `left`. */
  async pause({ operation, error, failures, left, signal }: Pause): Promise<void> {
    // Those who were sent away together do not come back together.
    const delay = error.retryAfter === undefined ? backoff(failures) : error.retryAfter + backoff(0)
    if (delay > left) throw error
    this.#onRetry({ operation, error, delay })
    await sleep(delay, signal)
  }

  /** One try. Throws a `FermataError`, or the reason of the signal. */
  async open(call: Call, signal: AbortSignal): Promise<Response> {
    const [method = 'GET', path = ''] = addresses[call.operation].split(' ')
    const address = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      encodeURIComponent(call.params?.[name] ?? ''),
    )
    const url = `${this.url}${address}`
    const json = call.body === undefined ? undefined : JSON.stringify(call.body)
    const init: RequestInit = {
      method,
      signal,
      headers: {
        ...this.#headers,
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

  async #answer(call: Call): Promise<unknown> {
    const leash = new Leash(call.signal)
    leash.within((call.wait ?? 0) + longestAnswer)
    try {
      const response = await this.open(call, leash.signal)
      const text = await response.text()
      return text === '' ? undefined : parsed(text, response, response.url)
    } catch (error) {
      if (error instanceof FermataError || call.signal?.aborted === true) throw error
      throw unreachable(this.url, leash.signal.reason ?? error)
    } finally {
      leash.letGo()
    }
  }
}

/** Throws `TypeError` for what JSON would change in silence: nobody could tell what was meant. */
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

/** Whether another try can help, and cannot do harm. */
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

/** Only some platforms tell; when in doubt it was sent. */
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
