import { describe, expect, test } from 'vitest'
import { parseEncryptionKeys, type EncryptionKeys } from '../../core/encryption-keys.ts'
import { isSealed, Keyring, keyOf, Unopened } from './keyring.ts'

const secretOf = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const ringOf = (text: string) => new Keyring(parseEncryptionKeys(text) as EncryptionKeys)
const [old, recent] = [`old:${secretOf(1)}`, `new:${secretOf(2)}`]

describe('keys', () => {
  test('are ids with 32 bytes in base64, of either alphabet and padding', () => {
    const secret = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index))
    const keys = parseEncryptionKeys(` a:${secret.toString('base64')}, b_1:${secret.toString('base64url')}`)
    expect(keys).toMatchObject({ encrypts: true, keys: [{ id: 'a' }, { id: 'b_1' }] })
    const [one, other] = ['a', 'b_1'].map((id) => ringOf(`${id}:${secret.toString('base64url')}`))
    expect(one!.open(one!.seal('text', 't', 'log'), 't', 'log')).toBe('text')
    expect(other!.encrypts).toBe(true)
    expect(parseEncryptionKeys('')).toMatchObject({ encrypts: false, keys: [] })
    expect(parseEncryptionKeys(`plain,${old}`)).toMatchObject({ encrypts: false, keys: [{ id: 'old' }] })
    expect(parseEncryptionKeys('plain')).toMatchObject({ encrypts: false, keys: [] })
  })

  test.each([
    ['canary', 'entry 1 is not of the form id:key'],
    [`a:canary!`, 'the key of entry 1 is not base64'],
    [`a:${Buffer.alloc(31, 7).toString('base64')}`, 'the key of entry 1 has not exactly 32 bytes'],
    [`a:${Buffer.alloc(33, 7).toString('base64')}`, 'the key of entry 1 has not exactly 32 bytes'],
    [`a:`, 'the key of entry 1 has not exactly 32 bytes'],
    [`a canary:${secretOf(1)}`, 'the id of entry 1 has other characters'],
    [`:${secretOf(1)}`, 'the id of entry 1'],
    [`${old},${old}`, 'entry 2 repeats the id of another one'],
    [`${old},plain`, 'entry 2 is not of the form id:key'],
    [`${old},`, 'entry 2 is not of the form id:key'],
  ])('are refused without being quoted: %#', (text, reason) => {
    const fault = parseEncryptionKeys(text)
    expect(fault).toContain(reason)
    expect(fault).not.toMatch(/canary|AQEB|BwcH/)
  })
})

describe('a sealed text', () => {
  test('opens only under its key, and at its place', () => {
    const ring = ringOf(old)
    for (const text of ['', '{"a":1}', 'ünï \0 \u{1f600}', 'half \ud83c', 'x'.repeat(100_000)]) {
      const sealed = ring.seal(text, 'task', 'result')
      expect(sealed).not.toContain(text === '' ? '""' : text)
      expect(isSealed(sealed)).toBe(true)
      expect(keyOf(sealed)).toBe('old')
      expect(ring.open(sealed, 'task', 'result')).toBe(text)
      expect(() => ring.open(sealed, 'other', 'result')).toThrow(
        'what is stored was changed, or belongs to another task',
      )
      expect(() => ring.open(sealed, 'task', 'checkpoint')).toThrow(Unopened)
      expect(() => ringOf(recent).open(sealed, 'task', 'result')).toThrow(
        'its result is encrypted with the key "old", which FERMATA_ENCRYPTION_KEYS of this node does not have',
      )
      const forged = ringOf(`old:${secretOf(9)}`)
      expect(() => forged.open(sealed, 'task', 'result')).toThrow(Unopened)
    }
  })

  test('does not open once any part of it was changed', () => {
    const ring = ringOf(old)
    const sealed = ring.seal('{"amount":100}', 'task', 'parameters')
    const bytes = Buffer.from(sealed.split(':')[3]!, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      expect(() => ring.open(`enc:1:old:${changed.toString('base64url')}`, 'task', 'parameters')).toThrow(
        Unopened,
      )
    }
    expect(() => ring.open('enc:1:old:AAAA', 'task', 'parameters')).toThrow(Unopened)
  })

  test('never repeats, not even its nonce', () => {
    const ring = ringOf(old)
    const all = Array.from({ length: 5_000 }, () => ring.seal('same', 'task', 'log'))
    const nonces = all.map((text) =>
      Buffer.from(text.split(':')[3]!, 'base64url').subarray(0, 12).toString('hex'),
    )
    expect(new Set(nonces).size).toBe(5_000)
  })

  test('opens under a key that no longer encrypts, while others are sealed with the first', () => {
    const sealed = ringOf(old).seal('a', 'task', 'log')
    const both = ringOf(`${recent},${old}`)
    expect(both.open(sealed, 'task', 'log')).toBe('a')
    expect(keyOf(both.seal('a', 'task', 'log'))).toBe('new')
    const plain = ringOf(`plain,${old}`)
    expect(plain.open(sealed, 'task', 'log')).toBe('a')
    expect(plain.seal('a', 'task', 'log')).toBe('a')
  })

  test('has a length that limits can be converted to', () => {
    const ring = new Keyring(parseEncryptionKeys(`key-1:${secretOf(1)}`) as EncryptionKeys)
    for (const length of [0, 1, 2, 3, 100, 16_384]) {
      const sealed = ring.seal('x'.repeat(length), 'task', 'parameters')
      expect(sealed).toHaveLength(ring.sealedLength(length))
      expect(ring.openedLength(sealed.length)).toBe(length)
    }
  })
})

test('plain texts stay as they are, even if they look a little like sealed ones', () => {
  for (const text of ['{}', 'enc:', 'enc:1:', 'enc:1:old', 'enc:1:old:not base64!', 'enc:2:old:AAAA'])
    expect(ringOf(old).open(text, 'task', 'log'), text).toBe(text)
})

test('the hash of a request can be compared only with its key, also with an earlier one', () => {
  const [before, after] = [ringOf(old), ringOf(`${recent},${old}`)]
  const stored = before.hash('request')
  expect(stored).not.toContain('request')
  expect(stored).not.toBe(ringOf(`old:${secretOf(3)}`).hash('request'))
  expect(after.hash('request')).not.toBe(stored)
  expect(after.hashLike(stored, 'request')).toBe(stored)
  expect(after.hashLike(stored, 'another')).not.toBe(stored)
  expect(after.hashLike('request', 'request')).toBe('request')
  expect(ringOf(recent).hashLike(stored, 'request')).toBeUndefined()
})
