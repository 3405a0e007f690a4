import assert from 'node:assert/strict'
import type { Shown } from '../crash/witness.ts'

/** What came of a call. `refused`: nothing was recorded. `unanswered`: nobody knows. */
export type Reached =
  | Readonly<{ kind: 'answered'; status: number; body: unknown }>
  | Readonly<{ kind: 'refused' }>
  | Readonly<{ kind: 'unanswered' }>

/** Milliseconds: a frozen node does not answer at all. */
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
  // It came while the node stood still, and was too old when that woke.
  if (status === 408) return { kind: 'refused' }
  if (status !== 503) return { kind: 'answered', status, body: answer }
  assert(Number(response.headers.get('retry-after')) > 0, `a 503 says when to come again: ${text}`)
  return { kind: answer.outcome_unknown === true ? 'unanswered' : 'refused' }
}

/** A task as this node shows it; undefined for a 404. */
export async function look(url: string, id: string): Promise<Shown | 'away' | undefined> {
  const status = await call(url, 'GET', `/api/task/${id}/status`)
  if (status.kind !== 'answered') return 'away'
  if (status.status === 404) return undefined
  const shown = status.body as Shown
  if (shown.status !== 'completed') return shown
  const result = await call(url, 'GET', `/api/task/${id}/result`)
  return result.kind === 'answered' ? (result.body as Shown) : 'away'
}
