import type { FastifyReply } from 'fastify'
import type { Grant, RateLimit } from '../core/rate-limit.ts'
import { RequestRefused } from './problems.ts'

/** Tells the caller what is left of its rate limit. Throws `RequestRefused` if that is nothing. */
export function mustHaveBudget(grant: Grant | null, reply: FastifyReply): void {
  if (grant === null) return
  const seconds = Math.ceil(grant.resetIn / 1_000)
  reply.header('ratelimit-policy', policyOf(grant.of))
  reply.header('ratelimit', `"key";r=${grant.remaining};t=${seconds}`)
  if (!grant.isRefused) return
  const { limit, per } = grant.of
  const detail = `This key may make ${limit} ${limit === 1 ? 'request' : 'requests'} per ${per / 1_000} s, and has none left. Try again in ${seconds} s.`
  throw new RequestRefused('RATE_LIMITED', detail, { headers: { 'retry-after': String(seconds) } })
}

function policyOf({ limit, per }: RateLimit): string {
  return `"key";q=${limit};w=${Math.ceil(per / 1_000)}`
}
