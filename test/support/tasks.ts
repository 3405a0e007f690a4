import { library, type Origin } from '../../src/core/caller.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import { defaultBackoff } from '../../src/core/retry.ts'
import type { ErrorRecord, Submission } from '../../src/core/task.ts'
import type { Question, WaitAnswer, WaitReached } from '../../src/core/wait.ts'
import { tokenHashOf } from '../../src/store/wait-token.ts'
import type { UniqueRequest } from '../../src/core/unique-options.ts'
import type { NodeInfo, SubmitOptions } from '../../src/store/store.ts'

/** An ordinary submission, except for what the test sets. */
export function submission(own: Partial<Submission> & Pick<Submission, 'id'>): Submission {
  return {
    type: 'work',
    parameters: '{}',
    priority: 0,
    runAt: null,
    delay: null,
    timeout: null,
    maxAttempts: 3,
    backoff: defaultBackoff,
    tags: [],
    idempotencyKey: null,
    requestHash: null,
    trace: null,
    ...own,
  }
}

/** A submit of this type that is debounced by its type. */
export function debouncedBy(type: string, more: Partial<UniqueRequest> = {}) {
  const unique: UniqueRequest = {
    key: type,
    while: 'queued',
    for: null,
    debounced: true,
    onConflict: 'debounce',
    max: null,
    ...more,
  }
  return { type, delay: 60_000, unique }
}

export const fromApi: SubmitOptions = { by: 'api', maxQueued: 1_000_000 }

/** A change by the caller of this name, whose key has the id `key-NAME`. */
export function by(name: string, more: Omit<Origin, 'caller'> = {}): Origin {
  return { caller: { ...library, id: `key-${name}`, name }, ...more }
}

export function node(id: string): NodeInfo {
  return { id, slots: 10, types: ['work'], version: 'test', host: 'machine', pid: 1 }
}

/** The handler sleeps for so many milliseconds from this time. */
export function sleepOf(delay: number, now: number): Outcome {
  return { kind: 'sleeping', until: now + delay, delay, sleeps: { over: 0, after: [0] }, awaits: null }
}

/** The handler waits for an answer, and knows so many news. */
export function waitOf(seen: number, delay: number | null = null, now = 0): Outcome {
  const until = delay === null ? null : now + delay
  return { kind: 'sleeping', until, delay, sleeps: { over: 0, after: [] }, awaits: { seen, waits: ['ok'] } }
}

/** The handler waits for a child, and knows so many news. */
export function joinOf(seen: number): Outcome {
  const awaits = { seen, waits: [], children: 1 }
  return { kind: 'sleeping', until: null, delay: null, sleeps: { over: 0, after: [] }, awaits }
}

/** That a run has come to the wait `ok`. */
export function reachedOk(id: string, own: Partial<WaitReached> = {}): WaitReached {
  const token = `token of ${id}`
  const question = JSON.stringify({ token, schema: null, message: 'Ship it?' } satisfies Question)
  return { name: 'ok', occurrence: 1, tokenHash: tokenHashOf(token), question, timeout: null, ...own }
}

/** An answer to the wait `ok`. */
export function answerOf(answer: string, own: Partial<WaitAnswer> = {}): WaitAnswer {
  return { name: 'ok', occurrence: 1, answer, by: 'alice', early: false, ...own }
}

export const boom: ErrorRecord = { code: 'BOOM', name: 'Error', message: 'boom' }
