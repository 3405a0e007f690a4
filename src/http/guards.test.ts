import { describe, expect, test } from 'vitest'
import { isLoopback, refusedOnLoopback } from './guards.ts'

test('loopback is what only this machine can reach', () => {
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) expect(isLoopback(host), host).toBe(true)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'example.com']) {
    expect(isLoopback(host), host).toBe(false)
  }
})

describe('a server without keys', () => {
  test.each([
    'localhost',
    'localhost:8000',
    'LocalHost:1',
    '127.0.0.1',
    '127.0.0.2:8000',
    '[::1]',
    '[::1]:8000',
  ])('answers to %s', (host) => {
    expect(refusedOnLoopback({ host })).toBeUndefined()
    expect(refusedOnLoopback({ host, origin: `http://${host}` })).toBeUndefined()
  })

  // A name that an attacker owns can lead to this machine (DNS rebinding); an address cannot.
  test.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    'evil.example.localhost',
    'localhost.',
    'localhost:8000.evil.example',
    'localhost@evil.example',
    'evil.example#localhost',
    '127.0.0.1.nip.io',
    '127.0.0.1x',
    '127.0.0.1:80000000',
    '0.0.0.0',
    '10.0.0.1',
    '::1',
    '[::1].evil.example',
    '[::ffff:10.0.0.1]',
    'localhost, evil.example',
  ])('does not answer to %s', (host) => {
    const refused = refusedOnLoopback(host === undefined ? {} : { host })
    expect(refused?.code).toBe('HOST_FORBIDDEN')
  })

  test.each([
    'null',
    '',
    'https://evil.example',
    'http://localhost.evil.example',
    'http://evil.example:8000',
    'http://localhost@evil.example',
    'file://',
    'chrome-extension://abcdef',
    'http://[::1].evil.example',
    'http://localhost, http://evil.example',
    'localhost',
  ])('takes nothing from a page of %j', (origin) => {
    expect(refusedOnLoopback({ host: 'localhost:8000', origin })?.code).toBe('ORIGIN_FORBIDDEN')
  })
})
