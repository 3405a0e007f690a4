import { expect, test } from 'vitest'
import { lifecycle } from '../../../src/core/lifecycle.ts'
import { eventName } from './events.ts'

test('every timeline event has a name in plain words', () => {
  for (const event of Object.keys(lifecycle))
    expect(eventName(event)).toMatch(/^[A-Z][a-z]+( [a-z]+|, [a-z]+)*$/)
})

test('an event of a newer server keeps its own name', () => {
  expect(eventName('limit_reached')).toBe('Limit reached')
})
