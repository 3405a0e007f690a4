import { expect, test } from 'vitest'
import { localInput, timeOfInput } from './input.ts'

test('a time input returns the time it was given, in any time zone', () => {
  expect(timeOfInput(localInput(1_764_000_000))).toBe(1_764_000_000)
  expect(localInput(null)).toBe('')
  expect(timeOfInput('')).toBeNull()
})
