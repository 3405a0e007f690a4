import { describe, expect, test } from 'vitest'
import {
  allows,
  controlMoves,
  lifecycle,
  standing,
  type Move,
  type MoveName,
} from '../../src/core/lifecycle.ts'
import { controls, type Control, type Status } from '../../src/core/task.ts'
import * as acts from './acts.ts'
import * as given from './given.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

type Arrow = readonly [MoveName, from: Status | null, to: Status, given: given.Given, act: acts.Act]

/** Every arrow of the lifecycle's picture: the situation, what is done, and how the task stands after it. */
const arrows: readonly Arrow[] = [
  ['submit', null, 'queued', given.unsubmitted, acts.submitIt],
  ['submit', null, 'scheduled', given.unsubmitted, acts.submitForLater],
  ['due', 'scheduled', 'queued', given.due, acts.promote],
  ['claim', 'queued', 'running', given.queued, acts.claim],
  ['claim', 'queued', 'running', given.parkedInQueue, acts.claim],
  ['pause', 'scheduled', 'paused', given.scheduled, acts.pause],
  ['pause', 'queued', 'paused', given.queued, acts.pause],
  ['pause', 'queued', 'paused', given.parkedInQueue, acts.pause],
  ['ask-pause', 'running', 'pausing', given.running, acts.pause],
  ['settle-pause', 'pausing', 'paused', given.pausing, acts.park],
  ['take-back', 'pausing', 'running', given.pausing, acts.resume],
  ['resume', 'paused', 'queued', given.paused, acts.resume],
  ['resume', 'paused', 'queued', given.parked, acts.resume],
  ['resume', 'paused', 'scheduled', given.pausedUntilDue, acts.resume],
  ['cancel', 'scheduled', 'cancelled', given.scheduled, acts.cancel],
  ['cancel', 'queued', 'cancelled', given.queued, acts.cancel],
  ['cancel', 'paused', 'cancelled', given.paused, acts.cancel],
  ['ask-cancel', 'running', 'cancelling', given.running, acts.cancel],
  ['ask-cancel', 'pausing', 'cancelling', given.pausing, acts.cancel],
  ['ask-cancel', 'paused', 'cancelling', given.parked, acts.cancel],
  ['ask-cancel', 'queued', 'cancelling', given.parkedInQueue, acts.cancel],
  ['ask-cancel', 'scheduled', 'cancelling', given.parkedUntilDue, acts.cancel],
  ['complete', 'running', 'completed', given.running, acts.complete],
  ['complete', 'pausing', 'completed', given.pausing, acts.complete],
  ['complete', 'paused', 'completed', given.parked, acts.complete],
  ['complete', 'cancelling', 'completed', given.cancelling, acts.complete],
  ['settle-cancel', 'cancelling', 'cancelled', given.cancelling, acts.obeyCancel],
  ['settle-cancel', 'cancelling', 'cancelled', given.cancelling, acts.fail],
  ['settle-cancel', 'cancelling', 'cancelled', given.cancelling, acts.drain],
  ['settle-cancel', 'cancelling', 'cancelled', given.cancelling, acts.fenceOff],
  ['fence', 'running', 'running', given.running, acts.fenceFirst],
  ['fence', 'pausing', 'pausing', given.pausing, acts.fenceFirst],
  ['fence', 'cancelling', 'cancelling', given.cancelling, acts.fenceFirst],
  ['retry-later', 'running', 'scheduled', given.running, acts.failAndRetry],
  ['retry-later', 'running', 'queued', given.running, acts.failAndRetryNow],
  ['retry-paused', 'pausing', 'paused', given.pausing, acts.failAndRetry],
  ['fail', 'running', 'failed', given.running, acts.fail],
  ['fail', 'running', 'failed', given.running, acts.failAndFenceOff],
  ['fail', 'pausing', 'failed', given.pausing, acts.fail],
  ['release', 'running', 'queued', given.running, acts.drain],
  ['release-paused', 'pausing', 'paused', given.pausing, acts.drain],
  ['unpark', 'paused', 'paused', given.parked, acts.unpark],
  ['unpark', 'queued', 'queued', given.parkedInQueue, acts.unpark],
  ['unpark', 'scheduled', 'scheduled', given.parkedUntilDue, acts.unpark],
  ['lost', 'running', 'queued', given.lost(given.running), acts.reap],
  ['lost', 'running', 'failed', given.lost(given.running), acts.reapAsPoison],
  ['lost', 'running', 'queued', given.running, acts.loseProcess],
  ['lost', 'running', 'failed', given.running, acts.loseProcessAsPoison],
  ['lost-pausing', 'pausing', 'paused', given.lost(given.pausing), acts.reap],
  ['lost-pausing', 'pausing', 'paused', given.pausing, acts.loseProcess],
  ['lost-cancelling', 'cancelling', 'cancelled', given.lost(given.cancelling), acts.reap],
  ['lost-cancelling', 'cancelling', 'cancelled', given.cancelling, acts.loseProcess],
  ['lost-parked', 'paused', 'paused', given.lost(given.parked), acts.reap],
  ['lost-parked', 'queued', 'queued', given.lost(given.parkedInQueue), acts.reap],
  ['lost-parked', 'scheduled', 'scheduled', given.lost(given.parkedUntilDue), acts.reap],
  ['retry', 'failed', 'queued', given.failed, acts.retry],
  ['retry', 'cancelled', 'queued', given.cancelled, acts.retry],
]

