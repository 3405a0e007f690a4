import type { IncomingHttpHeaders } from 'node:http'
import { BlockList, isIP, isIPv6 } from 'node:net'
import { hostname } from 'node:os'
import { RequestRefused } from './problems.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** True for addresses that only programs on this machine can reach. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost') return true
  const family = isIP(host)
  return family !== 0 && loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

export type GuardOptions = Readonly<{
  /** Names that the server accepts, in addition to those that need no list. Lower case, without a port. */
  hosts: readonly string[]
  /** Origins whose pages may call it: scheme, host, and port unless it is the default. Lower case. */
  origins: readonly string[]
}>

export type Asked = Readonly<{
  method: string
  /** Path and query. */
  url: string
  headers: IncomingHttpHeaders
}>

/**
 * The server is open to programs, but not to every page in a browser. A foreign page could reach it under a name that
 * resolves to its address (DNS rebinding), so it accepts only names that nobody else can point to it; or with a request of
 * its own, so `Origin` must be the address the request was sent to. Browser requests without `Origin` are recognized by
 * `Sec-Fetch-Site`.
 */
export class Guard {
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>
  readonly #isAnyHost: () => boolean

  /** `isAnyHost`: no credential is ambient, so a page of another name can do nothing. */
  constructor({ hosts, origins }: GuardOptions, isAnyHost: () => boolean = () => false) {
    this.#isAnyHost = isAnyHost
    this.#hosts = new Set([...hosts, 'localhost', hostname().toLowerCase()])
    this.#origins = new Set(origins)
  }

  /** Undefined if the request is allowed. */
  refused(request: Asked): RequestRefused | undefined {
    return this.#refusedHost(request) ?? this.#refusedOrigin(request)
  }

  /** The page has an allowed origin: it may read the response. */
  allowsOrigin(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin.toLowerCase())
  }

  #refusedHost({ url, headers }: Asked): RequestRefused | undefined {
    const { host = '' } = headers
    // HTTP/1.0 health checks and scrapers send none; browsers always do.
    if (host === '') {
      if (/^\/(?:healthz|readyz|metrics)(?:\?|$)/.test(url)) return undefined
      const detail =
        'The request has no Host header. Only /healthz, /readyz and /metrics work without one. Send the name of this server, or configure the proxy in front of it to do so. FERMATA_ALLOWED_HOSTS lists the accepted names.'
      return new RequestRefused('HOST_FORBIDDEN', detail)
    }
    const name = nameOf(host)
    if (name !== undefined && this.#isAnyHost()) return undefined
    if (name !== undefined && (isIP(name) !== 0 || !name.includes('.') || this.#hosts.has(name))) {
      return undefined
    }
    const remedy = name === undefined ? '' : ` To allow it, add ${name} to FERMATA_ALLOWED_HOSTS.`
    const detail = `This server does not accept the Host ${quoted(host)}. It accepts IP addresses, localhost, names without a dot, its own host name, and those in FERMATA_ALLOWED_HOSTS.${remedy}`
    return new RequestRefused('HOST_FORBIDDEN', detail)
  }

  #refusedOrigin({ method, url, headers }: Asked): RequestRefused | undefined {
    const { origin, host = '' } = headers
    if (this.allowsOrigin(origin)) return undefined
    if (origin !== undefined && !isSame(origin, host) && !isFile(method, url)) {
      const detail = `Pages of ${quoted(origin)} may not call this server (called as ${quoted(host)}). To allow them, add the origin to FERMATA_ALLOWED_ORIGINS. If the origin is this server behind a proxy, configure the proxy to pass on the Host header.`
      return new RequestRefused('ORIGIN_FORBIDDEN', detail)
    }
    if (headers['sec-fetch-site'] !== 'cross-site' || isOpenedByLink(method, headers)) return undefined
    const detail =
      'Pages of other sites may not call this server. To allow one, add its origin to FERMATA_ALLOWED_ORIGINS and use fetch with mode "cors".'
    return new RequestRefused('ORIGIN_FORBIDDEN', detail)
  }
}

/** The name in a Host header, in lower case, without port and trailing dot; undefined if invalid. */
function nameOf(host: string): string | undefined {
  const [, bracketed, plain] =
    /^(?:\[([\da-f:.]+)\]|([\w-]+(?:\.[\w-]+)*)\.?)(?::\d{1,5})?$/i.exec(host) ?? []
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed.toLowerCase() : undefined
  return plain?.toLowerCase()
}

/** The page came from the address it calls. A proxy may have terminated TLS, so the scheme is ignored. */
function isSame(origin: string, host: string): boolean {
  const [, scheme, authority] = /^(https?):\/\/([^/?#@\s,]+)$/i.exec(origin) ?? []
  if (scheme === undefined || authority === undefined) return false
  const port = scheme.toLowerCase() === 'https' ? ':443' : ':80'
  const [from, to] = [authority.toLowerCase(), host.toLowerCase()]
  return from === to || `${from}${port}` === to || from === `${to}${port}`
}

/**
 * A file of the page, which is not secret. Browsers send `Origin` with scripts and styles, so the page also appears behind a
 * proxy that does not pass on Host, and can show the errors of its calls.
 */
function isFile(method: string, url: string): boolean {
  const files = /^\/(?:(?:docs\/)?assets\/[\w.-]+|[\w-]+\.(?:svg|png|ico|js|webmanifest))$/
  return (method === 'GET' || method === 'HEAD') && files.test(url)
}

/** The user followed a link: the page opens in its own tab, and the other site reads nothing of it. */
function isOpenedByLink(method: string, headers: IncomingHttpHeaders): boolean {
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  )
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200))
}

/** For pages of allowed origins; every response varies by `Origin`, including refusals. */
export function corsHeaders(origin: string): Readonly<Record<string, string>> {
  return {
    'access-control-allow-origin': origin,
    'access-control-expose-headers':
      'x-request-id, location, etag, retry-after, ratelimit, ratelimit-policy, www-authenticate, preference-applied, idempotency-replayed',
  }
}

/** The response to a CORS preflight request. */
export function preflightHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return {
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
    'access-control-allow-headers':
      'authorization, x-api-key, content-type, idempotency-key, prefer, if-none-match, last-event-id, x-request-id, traceparent, tracestate, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id',
    'access-control-max-age': '600',
    ...(headers['access-control-request-private-network'] === 'true'
      ? { 'access-control-allow-private-network': 'true' }
      : {}),
  }
}
