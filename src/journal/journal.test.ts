import { expect, test } from 'vitest'
import { promoted, submitted, type Move } from '../core/transition.ts'
import { Journal, type Subscriber } from './journal.ts'

const submission = {
  id: 'task',
  type: 'long',
  parameters: '{}',
  priority: 0,
  runAt: null,
  delay: 10,
  timeout: null,
  maxAttempts: 1,
  backoff: { base: 0, factor: 1, max: 0, jitter: 0 },
  tags: [],
  idempotencyKey: null,
  requestHash: null,
  trace: null,
}
const context = { now: 0, nextQueuePosition: () => 1 }
const submit = submitted(submission, { ...context, by: 'api' })
const due = promoted(submit.task, { ...context, now: 10 })

function scene() {
  const heard: string[] = []
  const errors: unknown[] = []
  const journal = new Journal({
    debug() {},
    info() {},
    warn() {},
    error: (fields) => void errors.push((fields as { err: unknown }).err),
  })
  const hearing = (name: string): Subscriber => ({
    moved: ({ entry }: Move) => void heard.push(`${name} ${entry.event}`),
  })
  return { heard, errors, journal, hearing }
}

test('each move reaches every subscriber in order before the next move does', () => {
  const { heard, journal, hearing } = scene()
  journal.subscribe(hearing('first'), hearing('second'))
  journal.publish([submit, due])
  expect(heard).toEqual(['first submitted', 'second submitted', 'first due', 'second due'])
})

test('a subscriber may publish an earlier move: the subscribers after it hear that one first', () => {
  const { heard, journal, hearing } = scene()
  let isExpected = true
  journal.subscribe(
    {
      moved({ entry }) {
        if (!isExpected || entry.event !== 'due') return
        isExpected = false
        journal.publish([submit])
      },
    },
    hearing('second'),
  )
  journal.publish([due])
  expect(heard).toEqual(['second submitted', 'second due'])
})

test('a subscriber that throws is logged and does not affect the others', () => {
  const { heard, errors, journal, hearing } = scene()
  const broken = new Error('broken')
  journal.subscribe(
    {
      moved() {
        throw broken
      },
    },
    hearing('second'),
  )
  journal.publish([submit])
  expect(heard).toEqual(['second submitted'])
  expect(errors).toEqual([broken])
})
