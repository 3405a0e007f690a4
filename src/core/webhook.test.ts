import { expect, test } from 'vitest'
import {
  bodyOf,
  deliveriesOf,
  deliveryAttempts,
  eventOf,
  retryDelay,
  secretRotated,
  signingSecrets,
  webhookEvents,
  type Webhook,
} from './webhook.ts'
import { submitted } from './transition.ts'
import { defaultBackoff } from './retry.ts'
import { statuses, type Submission, type Task } from './task.ts'

const submission: Submission = {
  id: 'a',
  type: 'work',
  parameters: '{}',
  priority: 0,
  runAt: null,
  delay: null,
  timeout: null,
  maxAttempts: 1,
  backoff: defaultBackoff,
  tags: [],
  idempotencyKey: null,
  requestHash: null,
  trace: null,
}
const { task } = submitted(submission, { now: 1_000, nextQueuePosition: () => 1, by: 'me' })
const webhook: Webhook = {
  id: 'wh',
  url: 'https://example.com',
  events: ['task.*'],
  types: null,
  tags: null,
  paused: null,
  secrets: [],
  createdAt: 0,
}

test('attempts are spread over about three days, with jitter, and then end', () => {
  const delays = (random: number) =>
    Array.from({ length: deliveryAttempts }, (_, index) => retryDelay(index + 1, null, random))
  const middle = delays(0.5)
  expect(middle.at(-1)).toBeNull()
  expect(middle.slice(0, 3)).toEqual([5_000, 30_000, 120_000])
  const days = middle.reduce<number>((sum, delay) => sum + (delay ?? 0), 0) / 86_400_000
  expect(days).toBeGreaterThan(2.5)
  expect(days).toBeLessThan(3.5)
  expect([delays(0)[0], delays(1)[0]]).toEqual([4_000, 6_000])
})

test('a receiver may ask for a longer delay, within a day, and not for a shorter one', () => {
  expect(retryDelay(1, 60_000, 0.5)).toBe(60_000)
  expect(retryDelay(1, 1, 0.5)).toBe(5_000)
  expect(retryDelay(1, 1e12, 0.5)).toBe(86_400_000)
  expect(retryDelay(deliveryAttempts, 60_000, 0.5)).toBeNull()
})

test('each status is an event, and a transition within one is none', () => {
  expect(webhookEvents).toEqual(statuses.map((status) => `task.${status}`))
  const told = (before: Task | null) => eventOf({ before, task, at: 5 }, [webhook])
  expect(deliveriesOf(told(null)!)).toMatchObject([
    { event: 'task.queued', createdAt: 5, lane: 'wh', url: null },
  ])
  expect(told(task)).toBeUndefined()
})

test('messages stay below 20 kB, whatever the tags and errors', () => {
  const tags = Array.from({ length: 50 }, () => '\u0001\uffff'.repeat(100))
  const error = { code: 'E', name: 'E', message: '\u0001'.repeat(100_000), stack: 'x'.repeat(100_000) }
  const failed: Task = { ...task, tags, error, status: 'failed', completedAt: 1 }
  const [delivery] = deliveriesOf(eventOf({ before: task, task: failed, at: 1 }, [webhook])!)
  const body = bodyOf(delivery!)
  expect(Buffer.byteLength(body)).toBeLessThan(20_000)
  expect(JSON.parse(body)).toMatchObject({ type: 'task.failed', data: { error: { code: 'E' } } })
})

test('two secrets sign during a rotation, and one after it', () => {
  const one = secretRotated(webhook, 'a', 100, 1_000)
  const two = secretRotated(one, 'b', 100, 2_000)
  const three = secretRotated(two, 'c', 100, 2_050)
  expect(signingSecrets(two, 2_099)).toEqual(['b', 'a'])
  expect(signingSecrets(two, 2_100)).toEqual(['b'])
  expect(signingSecrets(three, 2_060)).toEqual(['c', 'b'])
  expect(signingSecrets(secretRotated(two, 'c', 0, 2_050), 2_050)).toEqual(['c'])
})
