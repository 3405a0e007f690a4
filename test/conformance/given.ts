import { expect } from 'vitest'
import { childHash, childKey } from '../../src/core/child.ts'
import type { Outcome } from '../../src/core/outcome.ts'
import type { FailurePolicy, Control, Submission, Task } from '../../src/core/task.ts'
import { boom, debouncedBy, joinOf, reachedOk, sleepOf, waitOf } from '../support/tasks.ts'
import type { Scene } from './scene.ts'

/**
 * The situations a task can be in. Each is reached from an earlier one, as in production, and returns the task as a party
 * sees it at that moment.
 */
export type Given = (scene: Scene) => Promise<Known>

/** What a party must know about a task to act on it. */
export type Known = Pick<Task, 'id' | 'type' | 'version' | 'fence' | 'ownerNode'>

const minute = 60_000

/** Each task has its own type, so that a claim can target it. */
export const queued: Given = async (scene) => scene.submit({ type: scene.ownType() })

export const unsubmitted: Given = async (scene) => {
  const { id, type } = scene.draft({ type: scene.ownType() })
  return { id, type, version: 0, fence: 0, ownerNode: null }
}

export const scheduled: Given = async (scene) =>
  scene.submit({ type: scene.ownType(), runAt: scene.clock.now() + minute })

/** Due, but not promoted to the queue yet. */
export const due: Given = async (scene) => {
  const task = await scheduled(scene)
  await scene.clock.advance(minute)
  return task
}

/** Waits for a task that has not ended. */
export const waiting: Given = async (scene) => (await successor(scene)).task

/** Its predecessor has completed, and nobody has counted that yet. */
export const unreleased: Given = async (scene) => {
  const { task, predecessor } = await successor(scene)
  await end(scene, predecessor, { kind: 'completed', result: '1' })
  return task
}

/** The same for a task that is due later. */
export const unreleasedUntilDue: Given = async (scene) => {
  const { task, predecessor } = await successor(scene, { runAt: scene.clock.now() + minute })
  await end(scene, predecessor, { kind: 'completed', result: '1' })
  return task
}

export const pausedWaiting: Given = async (scene) => controlled(scene, 'pause', await waiting(scene))

/** Its time to start is over, and nobody has ended it yet. */
export const overdue: Given = async (scene) => expiredOf(scene, {})
export const overdueUntilDue: Given = async (scene) => expiredOf(scene, { delay: minute })

export const overdueUnreleased: Given = async (scene) => {
  const { task, predecessor } = await successor(scene, { expiresIn: minute })
  await end(scene, predecessor, { kind: 'completed', result: '1' })
  await scene.clock.advance(minute)
  return task
}

async function expiredOf(scene: Scene, own: Partial<Submission>): Promise<Known> {
  const task = await scene.submit({ type: scene.ownType(), expiresIn: minute, ...own })
  await scene.clock.advance(minute)
  return task
}

/** Its predecessor has failed, and nobody has counted that yet. */
export const doomed: Given = async (scene) => failedBefore(scene, 'cancel')
export const doomedToFail: Given = async (scene) => failedBefore(scene, 'fail')
export const pausedDoomed: Given = async (scene) => controlled(scene, 'pause', await doomed(scene))
export const pausedDoomedToFail: Given = async (scene) =>
  controlled(scene, 'pause', await doomedToFail(scene))

async function failedBefore(scene: Scene, onFailure: FailurePolicy): Promise<Known> {
  const { task, predecessor } = await successor(scene, {}, onFailure)
  await end(scene, predecessor, { kind: 'failed', error: boom, retryIn: null })
  return task
}

async function successor(scene: Scene, own: Partial<Submission> = {}, onFailure: FailurePolicy = 'cancel') {
  const predecessor = await scene.submit({ type: scene.ownType() })
  const predecessors = { ids: [predecessor.id], onFailure }
  const task = await scene.submit({ type: scene.ownType(), predecessors, ...own })
  return { task, predecessor }
}

async function end(scene: Scene, task: Task, outcome: Outcome): Promise<void> {
  await settled(scene, (await scene.claimOne(task)).task, outcome)
}

/** It waits for newer parameters. */
export const debounced: Given = async (scene) => scene.submit(debouncedBy(scene.ownType()))

export const dueDebounced: Given = async (scene) => {
  const task = await debounced(scene)
  await scene.clock.advance(minute)
  return task
}

export const debouncedInQueue: Given = async (scene) => {
  const task = await dueDebounced(scene)
  await scene.promote()
  return task
}

/** For newer parameters, and for a task that has not ended. */
export const debouncedWaiting: Given = async (scene) => {
  const predecessor = await scene.submit({ type: scene.ownType() })
  const predecessors = { ids: [predecessor.id], onFailure: 'cancel' } as const
  return scene.submit({ ...debouncedBy(scene.ownType()), predecessors })
}

export const debouncedPaused: Given = async (scene) => controlled(scene, 'pause', await debounced(scene))

export const running: Given = async (scene) => (await scene.claimOne(await queued(scene))).task

export const pausing: Given = async (scene) => controlled(scene, 'pause', await running(scene))

export const cancelling: Given = async (scene) => controlled(scene, 'cancel', await running(scene))

/** Paused before it ran: no node has a handler in memory. */
export const paused: Given = async (scene) => controlled(scene, 'pause', await queued(scene))

/** Paused before it is due. */
export const pausedUntilDue: Given = async (scene) => controlled(scene, 'pause', await scheduled(scene))

/** Paused while its handler is suspended in the memory of its node. */
export const parked: Given = async (scene) => {
  const task = await pausing(scene)
  return settled(scene, task, { kind: 'paused', controlVersion: task.version })
}

