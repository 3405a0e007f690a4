import { describe, expect, test } from 'vitest'
import { defaultBackoff } from './retry.ts'
import type { Submission, Task } from './task.ts'
import {
  claimed,
  controlled,
  lost,
  promoted,
  settled,
  submitted,
  unparked,
  type TransitionContext,
} from './transition.ts'

const submission: Submission = {
  id: 'task',
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
}

let queuePosition = 0
const at = (now: number): TransitionContext => ({ now, nextQueuePosition: () => ++queuePosition })

const queued = submitted(submission, { ...at(0), by: 'api' }).task
const running = claimed(queued, 'node', at(10)).task
const completion = { id: 'task', fence: 1, outcome: { kind: 'completed', result: '1' }, activeMs: 0 } as const

const asked = (task: Task, control: 'pause' | 'cancel', now: number): Task => {
  const answer = controlled(task, control, { ...at(now), by: 'api', codeAlive: false })
  return answer.kind === 'moved' ? answer.move.task : expect.unreachable(answer.kind)
}

describe('a transition', () => {
  test('does not modify the previous task', () => {
    const before = structuredClone(queued)
    claimed(queued, 'node', at(10))
    expect(queued).toEqual(before)
  })

  test('that the lifecycle does not have throws', () => {
    expect(() => promoted(queued, at(1))).toThrow('the lifecycle has no such row: due from queued to queued')
    expect(() => claimed(running, 'node', at(1))).toThrow('claimed from running')
  })

  test('takes a queue position only if it leads to the queue', () => {
    const none = { now: 1, nextQueuePosition: () => expect.unreachable('no place is needed') }
    expect(claimed(queued, 'node', none).task.queuePosition).toBe(queued.queuePosition)
    const scheduled = submitted({ ...submission, runAt: 5 }, { ...none, by: 'api' }).task
    expect(scheduled).toMatchObject({ status: 'scheduled', queuePosition: 0 })
  })

  test('never counts negative time when the clock was set back', () => {
    expect(claimed({ ...queued, statusSince: 100 }, 'node', at(40)).task.queuedMs).toBe(0)
    const back = settled(running, { ...completion, activeMs: -5 }, 'node', at(0))
    expect(back).toMatchObject({ verdict: 'settled', move: { task: { activeMs: 0 } } })
  })

  test('counts the active time of a settlement that is written twice once', () => {
    const pausing = asked(running, 'pause', 20)
    const outcome = { kind: 'paused', controlVersion: pausing.version } as const
    const paused = settled(pausing, { ...completion, outcome, activeMs: 30 }, 'node', at(40))
    if (paused.verdict !== 'settled') return expect.unreachable(paused.verdict)
    const cancelling = asked(paused.move.task, 'cancel', 50)
    const cancelled = { kind: 'cancelled', endedBy: 'cooperative' } as const
    const end = settled(cancelling, { ...completion, outcome: cancelled, activeMs: 31 }, 'node', at(60))
    expect(end).toMatchObject({ move: { task: { status: 'cancelled', activeMs: 31 } } })
  })

  test('of a fence that rises leaves the active time to the end of the run', () => {
    const fenced = { kind: 'fenced' } as const
    const answer = settled(running, { ...completion, outcome: fenced, activeMs: 5 }, 'node', at(20))
    expect(answer).toMatchObject({ move: { task: { status: 'running', activeMs: 0 } } })
  })

  test('keeps active time whole in milliseconds', () => {
    const answer = settled(running, { ...completion, activeMs: 12.6 }, 'node', at(20))
    expect(answer).toMatchObject({ move: { task: { activeMs: 13 } } })
  })
})

describe('a loss', () => {
  const context = { ...at(1_000), poisonLimit: 3 }

  test('of a task without a node changes nothing', () => {
    expect(lost(queued, context)).toBeNull()
  })

  test('counts the active time that a commit has seen', () => {
    const saved = { ...running, savedAt: 310 }
    expect(lost(saved, context)?.task.activeMs).toBe(300)
    expect(lost(asked(saved, 'pause', 500), context)?.task.activeMs).toBe(300)
    expect(lost(running, context)?.task.activeMs).toBe(0)
  })

  test('of a finished task is none', () => {
    const ended = settled(running, completion, 'node', at(20))
    if (ended.verdict !== 'settled') return expect.unreachable(ended.verdict)
    expect(lost({ ...ended.move.task, ownerNode: 'node' }, context)).toBeNull()
  })
})

describe('an unparking', () => {
  test('applies only to suspended copies, by their node', () => {
    expect(unparked(running, 'node', 'room', at(1))).toBeNull()
    const parked: Task = { ...running, status: 'paused' }
    expect(unparked(parked, 'another', 'room', at(1))).toBeNull()
    expect(unparked(parked, 'node', 'room', at(1))?.task).toMatchObject({ status: 'paused', ownerNode: null })
  })

  test('lets a cancel that waited for the copy take effect', () => {
    const cancelling = asked({ ...running, status: 'paused' }, 'cancel', 20)
    expect(cancelling.status).toBe('cancelling')
    expect(unparked(cancelling, 'another', 'it died', at(30))).toBeNull()
    expect(unparked(cancelling, 'node', 'it died', at(30))?.task).toMatchObject({
      status: 'cancelled',
      ownerNode: null,
      completedAt: 30,
      attemptOpen: false,
    })
  })
})
