import { expect, test } from 'vitest'
import { errorWords, messageWords } from './errors.ts'

test.each([
  ['TIMEOUT', 'Too slow.', 'TIMEOUT: Too slow.', 'Too slow.'],
  ['ENOENT', 'ENOENT: no such file', 'ENOENT: no such file', 'no such file'],
])('the code %s is shown once', (code, message, line, rest) => {
  expect(errorWords({ code, message })).toBe(line)
  expect(messageWords({ code, message })).toBe(rest)
})
