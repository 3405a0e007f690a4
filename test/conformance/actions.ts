import type { Outcome, Settlement } from '../../src/core/outcome.ts'
import type { Control, Submission } from '../../src/core/task.ts'
import type { Move } from '../../src/core/transition.ts'
import {
  answerOf,
  boom,
  by,
  debouncedBy,
  fromApi,
  joinOf,
  sleepOf,
  submission,
  waitOf,
} from '../support/tasks.ts'
import type { Known } from './given.ts'
import { anyNumberOf, one, type Scene } from './scene.ts'

/**
 * What one party does to a task, based on what it knew when it decided. Returns the outcome in one word. It calls the
 * store directly, so that two actions can overlap.
 */
export type Action = (scene: Scene, known: Known) => Promise<string>

/** Submits a task whose id the others already know; its key makes a second submit a replay. */
export const submitIt: Action = async ({ store }, { id, type }) => {
  const answer = await store.submit([keyed({ id, type })], fromApi)
  if (answer.kind !== 'accepted') return answer.kind
  return one(answer.tasks).replayed ? 'replayed' : 'accepted'
}

export const submitForLater: Action = async ({ store, clock }, { id, type }) =>
  (await store.submit([submission({ id, type, runAt: clock.now() + 60_000 })], fromApi)).kind

export const submitToWait: Action = async (scene, { id, type }) => {
  const predecessor = await scene.submit()
  const predecessors = { ids: [predecessor.id], onFailure: 'cancel' } as const
  return (await scene.store.submit([submission({ id, type, predecessors })], fromApi)).kind
}

/** The same key with a different request. */
export const submitOther: Action = async ({ store, audit }, { id, type }) => {
  const other = { ...keyed({ id, type }), id: `${id}-other`, requestHash: 'another' }
  audit.watch(other.id)
  return (await store.submit([other], fromApi)).kind
}

function keyed({ id, type }: Pick<Submission, 'id' | 'type'>): Submission {
  return submission({ id, type, idempotencyKey: `key of ${id}`, requestHash: 'hash' })
}

/** Gives the task newer parameters, or submits another one if it has started. */
export const debounceIt: Action = async ({ store, audit }, { id, type }) => {
  const newer = submission({ id: `${id}-newer`, parameters: '{"newer":true}', ...debouncedBy(type) })
  audit.watch(newer.id)
  const answer = await store.submit([newer], fromApi)
  if (answer.kind !== 'accepted') return answer.kind
  return one(answer.tasks).replayed ? 'debounced' : 'accepted'
}

export const pause = control('pause')
export const resume = control('resume')
export const cancel = control('cancel')
export const retry = control('retry')

function control(control: Control): Action {
  return async ({ store }, { id }) => one(await store.control([{ id, control, by: 'api' }])).kind
}

/** By the live node. */
export const claim: Action = async ({ store, node }, { type }) => {
  const claimed = await store.claim({ node, limit: 1, types: [anyNumberOf(type)] })
  return claimed.length === 0 ? 'nothing' : 'claimed'
}

export const promote: Action = async ({ store }, known) => movedOf((await store.promote(100)).moved, known)

export const expire: Action = async ({ store }, known) => movedOf((await store.expire(100)).moved, known)

export const release: Action = async ({ store }, known) => movedOf((await store.release(100)).moved, known)

export const reap: Action = async ({ store }, known) => movedOf(await store.reap({ poisonLimit: 3 }), known)

/** The reaper gives up on the task at its first loss. */
export const reapAsPoison: Action = async ({ store }, known) =>
  movedOf(await store.reap({ poisonLimit: 0 }), known)

function movedOf(moved: readonly Move[], { id }: Known): string {
  return moved.some(({ task }) => task.id === id) ? 'moved' : 'nothing'
}

export const complete = settle({ kind: 'completed', result: '"done"' })
export const fail = settle({ kind: 'failed', error: boom, retryIn: null })
export const failAndRetry = settle({ kind: 'failed', error: boom, retryIn: 5_000 })
export const failAndRetryNow = settle({ kind: 'failed', error: boom, retryIn: 0 })
export const obeyCancel = settle({ kind: 'cancelled', endedBy: 'cooperative' })
export const drain = settle({ kind: 'released', why: 'the node drains' })

/** The handler ignored its signal: the task ends without it, and its slot stays occupied. */
export const fenceOff = settle({ kind: 'cancelled', endedBy: 'abandoned' }, { fencedOff: true })
export const failAndFenceOff = settle({ kind: 'failed', error: boom, retryIn: null }, { fencedOff: true })

/** The handler ignored its signal, but can be ended by force. */
export const fenceFirst = settle({ kind: 'fenced' })

/** The process that ran the handler died, but its node is alive. */
export const loseProcess = settle({ kind: 'lost', why: 'its process died', poisonLimit: 3 })
export const loseProcessAsPoison = settle({ kind: 'lost', why: 'its process died', poisonLimit: 0 })

/** Pauses at a pause point, for the requested control that the node knows. */
export const park: Action = async (scene, known) =>
  settle({ kind: 'paused', controlVersion: known.version })(scene, known)

/** Its handler sleeps for a minute. */
export const fallAsleep: Action = async (scene, known) =>
  settle(sleepOf(60_000, scene.clock.now()))(scene, known)

/** Its handler waits for an answer, as far as it knows. */
export const awaitAnswer = settle(waitOf(0))

/** Its handler waits for children, as far as it knows. */
export const awaitChildren = settle(joinOf(0))

/** Answers the wait that a run has reached. */
export const answer = answers(false)

/** Answers before a run has come to the wait. */
export const answerEarly = answers(true)

function answers(early: boolean): Action {
  return async ({ store }, { id }) =>
    (await store.waits.answer({ id, answer: answerOf('true', { early }) }, by('alice'))).kind
}

/** Another part of its handler continues. */
export const wake = settle({ kind: 'awake' })

function settle(outcome: Outcome, more: Partial<Settlement> = {}): Action {
  return async ({ store, node }, { id, fence, ownerNode }) => {
    const settlement = { id, fence, outcome, activeMs: 0, ...more }
    return one(await store.settle(ownerNode ?? node, [settlement])).verdict
  }
}

/** The node unwinds its suspended handler to make room. */
export const unpark: Action = async ({ store, node }, known) => {
  const { id, fence, ownerNode } = known
  const copies = [{ id, fence, why: 'room was needed' }]
  return movedOf(await store.unpark(ownerNode ?? node, copies), known)
}

/** Fenced-off code has returned. */
export const releaseSlot: Action = async ({ store, node }, { id, fence, ownerNode }) => {
  await store.releaseSlots(ownerNode ?? node, [{ id, fence, why: 'it returned' }])
  return 'released'
}

export const prune: Action = async ({ store }) => ((await store.prune(-1, 100)) === 0 ? 'nothing' : 'pruned')

export const purge: Action = async ({ store }, { id }) => one(await store.purge([id])).kind
