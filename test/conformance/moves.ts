import { describe, expect, test } from 'vitest'
import { accepts, lifecycle, standing, type EventName } from '../../src/core/lifecycle.ts'
import { controls, type Control, type Status } from '../../src/core/task.ts'
import * as acts from './acts.ts'
import * as given from './given.ts'
import { testsOn } from './scene.ts'
import type { StoreKind } from './stores.ts'

type Arrow = readonly [EventName, from: Status | null, to: Status, given: given.Given, act: acts.Act]

/** Every arrow of the lifecycle's picture: the situation, what is done, and how the task stands after it. */
const arrows: readonly Arrow[] = [
  ['submitted', null, 'queued', given.unsubmitted, acts.submitIt],
  ['submitted', null, 'scheduled', given.unsubmitted, acts.submitForLater],
  ['due', 'scheduled', 'queued', given.due, acts.promote],
  ['claimed', 'queued', 'running', given.queued, acts.claim],
  ['claimed', 'queued', 'running', given.parkedInQueue, acts.claim],
  ['paused', 'scheduled', 'paused', given.scheduled, acts.pause],
  ['paused', 'queued', 'paused', given.queued, acts.pause],
  ['paused', 'queued', 'paused', given.parkedInQueue, acts.pause],
  ['pause_requested', 'running', 'pausing', given.running, acts.pause],
  ['paused', 'pausing', 'paused', given.pausing, acts.park],
  ['pause_withdrawn', 'pausing', 'running', given.pausing, acts.resume],
  ['resumed', 'paused', 'queued', given.paused, acts.resume],
  ['resumed', 'paused', 'queued', given.parked, acts.resume],
  ['resumed', 'paused', 'scheduled', given.pausedUntilDue, acts.resume],
  ['cancelled', 'scheduled', 'cancelled', given.scheduled, acts.cancel],
  ['cancelled', 'queued', 'cancelled', given.queued, acts.cancel],
  ['cancelled', 'paused', 'cancelled', given.paused, acts.cancel],
  ['cancel_requested', 'running', 'cancelling', given.running, acts.cancel],
  ['cancel_requested', 'pausing', 'cancelling', given.pausing, acts.cancel],
  ['cancel_requested', 'paused', 'cancelling', given.parked, acts.cancel],
  ['cancel_requested', 'queued', 'cancelling', given.parkedInQueue, acts.cancel],
  ['cancel_requested', 'scheduled', 'cancelling', given.parkedUntilDue, acts.cancel],
  ['completed', 'running', 'completed', given.running, acts.complete],
  ['completed', 'pausing', 'completed', given.pausing, acts.complete],
  ['completed', 'paused', 'completed', given.parked, acts.complete],
  ['completed', 'cancelling', 'completed', given.cancelling, acts.complete],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, acts.obeyCancel],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, acts.fail],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, acts.drain],
  ['cancelled', 'cancelling', 'cancelled', given.cancelling, acts.fenceOff],
  ['fence_raised', 'running', 'running', given.running, acts.fenceFirst],
  ['fence_raised', 'pausing', 'pausing', given.pausing, acts.fenceFirst],
  ['fence_raised', 'cancelling', 'cancelling', given.cancelling, acts.fenceFirst],
  ['retry_scheduled', 'running', 'scheduled', given.running, acts.failAndRetry],
  ['retry_scheduled', 'running', 'queued', given.running, acts.failAndRetryNow],
  ['retry_scheduled', 'pausing', 'paused', given.pausing, acts.failAndRetry],
  ['failed', 'running', 'failed', given.running, acts.fail],
  ['failed', 'running', 'failed', given.running, acts.failAndFenceOff],
  ['failed', 'pausing', 'failed', given.pausing, acts.fail],
  ['released', 'running', 'queued', given.running, acts.drain],
  ['released', 'pausing', 'paused', given.pausing, acts.drain],
  ['unparked', 'paused', 'paused', given.parked, acts.unpark],
  ['unparked', 'queued', 'queued', given.parkedInQueue, acts.unpark],
  ['unparked', 'scheduled', 'scheduled', given.parkedUntilDue, acts.unpark],
  ['lost', 'running', 'queued', given.lost(given.running), acts.reap],
  ['lost', 'running', 'failed', given.lost(given.running), acts.reapAsPoison],
  ['lost', 'running', 'queued', given.running, acts.loseProcess],
  ['lost', 'running', 'failed', given.running, acts.loseProcessAsPoison],
  ['lost', 'pausing', 'paused', given.lost(given.pausing), acts.reap],
  ['lost', 'pausing', 'paused', given.pausing, acts.loseProcess],
  ['lost', 'cancelling', 'cancelled', given.lost(given.cancelling), acts.reap],
  ['lost', 'cancelling', 'cancelled', given.cancelling, acts.loseProcess],
  ['park_lost', 'paused', 'paused', given.lost(given.parked), acts.reap],
  ['park_lost', 'queued', 'queued', given.lost(given.parkedInQueue), acts.reap],
  ['park_lost', 'scheduled', 'scheduled', given.lost(given.parkedUntilDue), acts.reap],
  ['retried', 'failed', 'queued', given.failed, acts.retry],
  ['retried', 'cancelled', 'queued', given.cancelled, acts.retry],
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

  describe('every transition of the lifecycle', () => {
    for (const [index, [event, from, to, given, act]] of arrows.entries()) {
      test(`${event}: ${from ?? 'nothing'} -> ${to} (${index + 1})`, async (scene) => {
        const known = await given(scene)
        const before = from === null ? null : await scene.task(known)
        expect(before?.status ?? null).toBe(from)
        await act(scene, known)
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

/** Of the table of arrows itself. */
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
