import { describe, expect, test } from 'vitest'
import { accepts, lifecycle, standing, type EventName } from '../../src/core/lifecycle.ts'
import { controls, type Control, type Status } from '../../src/core/task.ts'
import * as actions from './actions.ts'
import * as given from './given.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

type Arrow = readonly [EventName, from: Status | null, to: Status, given: given.Given, action: actions.Action]

/** Every arrow of the lifecycle diagram: event, status before, status after, the situation, and the action. */
const arrows: readonly Arrow[] = [
  ['submitted', null, 'queued', given.unsubmitted, actions.submitIt],
  ['submitted', null, 'scheduled', given.unsubmitted, actions.submitForLater],
  ['submitted', null, 'waiting', given.unsubmitted, actions.submitToWait],
  ['ready', 'waiting', 'queued', given.unreleased, actions.release],
  ['ready', 'waiting', 'scheduled', given.unreleasedUntilDue, actions.release],
  ['paused', 'waiting', 'paused', given.waiting, actions.pause],
  ['resumed', 'paused', 'waiting', given.pausedWaiting, actions.resume],
  ['cancelled', 'waiting', 'cancelled', given.waiting, actions.cancel],
  ['cancelled', 'waiting', 'cancelled', given.doomed, actions.release],
  ['cancelled', 'paused', 'cancelled', given.pausedDoomed, actions.release],
  ['failed', 'waiting', 'failed', given.doomedToFail, actions.release],
  ['failed', 'paused', 'failed', given.pausedDoomedToFail, actions.release],
  ['expired', 'queued', 'cancelled', given.overdue, actions.expire],
  ['expired', 'scheduled', 'cancelled', given.overdueUntilDue, actions.expire],
  ['expired', 'waiting', 'cancelled', given.overdueUnreleased, actions.expire],
  ['due', 'scheduled', 'queued', given.due, actions.promote],
  ['debounced', 'waiting', 'waiting', given.debouncedWaiting, actions.debounceIt],
  ['debounced', 'scheduled', 'scheduled', given.debounced, actions.debounceIt],
  ['debounced', 'queued', 'queued', given.debouncedInQueue, actions.debounceIt],
  ['debounced', 'paused', 'paused', given.debouncedPaused, actions.debounceIt],
  ['claimed', 'queued', 'running', given.queued, actions.claim],
  ['claimed', 'queued', 'running', given.parkedInQueue, actions.claim],
  ['paused', 'scheduled', 'paused', given.scheduled, actions.pause],
  ['paused', 'queued', 'paused', given.queued, actions.pause],
  ['paused', 'queued', 'paused', given.parkedInQueue, actions.pause],
  ['pause_requested', 'running', 'pausing', given.running, actions.pause],
  ['paused', 'pausing', 'paused', given.pausing, actions.park],
  ['pause_withdrawn', 'pausing', 'running', given.pausing, actions.resume],
  ['resumed', 'paused', 'queued', given.paused, actions.resume],
  ['resumed', 'paused', 'queued', given.parked, actions.resume],
  ['resumed', 'paused', 'scheduled', given.pausedUntilDue, actions.resume],
  ['cancelled', 'scheduled', 'cancelled', given.scheduled, actions.cancel],
  ['cancelled', 'queued', 'cancelled', given.queued, actions.cancel],
  ['cancelled', 'paused', 'cancelled', given.paused, actions.cancel],
  ['cancel_requested', 'running', 'cancelling', given.running, actions.cancel],
  ['cancel_requested', 'pausing', 'cancelling', given.pausing, actions.cancel],
  ['cancel_requested', 'paused', 'cancelling', given.parked, actions.cancel],
  ['cancel_requested', 'queued', 'cancelling', given.parkedInQueue, actions.cancel],
  ['cancel_requested', 'scheduled', 'cancelling', given.parkedUntilDue, actions.cancel],
  ['completed', 'running', 'completed', given.running, actions.complete],
  ['completed', 'pausing', 'completed', given.pausing, actions.complete],
  ['completed', 'paused', 'completed', given.parked, actions.complete],
  ['completed', 'cancelling', 'completed', given.cancelling, actions.complete],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, actions.obeyCancel],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, actions.fail],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, actions.drain],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, actions.fenceOff],
  ['fence_raised', 'running', 'running', given.running, actions.fenceFirst],
  ['fence_raised', 'pausing', 'pausing', given.pausing, actions.fenceFirst],
  ['fence_raised', 'cancelling', 'cancelling', given.cancelling, actions.fenceFirst],
  ['sleep_started', 'running', 'waiting', given.running, actions.fallAsleep],
  ['paused', 'pausing', 'paused', given.pausing, actions.fallAsleep],
  ['paused', 'waiting', 'paused', given.asleep, actions.pause],
  ['resumed', 'paused', 'waiting', given.pausedAsleep, actions.resume],
  ['woken', 'waiting', 'queued', given.overslept, actions.promote],
  ['woken', 'waiting', 'queued', given.asleep, actions.wake],
  ['cancel_requested', 'waiting', 'cancelling', given.asleep, actions.cancel],
  ['cancelled', 'waiting', 'cancelled', given.asleepInRow, actions.cancel],
  ['completed', 'waiting', 'completed', given.asleep, actions.complete],
  ['unparked', 'waiting', 'waiting', given.asleep, actions.unpark],
  ['park_lost', 'waiting', 'waiting', given.lost(given.asleep), actions.reap],
  ['wait_started', 'running', 'waiting', given.reached, actions.awaitAnswer],
  ['answered', 'waiting', 'queued', given.awaitsAnswer, actions.answer],
  ['answered', 'running', 'running', given.reached, actions.answer],
  ['answered', 'paused', 'paused', given.pausedForAnswer, actions.answer],
  ['answered', 'waiting', 'waiting', given.asleep, actions.answerEarly],
  ['answered', 'waiting', 'waiting', given.waiting, actions.answerEarly],
  ['answered', 'scheduled', 'scheduled', given.scheduled, actions.answerEarly],
  ['answered', 'queued', 'queued', given.queued, actions.answerEarly],
  ['answered', 'pausing', 'pausing', given.pausing, actions.answerEarly],
  ['answered', 'cancelling', 'cancelling', given.cancelling, actions.answerEarly],
  ['woken', 'waiting', 'queued', given.unanswered, actions.promote],
  ['woken', 'waiting', 'queued', given.awaitsAnswer, actions.wake],
  ['resumed', 'paused', 'waiting', given.pausedForAnswer, actions.resume],
  ['wait_started', 'running', 'waiting', given.joining, actions.awaitChildren],
  ['children_ended', 'waiting', 'queued', given.joined, actions.release],
  ['children_ended', 'running', 'running', given.joining, actions.release],
  ['children_ended', 'paused', 'paused', given.pausedForChild, actions.release],
  ['children_ended', 'waiting', 'waiting', given.asleepBesideChild, actions.release],
  ['children_ended', 'scheduled', 'scheduled', given.scheduledBesideChild, actions.release],
  ['children_ended', 'queued', 'queued', given.queuedBesideChild, actions.release],
  ['children_ended', 'pausing', 'pausing', given.pausingBesideChild, actions.release],
  ['children_ended', 'cancelling', 'cancelling', given.cancellingBesideChild, actions.release],
  ['retry_scheduled', 'running', 'scheduled', given.running, actions.failAndRetry],
  ['retry_scheduled', 'running', 'queued', given.running, actions.failAndRetryNow],
  ['retry_scheduled', 'pausing', 'paused', given.pausing, actions.failAndRetry],
  ['failed', 'running', 'failed', given.running, actions.fail],
  ['failed', 'running', 'failed', given.running, actions.failAndFenceOff],
  ['failed', 'pausing', 'failed', given.pausing, actions.fail],
  ['released', 'running', 'queued', given.running, actions.drain],
  ['released', 'pausing', 'paused', given.pausing, actions.drain],
  ['unparked', 'paused', 'paused', given.parked, actions.unpark],
  ['unparked', 'queued', 'queued', given.parkedInQueue, actions.unpark],
  ['unparked', 'scheduled', 'scheduled', given.parkedUntilDue, actions.unpark],
  ['lost', 'running', 'queued', given.lost(given.running), actions.reap],
  ['lost', 'running', 'failed', given.lost(given.running), actions.reapAsPoison],
  ['lost', 'running', 'queued', given.running, actions.loseProcess],
  ['lost', 'running', 'failed', given.running, actions.loseProcessAsPoison],
  ['lost', 'pausing', 'paused', given.lost(given.pausing), actions.reap],
  ['lost', 'pausing', 'paused', given.pausing, actions.loseProcess],
  ['lost', 'cancelling', 'cancelled', given.lost(given.cancelling), actions.reap],
  ['lost', 'cancelling', 'cancelled', given.cancelling, actions.loseProcess],
  ['park_lost', 'paused', 'paused', given.lost(given.parked), actions.reap],
  ['park_lost', 'queued', 'queued', given.lost(given.parkedInQueue), actions.reap],
  ['park_lost', 'scheduled', 'scheduled', given.lost(given.parkedUntilDue), actions.reap],
  ['retried', 'failed', 'queued', given.failed, actions.retry],
  ['retried', 'cancelled', 'queued', given.cancelled, actions.retry],
]

