import type { IncomingHttpHeaders } from 'node:http'
import { RequestRefused } from './problems.ts'

const machine = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i
const ownPage = /^https?:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** True for addresses that only programs on this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/**
 * A server on loopback without keys trusts this machine, but not every page that its browser shows: a foreign name that
 * resolves to loopback (DNS rebinding) and a form of another site would reach it too.
 */
export function refusedOnLoopback({ host, origin }: IncomingHttpHeaders): RequestRefused | undefined {
  if (host === undefined || !machine.test(host)) {
    const detail = `The Host header is ${JSON.stringify(host ?? '')}: without API keys this server answers to localhost, 127.0.0.1 and [::1] only.`
    return new RequestRefused('HOST_FORBIDDEN', detail)
  }
  if (origin !== undefined && !ownPage.test(origin)) {
    const detail = `A page of ${JSON.stringify(origin)} may not call this server.`
    return new RequestRefused('ORIGIN_FORBIDDEN', detail)
  }
  return undefined
}
