import { describe, expect, test } from 'vitest'
import { submitted } from '../core/transition.ts'
import type { Task } from '../core/task.ts'
import { DetailsBody, ResultBody, StatusBody } from './answers.ts'
import { detailsBody, progressBody, resultBody, statusBody, type Documents } from './bodies.ts'

const error = { code: 'E', name: 'Error', message: 'no "luck"\n', stack: 'at secret.ts:1' }

function documents(changes: Partial<Task> = {}, more: Partial<Documents> = {}): Documents {
  const { task, entry } = submitted(
    {
      id: '019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31',
      type: 'add',
      parameters: '',
      priority: 0,
      runAt: null,
      delay: null,
      timeout: null,
      maxAttempts: 2,
      backoff: { base: 1_000, factor: 2, max: 60_000, jitter: 0.2 },
      tags: ['quoted "tag"'],
      idempotencyKey: null,
      requestHash: null,
      trace: null,
    },
    { now: 1_000_000, nextQueuePosition: () => 1, by: 'api' },
  )
  return {
    task: { ...task, ...changes },
    parameters: '{"a":1,"b":"ünï"}',
    checkpoint: null,
    result: null,
    timeline: [entry],
    ...more,
  }
}

describe('a status body', () => {
  test('matches its schema and includes the parameters unchanged', () => {
    const body = StatusBody.parse(JSON.parse(statusBody(documents(), 1_002_500)))
    expect(body).toMatchObject({
      status: 'queued',
      created_at: 1_000,
      started_at: null,
      progress: null,
      parameters: { a: 1, b: 'ünï' },
      tags: ['quoted "tag"'],
      version: 1,
      queue_time: 2.5,
      execution_time: 0,
    })
  })

  test('counts active time up to now, and hides the stack of an error', () => {
    const text = statusBody(
      documents({ status: 'running', statusSince: 1_000_000, activeMs: 250, error, endedBy: 'killed' }),
      1_001_000,
    )
    expect(text).not.toContain('secret')
    expect(StatusBody.parse(JSON.parse(text))).toMatchObject({
      execution_time: 1.25,
      error: { code: 'E', name: 'Error', message: 'no "luck"\n' },
      ended_by: 'killed',
    })
  })
})

test('a result body has the result, or null', () => {
  const done = documents({ status: 'completed', completedAt: 1_003_000 }, { result: '{"deep":[1]}' })
  expect(ResultBody.parse(JSON.parse(resultBody(done, 1_003_000))).result).toEqual({ deep: [1] })
  const failed = documents({ status: 'failed', error })
  expect(ResultBody.parse(JSON.parse(resultBody(failed, 1_003_000))).result).toBeNull()
})

test('details match their schema, with attempts from the timeline', () => {
  const brief = { code: error.code, name: error.name, message: 'no…' }
  const timeline = [
    ...documents().timeline,
    { version: 2, at: 1_001_000, event: 'claimed', status: 'running', attempt: 1, by: 'node' } as const,
    {
      version: 3,
      at: 1_001_500,
      event: 'retry_scheduled',
      status: 'scheduled',
      attempt: 1,
      by: 'node',
      error: brief,
    } as const,
    { version: 4, at: 1_001_600, event: 'claimed', status: 'running', attempt: 2, by: 'node' } as const,
    {
      version: 5,
      at: 1_002_000,
      event: 'failed',
      status: 'failed',
      attempt: 2,
      by: 'node',
      error: brief,
    } as const,
  ]
  const text = detailsBody(
    documents(
      { status: 'failed', attempt: 2, error, timeout: 5_000 },
      { timeline, checkpoint: '{"step":3}' },
    ),
    1_002_000,
  )
  const body = DetailsBody.parse(JSON.parse(text))
  expect(body).toMatchObject({
    timeout: 5,
    backoff: { base: 1, max: 60 },
    checkpoint: { step: 3 },
    controls: ['retry'],
    attempts: [
      { attempt: 1, started_at: 1_001, ended_at: 1_001.5, error: { message: 'no…', stack: null } },
      { attempt: 2, started_at: 1_001.6, ended_at: 1_002, event: 'failed', status: 'failed', error },
    ],
  })
  // The attempt alone shows the stack.
  expect(JSON.stringify({ ...body, attempts: [] })).not.toContain('secret')
  expect(body.timeline.map(({ event }) => event)).toEqual([
    'submitted',
    'claimed',
    'retry_scheduled',
    'claimed',
    'failed',
  ])
})

describe('progress', () => {
  const progress = { current: 5, total: 20, message: 'on it', at: 1_000, rate: 2 }

  test('has a ratio, and an ETA that shrinks while the task runs', () => {
    expect(progressBody(progress, 1_500)).toEqual({
      current: 5,
      total: 20,
      message: 'on it',
      ratio: 0.25,
      rate: 2,
      eta_seconds: 7,
    })
    expect(progressBody(progress, 99_000).eta_seconds).toBe(0)
  })

  test('has no ETA unless the task runs, and no ratio without a total', () => {
    expect(progressBody(progress).eta_seconds).toBeNull()
    expect(progressBody({ current: 5, at: 1_000 }, 1_000)).toEqual({
      current: 5,
      total: null,
      message: null,
      ratio: null,
      rate: null,
      eta_seconds: null,
    })
    expect(progressBody({ current: 0, total: 0, at: 0 }).ratio).toBe(1)
  })
})
