import { describe, expect, test } from 'vitest'
import { fingerprinted, fingerprintOf, isFingerprint, normalized } from './fingerprint.ts'

const error = (message: string, code = 'ERROR', name = 'Error') => ({ code, name, message })

describe('failures of the same cause have the same fingerprint', () => {
  test.each([
    ['numbers', 'row 17 of 1,200.5 is bad', 'row 4 of 9 is bad'],
    ['ids', 'no user 019a3c5e-7d2b-7c4f-9a61-0f8e2b7d5c31', 'no user 019A3C5E-7D2B-7C4F-9A61-0F8E2B7D5C32'],
    ['long words with digits', 'pod worker-7f9c4d-x2x9z is gone', 'pod worker-1a2b3c-q9q1p is gone'],
    ['paths', "ENOENT: open '/srv/a b/in 1.csv'", "ENOENT: open '/var/x b/in 2.csv'"],
    ['Windows paths', 'cannot read C:\\data\\a.csv now', 'cannot read D:\\b.csv now'],
    ['file names in quotes', "open 'orders.jsonl'", 'open "sums.json"'],
    ['URLs', 'GET https://a.example/x?y=1 failed', 'GET http://b.example:80/ failed'],
    ['times', 'not since 2026-11-30T06:10:52.123Z', 'not since 2025-01-01 00:00'],
    ['white space and color', '\u001b[31mbad\u001b[0m\n  luck', 'bad luck'],
    ['what follows 400 characters', `${'x '.repeat(300)}a`, `${'x '.repeat(300)}b`],
  ])('whatever their %s', (_, one, other) => {
    expect(normalized(one)).toBe(normalized(other))
    expect(fingerprintOf(error(one))).toBe(fingerprintOf(error(other)))
  })
})

test('failures of other causes have others', () => {
  const all = [
    error('too slow'),
    error('too large'),
    error('too slow', 'TIMEOUT'),
    error('too slow', 'ERROR', 'TypeError'),
  ]
  expect(new Set(all.map(fingerprintOf)).size).toBe(all.length)
  expect(all.map(fingerprintOf).every(isFingerprint)).toBe(true)
})

test('a fingerprint never changes between versions', () => {
  expect(fingerprintOf(error('row 17 is bad', 'ROW', 'RowError'))).toBe('f50767ffe9a31b9a')
  expect(normalized('row 17 of /tmp/x is bad')).toBe('row <n> of <path> is bad')
})

test('a message of any length is normalized quickly', () => {
  for (const part of ['a-1', "'", '/', '9.', 'a://', '\\', ' ']) {
    expect(normalized(part.repeat(100_000)).length).toBeLessThanOrEqual(400)
  }
})

test('a fingerprint that is there stays: the message may be encrypted since', () => {
  const given = { ...error('sealed'), fingerprint: '0123456789abcdef' }
  expect(fingerprinted(given)).toBe(given)
  expect(fingerprinted(error('x'))).toEqual({ ...error('x'), fingerprint: fingerprintOf(error('x')) })
})
