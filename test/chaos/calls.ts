import assert from 'node:assert/strict'
import type { Shown } from '../crash/witness.ts'

/** The outcome of a call. `refused`: nothing was recorded. `unanswered`: unknown. */
export type Reached =
  | Readonly<{ kind: 'answered'; status: number; body: unknown }>
  | Readonly<{ kind: 'refused' }>
  | Readonly<{ kind: 'unanswered' }>

/** Timeout in milliseconds: a frozen node does not answer. */
const patience = 5_000

export async function call(url: string, method: string, path: string, body?: unknown): Promise<Reached> {
  let response: Response
  let text: string
  try {
    response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(patience),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    text = await response.text()
  } catch (error) {
    const refused = ((error as Error).cause as { code?: unknown } | undefined)?.code === 'ECONNREFUSED'
    return { kind: refused ? 'refused' : 'unanswered' }
  }
  const { status } = response
  assert(status < 500 || status === 503, `${method} ${path} was answered ${status}: ${text}`)
  const answer = JSON.parse(text) as { outcome_unknown?: boolean }
  // The request arrived while the node was frozen, and had expired when it woke.
  if (status === 408) return { kind: 'refused' }
  if (status !== 503) return { kind: 'answered', status, body: answer }
  assert(Number(response.headers.get('retry-after')) > 0, `a 503 says when to retry: ${text}`)
  return { kind: answer.outcome_unknown === true ? 'unanswered' : 'refused' }
}

/** Reads a task from this node; undefined for a 404. */
export async function look(url: string, id: string): Promise<Shown | 'away' | undefined> {
  const status = await call(url, 'GET', `/api/task/${id}/status`)
  if (status.kind !== 'answered') return 'away'
  if (status.status === 404) return undefined
  const shown = status.body as Shown
  if (shown.status !== 'completed') return shown
  const result = await call(url, 'GET', `/api/task/${id}/result`)
  return result.kind === 'answered' ? (result.body as Shown) : 'away'
}
