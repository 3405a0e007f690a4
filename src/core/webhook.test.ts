import { expect, test } from 'vitest'
import { submitted } from './transition.ts'
import {
  bodyOf,
  callbackEvents,
  delayAfter,
  eventOf,
  messageIdOf,
  mostAttempts,
  retryAfterOf,
  validSecrets,
  wants,
  webhookEvents,
  webhookRotated,
  type NewDelivery,
  type Webhook,
} from './webhook.ts'

const webhook: Webhook = {
  id: 'one',
  url: 'https://example.com/',
  events: ['task.*'],
  types: null,
  tags: null,
  description: null,
  secrets: [{ secret: 'a', until: null }],
  paused: null,
  disabledAt: null,
  createdAt: 0,
  createdBy: 'api',
}

const failure: NewDelivery = {
  webhookId: 'one',
  lane: 'one',
  url: null,
  event: 'task.failed',
  taskId: 'task',
  version: 3,
  at: 1_764_000_000_125,
  facts: {
    type: 'work',
    status: 'failed',
    tags: ['a'],
    error: { code: 'BOOM', name: 'Error', message: 'boom', stack: 'at secret place' },
  },
  trace: null,
}

test('retries take about three days', () => {
  const delays = Array.from({ length: mostAttempts - 1 }, (_, index) => delayAfter(index + 1, 0.5, null) ?? 0)
  expect(delays[0]).toBe(5_000)
  const days = delays.reduce((sum, delay) => sum + delay, 0) / 86_400_000
  expect(days).toBeGreaterThan(3)
  expect(days).toBeLessThan(3.5)
  expect(delayAfter(mostAttempts, 0.5, null)).toBeNull()
})

test('delays vary by a tenth, and are never shorter than the receiver asks, up to a day', () => {
  expect([delayAfter(1, 0, null), delayAfter(1, 1, null)]).toEqual([4_500, 5_500])
  expect(delayAfter(1, 0, 90_000)).toBe(90_000)
  expect(delayAfter(1, 0, 1_000)).toBe(4_500)
  expect(delayAfter(1, 0, 1e12)).toBe(86_400_000)
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT')
  expect(retryAfterOf('120', now)).toBe(120_000)
  expect(retryAfterOf('Wed, 21 Oct 2026 07:30:00 GMT', now)).toBe(120_000)
  expect(retryAfterOf('Wed, 21 Oct 2026 07:00:00 GMT', now)).toBe(0)
  expect([retryAfterOf(undefined, now), retryAfterOf('soon', now)]).toEqual([null, null])
})

test('an end has the name of its status, whatever caused it', () => {
  expect(eventOf({ event: 'lost', status: 'failed' })).toBe('task.failed')
  expect(eventOf({ event: 'lost', status: 'queued' })).toBe('task.lost')
  for (const event of callbackEvents) expect(webhookEvents).toContain(event)
})

test('a webhook wants events by name, type and tag', () => {
  const { task } = submitted(
    { ...(failure.facts as object), id: 'task', type: 'work', tags: ['a', 'b'], delay: null } as never,
    { now: 0, nextQueuePosition: () => 1, by: 'api' },
  )
  const isWanted = (own: Partial<Webhook>) => wants({ ...webhook, ...own }, 'task.paused', task)
  expect(
    [{}, { events: ['task.paused'] }, { types: ['work'] }, { tags: ['b', 'c'] }].map(isWanted as never),
  ).toEqual(Array(4).fill(true))
  expect(
    [{ events: ['task.completed'] }, { types: ['other'] }, { tags: ['c'] }, { disabledAt: 1 }].map(
      isWanted as never,
    ),
  ).toEqual(Array(4).fill(false))
})

test('a message is thin: no stack, and below 20 kB whatever its task is called', () => {
  expect(JSON.parse(bodyOf(failure))).toEqual({
    type: 'task.failed',
    timestamp: '2025-11-24T16:00:00.125Z',
    data: {
      task_id: 'task',
      task_type: 'work',
      status: 'failed',
      version: 3,
      tags: ['a'],
      error: { code: 'BOOM', message: 'boom' },
    },
  })
  const tags = Array.from({ length: 50 }, (_, index) => `${index}${'語'.repeat(198)}`)
  const error = { code: 'BOOM', name: 'Error', message: '語'.repeat(4_000) }
  const long = bodyOf({ ...failure, facts: { type: '語'.repeat(200), status: 'failed', tags, error } })
  expect(Buffer.byteLength(long)).toBeLessThan(20_000)
  expect(messageIdOf({ ...failure, number: 1 })).toBe('msg_task_3')
})

test('a rotated secret is used beside the new one until its time is over', () => {
  const once = webhookRotated(webhook, 'b', 1_000, 0)
  expect(validSecrets(once, 999)).toEqual(['b', 'a'])
  expect(validSecrets(once, 1_000)).toEqual(['b'])
  const twice = webhookRotated(once, 'c', 5_000, 500)
  expect(twice.secrets).toEqual([
    { secret: 'c', until: null },
    { secret: 'b', until: 5_500 },
    { secret: 'a', until: 1_000 },
  ])
  expect(webhookRotated(twice, 'd', 0, 600).secrets).toEqual([{ secret: 'd', until: null }])
})