/** One situation for each status, and the parked ones besides. */
const situations: readonly (readonly [string, given.Given])[] = [
  ['a scheduled task', given.scheduled],
  ['a queued task', given.queued],
  ['a running task', given.running],
  ['a pausing task', given.pausing],
  ['a paused task', given.paused],
  ['a parked task', given.parked],
  ['a parked task in the queue', given.parkedInQueue],
  ['a cancelling task', given.cancelling],
  ['a completed task', given.completed],
  ['a failed task', given.failed],
  ['a cancelled task', given.cancelled],
]

export function moves(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('every arrow of the lifecycle', () => {
    for (const [index, [move, from, to, given, act]] of arrows.entries()) {
      test(`${move}: ${from ?? 'nothing'} -> ${to} (${index + 1})`, async (scene) => {
        const known = await given(scene)
        const before = from === null ? null : await scene.task(known)
        expect(before?.status ?? null).toBe(from)
        await act(scene, known)
        const { task, timeline } = await scene.record(known)
        expect(task).toMatchObject({ status: to, version: (before?.version ?? 0) + 1 })
        expect(timeline.at(-1)).toMatchObject({ move, status: to, at: scene.clock.now() })
      })
    }
  })

  describe('every control', () => {
    for (const [name, given] of situations) {
      test(`of ${name} moves it, stands already, or is refused`, async (scene) => {
        for (const control of controls) {
          const known = await given(scene)
          const before = await scene.record(known)
          const answer = await scene.control(control, known)
          expect(`${control}: ${answer.kind}`).toBe(`${control}: ${answerOf(control, before.task)}`)
          if (answer.kind !== 'moved') {
            expect(answer).toMatchObject({ task: before.task })
            expect(await scene.record(known)).toEqual(before)
          }
        }
      })
    }

    test('of a task that is not there is answered with unknown', async (scene) => {
      for (const control of controls) {
        expect(await scene.control(control, { id: 'nobody' })).toEqual({ kind: 'unknown' })
      }
    })
  })
}

function answerOf(control: Control, { status, wish }: { status: Status; wish: Control | null }): string {
  if (wish === control && (standing[control] as readonly Status[]).includes(status)) return 'stands'
  return controlMoves[control].some((move) => allows(move, status)) ? 'moved' : 'refused'
}

/** Of the table of arrows itself. */
export function arrowsAreComplete(): void {
  test.each(Object.keys(lifecycle) as MoveName[])('%s is drawn from and to all its statuses', (name) => {
    const drawn = arrows.filter(([move]) => move === name)
    const move: Move = lifecycle[name]
    expect(new Set(drawn.map(([, from]) => from).filter((from) => from !== null))).toEqual(new Set(move.from))
    expect(new Set(drawn.map(([, , to]) => to))).toEqual(new Set(move.to))
  })
}
