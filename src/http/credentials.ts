import type { IncomingHttpHeaders } from 'node:http'
import type { Session } from '../access/access.ts'
import type { Route } from '../contract/route.ts'
import type { Caller, Scope } from '../core/caller.ts'
import { Forbidden, Unauthenticated } from '../core/errors.ts'

const bearerForm = /^bearer +\S+ *$/i

/** The key that a request shows, as `Authorization: Bearer` or `X-API-Key`. Undefined without one. */
export function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const { authorization, 'x-api-key': other } = headers
  if (authorization === undefined) return typeof other === 'string' ? other.trim() : undefined
  if (!bearerForm.test(authorization)) throw new Unauthenticated('invalid')
  const bearer = authorization.slice(7).trim()
  if (other !== undefined && other !== bearer) throw new Unauthenticated('invalid')
  return bearer
}

export function hasScope({ scopes }: Caller, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin')
}

/** Throws `Forbidden` unless the caller has the scope of the route. */
export function mustHaveScope({ caller }: Session, { scope }: Pick<Route, 'scope'>): void {
  if (scope === 'open' || scope === 'any') return
  if (hasScope(caller, scope)) return
  throw new Forbidden(`This call needs a key with the scope ${scope}; yours has ${caller.scopes.join(', ')}.`)
}
