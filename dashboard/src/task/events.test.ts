import { expect, test } from 'vitest'
import { eventNames } from '../../../src/core/lifecycle.ts'
import { eventName } from './events.ts'

test('the page has a name in plain words for every timeline event', () => {
  for (const event of eventNames) expect(eventName(event), event).toMatch(/^[A-Z][a-z]+(?:,? [a-z]+)*$/)
})

test('the page shows an event of a newer server by its own name', () => {
  expect(eventName('limit_reached')).toBe('Limit reached')
})