/** Resumed and not yet claimed: the suspended handler waits for the claim. */
export const parkedInQueue: Given = async (scene) => controlled(scene, 'resume', await parked(scene))

/** Like `parkedInQueue`, but the clock was set back before its due time: the only way to this state. */
export const parkedUntilDue: Given = async (scene) => {
  const start = scene.clock.now()
  const task = await due(scene)
  await scene.promote()
  const { task: claimed } = await scene.claimOne(task)
  const asked = await controlled(scene, 'pause', claimed)
  await settled(scene, asked, { kind: 'paused', controlVersion: asked.version })
  scene.clock.set(start)
  return controlled(scene, 'resume', task)
}

/** Sleeps, with its handler suspended in the memory of its node. */
export const asleep: Given = async (scene) =>
  settled(scene, await running(scene), sleepOf(minute, scene.clock.now()))

/** Its handler is gone: only the row remembers the sleep. */
export const asleepInRow: Given = async (scene) => {
  const task = await asleep(scene)
  await scene.store.unpark(task.ownerNode!, [{ id: task.id, fence: task.fence, why: 'room was needed' }])
  return scene.task(task)
}

/** Its sleep is over, and nobody has noticed yet. */
export const overslept: Given = async (scene) => {
  const task = await asleep(scene)
  await scene.clock.advance(minute)
  return task
}

/** A run has come to the wait `ok`, and has not fallen asleep. */
export const reached: Given = async (scene) => {
  const task = await running(scene)
  await scene.store.waits.reach(task.ownerNode!, {
    id: task.id,
    fence: task.fence,
    reached: reachedOk(task.id),
  })
  return task
}

/** Waits for an answer, with its handler suspended in the memory of its node. */
export const awaitsAnswer: Given = async (scene) => settled(scene, await reached(scene), waitOf(0))

export const pausedForAnswer: Given = async (scene) => controlled(scene, 'pause', await awaitsAnswer(scene))

/** Its time to be answered is over, and nobody has noticed yet. */
export const unanswered: Given = async (scene) => {
  const task = await settled(scene, await reached(scene), waitOf(0, minute, scene.clock.now()))
  await scene.clock.advance(minute)
  return task
}

/** Its run watches a child, which has ended in the meantime, and nobody has counted that yet. */
export const joining = besideChild(async (_, task) => task)

/** It waits for that child, with its handler suspended in the memory of its node. */
export const joined = besideChild((scene, task) => settled(scene, task, joinOf(0)))

export const pausedForChild = besideChild(async (scene, task) =>
  controlled(scene, 'pause', await settled(scene, task, joinOf(0))),
)
export const asleepBesideChild = besideChild((scene, task) =>
  settled(scene, task, sleepOf(minute, scene.clock.now())),
)
export const pausingBesideChild = besideChild((scene, task) => controlled(scene, 'pause', task))
export const cancellingBesideChild = besideChild((scene, task) => controlled(scene, 'cancel', task))
export const scheduledBesideChild = besideChild((scene, task) =>
  settled(scene, task, { kind: 'failed', error: boom, retryIn: minute }),
)
export const queuedBesideChild = besideChild((scene, task) =>
  settled(scene, task, { kind: 'released', why: 'room was needed' }),
)

function besideChild(then: (scene: Scene, task: Known) => Promise<Known>): Given {
  return async (scene) => {
    const task = await running(scene)
    const { id, fence } = task
    const place = { id, name: 'child', occurrence: 1 }
    const child = await scene.submit({
      type: `child of ${id}`,
      parent: { ...place, depth: 1, onEnd: 'cancel', fence },
      idempotencyKey: childKey(place),
      requestHash: childHash('child'),
    })
    const request = { id, fence, policy: 'join_all', children: [child.id], anew: true } as const
    expect(await scene.store.joins.watch(task.ownerNode!, request)).toEqual({
      news: 0,
      states: [{ id: child.id, status: 'queued', completedAt: null }],
    })
    const known = await then(scene, task)
    await controlled(scene, 'cancel', child)
    return known
  }
}

export const pausedAsleep: Given = async (scene) => controlled(scene, 'pause', await asleep(scene))

export const completed: Given = async (scene) =>
  settled(scene, await running(scene), { kind: 'completed', result: '1' })

export const failed: Given = async (scene) =>
  settled(scene, await running(scene), { kind: 'failed', error: boom, retryIn: null })

export const cancelled: Given = async (scene) => controlled(scene, 'cancel', await queued(scene))

/** Failed by its timeout, while its code ignores the signal and keeps running. */
export const failedWithCodeAlive: Given = async (scene) => {
  const task = await running(scene)
  const outcome: Outcome = { kind: 'failed', error: boom, retryIn: null, endedBy: 'abandoned' }
  const { verdict } = await scene.settle(task, outcome, { fencedOff: true })
  expect(verdict).toBe('settled')
  // The party that runs the code knows the fence of its run.
  return task
}

/** The node of the task has died, and the reaper has not run yet. */
export function lost(given: Given): Given {
  return async (scene) => {
    const task = await given(scene)
    await scene.startNode()
    return task
  }
}

async function controlled(scene: Scene, control: Control, task: Known): Promise<Known> {
  const answer = await scene.control(control, task)
  if (answer.kind !== 'moved') return expect.unreachable(`${control} was answered with ${answer.kind}`)
  return answer.task
}

async function settled(scene: Scene, task: Known, outcome: Outcome): Promise<Known> {
  const answer = await scene.settle(task, outcome)
  if (answer.verdict !== 'settled' || answer.task === null) return expect.unreachable(answer.verdict)
  return answer.task
}
