import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { callbackify } from 'node:util'
import { Agent, buildConnector, request } from 'undici'
import { mayReach, type Ranges } from '../core/addresses.ts'
import { retryAfterOf } from '../core/webhook.ts'
import { clip } from '../core/text.ts'
import type { Sender } from './sender.ts'

export type Lookup = (name: string) => Promise<readonly LookupAddress[]>

export type SenderOptions = Readonly<{
  /** Beyond public addresses. */
  allowed: Ranges
  /** Milliseconds for an attempt, from the lookup of the name to the status of the answer. */
  timeout: number
  /** In tests: what names resolve to. */
  lookup?: Lookup
}>

/** Bytes of an answer that are read, so that its connection can be used again. */
const answerRead = 16_384
/** Addresses of a name that are tried. */
const addressesTried = 4

/** Sends over HTTP. An address is checked after its name was resolved, and the connection goes to that address and no other. */
export function httpSender({ allowed, timeout, lookup = resolve }: SenderOptions): Sender {
  const agent = new Agent({
    connect: guardedConnector(allowed, timeout, oncePerName(lookup)),
    pipelining: 1,
    keepAliveTimeout: 10_000,
    headersTimeout: timeout,
    bodyTimeout: timeout,
    allowH2: false,
  })
  return {
    async send({ url, headers, body }) {
      const sent = Date.now()
      try {
        const signal = AbortSignal.timeout(timeout)
        const options = { method: 'POST', headers, body, dispatcher: agent, signal } as const
        // A request that waits for a connection does not end with its signal.
        const answer = await within(timeout, request(url, options))
        // What it says is neither kept nor waited for.
        answer.body.dump({ limit: answerRead }).catch(() => undefined)
        const { statusCode: status } = answer
        const after = [answer.headers['retry-after'] ?? []].flat()[0]
        return { status, error: statusFault(status), retryAfter: retryAfterOf(after, sent) }
      } catch (error) {
        return { status: null, error: reasonOf(error, timeout), retryAfter: null }
      }
    },
    close: () => agent.destroy(),
  }
}

function guardedConnector(allowed: Ranges, timeout: number, lookup: Lookup): buildConnector.connector {
  const connect = buildConnector({ timeout: timeout / 3, allowH2: false })
  return (options, callback) => {
    const name = options.hostname.replace(/^\[|\]$/g, '')
    callbackify(connected)(options, name, (error: Error | null, socket) =>
      error === null ? callback(null, socket) : callback(error, null),
    )
  }

  async function connected(options: buildConnector.Options, name: string) {
    const found =
      isIP(name) === 0 ? await within(timeout, lookup(name)) : [{ address: name, family: isIP(name) }]
    const refused = found.find(({ address }) => !mayReach(address, allowed))
    if (refused !== undefined) throw new AddressRefused(refused.address)
    let last: unknown = new Error('the name has no address')
    for (const { address } of found.slice(0, addressesTried)) {
      try {
        return await connectTo(options, address)
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  function connectTo(options: buildConnector.Options, address: string) {
    return new Promise<buildConnector.CallbackArgs[1] & object>((fulfil, reject) => {
      connect({ ...options, hostname: address }, (...[error, socket]) => {
        if (error !== null) return reject(error)
        const { remoteAddress = '' } = socket
        if (mayReach(remoteAddress, allowed)) return fulfil(socket)
        socket.destroy()
        return reject(new AddressRefused(remoteAddress))
      })
    })
  }
}

/** Rejects with a `TimeoutError` after so many milliseconds. What the promise does then is ignored. */
async function within<T>(timeout: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new DOMException('it took too long', 'TimeoutError')), timeout)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

class AddressRefused extends Error {
  constructor(address: string) {
    super(`the address ${address} is not public, and FERMATA_WEBHOOK_ALLOW does not list it`)
  }
}

async function resolve(name: string): Promise<readonly LookupAddress[]> {
  return systemLookup(name, { all: true, order: 'ipv4first' })
}

/** A name server that does not answer is asked once at a time: lookups share few threads. */
function oncePerName(lookup: Lookup): Lookup {
  const asking = new Map<string, Promise<readonly LookupAddress[]>>()
  return (name) => {
    const asked = asking.get(name)
    if (asked !== undefined) return asked
    const found = lookup(name).finally(() => asking.delete(name))
    asking.set(name, found)
    return found
  }
}

function statusFault(status: number): string | null {
  if (status >= 200 && status < 300) return null
  if (status >= 300 && status < 400) return 'redirects are not followed'
  return `the receiver answered ${status}`
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  ENOTFOUND: 'the name does not exist',
  EAI_AGAIN: 'the name could not be resolved',
}

function reasonOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return clip(String(error), 200)
  const { code } = error as Error & { code?: unknown }
  if (
    error.name === 'TimeoutError' ||
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    code === 'UND_ERR_HEADERS_TIMEOUT'
  )
    return `no answer within ${timeout / 1_000} seconds`
  const known = typeof code === 'string' ? reasons[code] : undefined
  return known ?? clip(error.message, 200)
}
