import { lookup as systemLookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { clip } from '../core/text.ts'
import type { AllowedAddresses } from './addresses.ts'
import { signatures } from './signature.ts'

/** One message to one receiver. */
export type Message = Readonly<{
  url: string
  id: string
  /** Unix seconds. */
  timestamp: number
  body: string
  secrets: readonly string[]
  /** Continues the trace at the receiver. */
  traceparent?: string | undefined
}>

/** `status`: null if no response came. `error`: null if it was accepted. `retryAfter`: milliseconds that the receiver asked for. */
export type Sent = Readonly<{ status: number | null; error: string | null; retryAfter: number | null }>

export type Send = (message: Message, signal: AbortSignal) => Promise<Sent>

export type SenderOptions = Readonly<{
  allowed: AllowedAddresses
  version: string
  /** Default: that of the system. */
  lookup?: LookupFunction
  /** Milliseconds from the start to the status of the response. */
  timeout?: number
}>

const defaultTimeout = 15_000
/** Of a response nothing but its status is used. Reading a little of the rest lets the receiver end it in peace. */
const readAtMost = 65_536
const errorLength = 200

/**
 * Sends messages. Each address to which a name resolves is checked, and the connection is made to what was checked: a name that resolves to
 * something else a moment later changes nothing. Redirects are not followed.
 */
export function senderOf(options: SenderOptions): Send {
  const { allowed, version, timeout = defaultTimeout } = options
  const lookup = checkedLookup(allowed, options.lookup ?? systemLookup)
  return async ({ url: text, id, timestamp, body, secrets, traceparent }, signal) => {
    const refused = faultOf(text, allowed)
    if (refused !== undefined) return failed(refused)
    const url = new URL(text)
    const signature = signatures(secrets, { id, timestamp, body })
    const sending: RequestOptions = {
      method: 'POST',
      agent: false,
      lookup,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': `Fermata/${version}`,
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        ...(signature === '' ? {} : { 'webhook-signature': signature }),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
    }
    try {
      return sentOf(await respond(url, sending, body, allowed))
    } catch (error) {
      if (signal.aborted) throw error
      return failed(reasonOf(error, timeout))
    }
  }
}

/** Why nothing can be sent to this URL, as far as it shows without asking for its name; undefined if nothing speaks against it. */
export function faultOf(text: string, allowed: AllowedAddresses): string | undefined {
  const url = URL.parse(text)
  if (url === null) return 'is not a URL'
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https:// or http://'
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0 && !allowed.has(host)) return forbidden
  return undefined
}

const forbidden =
  'has an address that webhooks may not reach: FERMATA_WEBHOOK_ALLOW lists those that they may'

class AddressForbidden extends Error {
  constructor() {
    super(forbidden)
  }
}

/** All addresses of a name must be allowed: nobody knows to which of them a connection would be made. */
function checkedLookup(allowed: AllowedAddresses, lookup: LookupFunction): LookupFunction {
  return (name, options, callback) => {
    lookup(name, { ...options, all: true }, (error, found) => {
      const addresses = typeof found === 'string' ? [] : (found ?? [])
      if (error !== null || addresses.length === 0) {
        callback(error ?? new Error('the name has no address'), '', 0)
      } else if (!addresses.every(({ address }) => allowed.has(address))) {
        callback(new AddressForbidden(), '', 0)
      } else if (options.all === true) {
        callback(null, addresses)
      } else {
        callback(null, addresses[0]!.address, addresses[0]!.family)
      }
    })
  }
}

function respond(
  url: URL,
  options: RequestOptions,
  body: string,
  allowed: AllowedAddresses,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
      let left = readAtMost
      response.on('error', () => {})
      response.on('data', (part: Buffer) => {
        left -= part.length
        if (left < 0) response.destroy()
      })
      resolve(response)
    })
    request.on('error', reject)
    request.on('socket', (socket) => {
      socket.once('connect', () => {
        if (!allowed.has(socket.remoteAddress ?? '')) request.destroy(new AddressForbidden())
      })
    })
    request.end(body)
  })
}

function sentOf({ statusCode = 0, headers }: IncomingMessage): Sent {
  if (statusCode >= 200 && statusCode < 300) return { status: statusCode, error: null, retryAfter: null }
  const isRedirect = statusCode >= 300 && statusCode < 400
  const error = `the receiver answered ${statusCode}${isRedirect ? ', and redirects are not followed' : ''}`
  return { status: statusCode, error, retryAfter: retryAfterOf(headers['retry-after']) }
}

/** Milliseconds, from seconds or a date. */
export function retryAfterOf(header: string | undefined, now = Date.now()): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}

function failed(error: string): Sent {
  return { status: null, error, retryAfter: null }
}

/** Without anything that the receiver has said. */
function reasonOf(error: unknown, timeout: number): string {
  if (error instanceof AddressForbidden) return `the name ${error.message}`
  if (!(error instanceof Error)) return 'the connection failed'
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `no response within ${timeout / 1_000} s`
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined && code in reasons) return reasons[code as keyof typeof reasons]
  return clip(code === undefined ? error.message : `the connection failed: ${code}`, errorLength)
}

const reasons = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was lost',
  ENOTFOUND: 'the name does not exist',
  EAI_AGAIN: 'the name could not be resolved',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
} as const
