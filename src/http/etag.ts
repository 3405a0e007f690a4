import type { FastifyReply } from 'fastify'
import type { Caller } from '../core/caller.ts'
import { isTerminal, type Task } from '../core/task.ts'
import { seesSensitive } from '../engine/redacting.ts'

/**
 * Sends the entity tag of a task, and returns 304 if the caller knows it. It is weak: running times are in the body but not
 * in the tag. What is hidden from other callers is in the body only for callers who see it.
 */
export function isKnown(
  { version, savedAt, runAt, expiresAt, status, missing, sleeps }: Task,
  known: string | undefined,
  caller: Caller,
  reply: FastifyReply,
): boolean {
  // While a task waits, its times follow a wall clock that is set.
  const due = status === 'scheduled' || (!isTerminal(status) && sleeps !== null) ? `-${runAt}` : ''
  const expires = expiresAt === null ? '' : `-x${expiresAt}`
  const waits = missing === 0 ? '' : `-${missing}`
  const tag = `W/"${version}-${savedAt ?? 0}${due}${expires}${waits}${seesSensitive(caller) ? '-all' : ''}"`
  reply.header('etag', tag)
  if (known === undefined || !names(known, tag)) return false
  void reply.code(304).send()
  return true
}

function names(known: string, tag: string): boolean {
  const opaque = tag.slice(2)
  return known.split(',').some((each) => {
    const one = each.trim()
    return one === '*' || one === tag || one === opaque
  })
}