/** One situation per status, and the parked ones. */
const situations: readonly (readonly [string, given.Given])[] = [
  ['a waiting task', given.waiting],
  ['a paused task that waits', given.pausedWaiting],
  ['a scheduled task', given.scheduled],
  ['a queued task', given.queued],
  ['a running task', given.running],
  ['a pausing task', given.pausing],
  ['a paused task', given.paused],
  ['a parked task', given.parked],
  ['a parked task in the queue', given.parkedInQueue],
  ['a sleeping task', given.asleep],
  ['a sleeping task whose handler is gone', given.asleepInRow],
  ['a paused task that sleeps', given.pausedAsleep],
  ['a task that waits for an answer', given.awaitsAnswer],
  ['a paused task that waits for an answer', given.pausedForAnswer],
  ['a task that waits for a child', given.joined],
  ['a paused task that waits for a child', given.pausedForChild],
  ['a cancelling task', given.cancelling],
  ['a completed task', given.completed],
  ['a failed task', given.failed],
  ['a cancelled task', given.cancelled],
]

export function moves(kind: StoreKind): void {
  const test = testsOn(kind)

  describe('every transition of the lifecycle', () => {
    for (const [index, [event, from, to, given, action]] of arrows.entries()) {
      test(`${event}: ${from ?? 'nothing'} -> ${to} (${index + 1})`, async (scene) => {
        const known = await given(scene)
        const before = from === null ? null : await scene.task(known)
        expect(before?.status ?? null).toBe(from)
        await action(scene, known)
        const { task, timeline } = await scene.record(known)
        expect(task).toMatchObject({ status: to, version: (before?.version ?? 0) + 1 })
        expect(timeline.at(-1)).toMatchObject({ event, status: to, at: scene.clock.now() })
      })
    }
  })

  describe('every control', () => {
    for (const [name, given] of situations) {
      test(`of ${name} moves it, is already in effect, or is refused`, async (scene) => {
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

    test('of a missing task returns unknown', async (scene) => {
      for (const control of controls) {
        expect(await scene.control(control, { id: 'nobody' })).toEqual({ kind: 'unknown' })
      }
    })
  })
}

function answerOf(
  control: Control,
  { status, requestedControl }: { status: Status; requestedControl: Control | null },
): string {
  if (requestedControl === control && (standing[control] as readonly Status[]).includes(status))
    return 'stands'
  return accepts(control, status) ? 'moved' : 'refused'
}

/** Tests of the arrow table itself. */
export function arrowsAreComplete(): void {
  test.each(lifecycle)('$event from $from covers all its statuses', ({ event, from, to }) => {
    const drawn = arrows.filter(
      ([name, before, after]) =>
        name === event &&
        (to as readonly Status[]).includes(after) &&
        (before === null ? from.length === 0 : (from as readonly Status[]).includes(before)),
    )
    expect(new Set(drawn.flatMap(([, before]) => before ?? []))).toEqual(new Set(from))
    expect(new Set(drawn.map(([, , after]) => after))).toEqual(new Set(to))
  })
}
