import { expect, test } from 'vitest'
import { eventsWords, filterWords, listOf } from './words.ts'

test('events are a sentence, and all of them have one name', () => {
  expect(eventsWords(['task.failed', 'task.completed'])).toBe('When the status becomes failed or completed')
  expect(eventsWords(['task.failed', 'task.*'])).toBe('All events')
})

test('a filter says what it lets through', () => {
  expect(filterWords({ types: null, tags: null })).toBe('')
  expect(filterWords({ types: ['add', 'fib'], tags: ['nightly'] })).toBe(
    'Only types add, fib and tags nightly',
  )
})

test('lists are separated by commas', () => {
  expect(listOf(' a, b,,c ')).toEqual(['a', 'b', 'c'])
  expect(listOf(' , ')).toBeNull()
})
