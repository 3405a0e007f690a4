import { expect, test } from 'vitest'
import { Guard, isLoopback } from './guards.ts'

test('loopback is an address that only this machine can reach', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    '127.1.2.3',
    '::1',
    '0:0:0:0:0:0:0:1',
  ]) {
    expect(isLoopback(host), host).toBe(true)
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'example.com', '127.0.0.1x']) {
    expect(isLoopback(host), host).toBe(false)
  }
})

// `test/hardening/origins.test.ts` asks real servers; this is about what only few clients send.
const guard = new Guard({ hosts: ['fermata.example.com'], origins: ['https://console.example.com'] })
const refusalOf = (headers: Record<string, string>, method = 'POST', url = '/api/bulk') =>
  guard.refused({ method, url, headers })?.code

test.each([
  'localhost:1',
  '127.0.0.2:8000',
  '[::ffff:10.0.0.1]',
  '[fe80::1]:8000',
  'localhost.',
  'fermata.example.com.',
  'xn--fa-hia',
  'my_service:8000',
])('answers to %s, also for its own page', (host) => {
  expect(refusalOf({ host })).toBeUndefined()
  expect(refusalOf({ host, origin: `http://${host}` })).toBeUndefined()
})

test.each([
  'evil.example#localhost',
  'evil.example.localhost',
  '127.0.0.1x.example',
  '127.1',
  'localhost:8000.evil.example',
  'localhost..',
  '[127.0.0.1]',
  '[]',
  'a b',
  'http://localhost',
  'ℓocalhost',
])('does not answer to %s', (host) => {
  expect(refusalOf({ host })).toBe('HOST_FORBIDDEN')
})

test.each([
  '',
  'file://',
  'chrome-extension://abcdef',
  'http://localhost@evil.example',
  'http://[::1].evil.example',
  'localhost:8000',
  'http://localhost:8000/',
  'https://console.example.com.',
])('takes nothing from a page of %j', (origin) => {
  expect(refusalOf({ host: 'localhost:8000', origin })).toBe('ORIGIN_FORBIDDEN')
})

test('a refused origin behind a proxy that hides the Host names both remedies', () => {
  const refused = guard.refused({
    method: 'POST',
    url: '/api/bulk',
    headers: { host: '127.0.0.1:8000', origin: 'https://tasks.example.com' },
  })
  expect(refused?.message).toContain('FERMATA_ALLOWED_ORIGINS')
  expect(refused?.message).toContain('configure the proxy to pass on the Host header')
})
