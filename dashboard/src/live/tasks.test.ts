import { describe, expect, test, vi } from 'vitest'
import type { Change, TaskStatus } from '../data/shapes.ts'
import { LiveTasks } from './tasks.ts'

const task: TaskStatus = {
  task_id: 'a',
  task_type: 'long',
  status: 'queued',
  created_at: 100,
  created_by: 'anonymous',
  parent_id: null,
  started_at: null,
  completed_at: null,
  progress: null,
  parameters: {},
  priority: 0,
  attempt: 0,
  max_attempts: 1,
  run_at: null,
  expires_at: null,
  tags: [],
  version: 1,
  execution_time: 0,
  queue_time: 0,
  paused_time: 0,
  error: null,
  ended_by: null,
  schedule_id: null,
  tick_at: null,
  waiting_for: null,
  limits: {},
  fairness_key: null,
}

function transition(
  version: number,
  name: string,
  status: TaskStatus['status'],
  at: number,
): Change & { kind: 'transition' } {
  return {
    kind: 'transition',
    task_id: 'a',
    task_type: 'long',
    version,
    event: name,
    status,
    at,
    attempt: 1,
    by: 'node',
  }
}

function progress(current: number): Change & { kind: 'progress' } {
  const rest = { total: 10, message: null, ratio: current / 10, rate: 1, eta_seconds: 10 - current }
  return { kind: 'progress', task_id: 'a', task_type: 'long', at: 105, current, ...rest }
}

describe('live tasks', () => {
  test('keep counting their times across transitions', () => {
    const tasks = new LiveTasks()
    tasks.put([task], 100)
    tasks.take(transition(2, 'claimed', 'running', 103))
    tasks.take(transition(3, 'pause_requested', 'pausing', 107))
    tasks.take(transition(4, 'paused', 'paused', 108))
    expect(tasks.get('a')).toMatchObject({
      queue_time: 3,
      execution_time: 5,
      started_at: 103,
      status: 'paused',
    })
    tasks.take(transition(5, 'resumed', 'queued', 118))
    expect(tasks.get('a')).toMatchObject({ paused_time: 10, status: 'queued' })
  })

  test('notify components once for many events', () => {
    const tasks = new LiveTasks()
    const listener = vi.fn()
    tasks.put([task], 100)
    tasks.flush()
    tasks.subscribe('a', listener)
    tasks.take(transition(2, 'claimed', 'running', 103))
    for (let current = 1; current < 10; current++) tasks.take(progress(current))
    expect(listener).not.toHaveBeenCalled()
    tasks.flush()
    expect(listener).toHaveBeenCalledTimes(1)
    expect(tasks.get('a')?.progress?.current).toBe(9)
    tasks.flush()
    expect(listener).toHaveBeenCalledTimes(1)
  })

  test('ignore a response that is older than an event', () => {
    const tasks = new LiveTasks()
    tasks.put([task], 100)
    tasks.take(transition(2, 'claimed', 'running', 103))
    tasks.put([task], 104)
    tasks.take(transition(2, 'claimed', 'running', 109))
    expect(tasks.get('a')).toMatchObject({ status: 'running', started_at: 103 })
  })

  test('have no rate and no ETA unless they are running', () => {
    const tasks = new LiveTasks()
    tasks.put([{ ...task, status: 'running', version: 2 }], 100)
    tasks.take(progress(4))
    tasks.take(transition(3, 'completed', 'completed', 110))
    tasks.take(progress(5))
    expect(tasks.get('a')).toMatchObject({
      completed_at: 110,
      progress: { current: 4, rate: null, eta_seconds: null },
    })
  })

  test('ignore other tasks, and forget those that are not shown', () => {
    const tasks = new LiveTasks()
    expect(tasks.take(progress(1))).toBe(false)
    tasks.put([task, { ...task, task_id: 'b' }], 100)
    tasks.keep(new Set(['b']))
    expect(tasks.get('a')).toBeUndefined()
    expect(tasks.size).toBe(1)
  })
})
