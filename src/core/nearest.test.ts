import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'

const known = ['schema', 'lease', 'sslmode', 'statement_timeout']

test.each([
  ['shema', 'schema'],
  ['scehma', 'schema'],
  ['SCHEMA', 'schema'],
  ['ssl_mode', 'sslmode'],
  ['statment_timeuot', 'statement_timeout'],
  ['leas', 'lease'],
])('%s was meant as %s', (written, meant) => {
  expect(nearest(written, known)).toBe(meant)
})

test.each(['colour', 'x', ''])('nothing is suggested for %s, which is like none of them', (written) => {
  expect(nearest(written, known)).toBeUndefined()
})
