import { describe, expect, test } from 'vitest'
import {
  mask,
  masksIn,
  pointerOf,
  pointerText,
  redacted,
  Secrets,
  secretsOf,
  withoutMasks,
} from './redaction.ts'

const pointers = (...texts: readonly string[]) => texts.map((text) => pointerOf(text)!)
const secretsIn = (value: unknown, ...texts: readonly string[]) =>
  new Secrets().add(value, pointers(...texts))

describe('a pointer', () => {
  test('has the escapes of RFC 6901', () => {
    expect(pointerOf('')).toEqual([])
    expect(pointerOf('/a~1b/m~0n/')).toEqual(['a/b', 'm~n', ''])
    expect(pointerText(['a/b', 'm~n', ''])).toBe('/a~1b/m~0n/')
    for (const text of ['a', 'a/b', '/a~2', '/~', '#/a']) expect(pointerOf(text), text).toBeUndefined()
  })
})

describe('a document', () => {
  test('has masks in place of sensitive values, whatever they are', () => {
    const json = JSON.stringify({ user: 'ann', password: 'x', card: { number: 12, pin: null }, none: 1 })
    expect(
      JSON.parse(redacted(json, pointers('/password', '/card/number', '/card/pin', '/absent/x'))),
    ).toEqual({
      user: 'ann',
      password: mask,
      card: { number: mask, pin: mask },
      none: 1,
    })
  })

  test('has masks in every item of a list and every member of an object', () => {
    const json =
      '{"logins":[{"user":"a","password":"p"},{"user":"b"},7],"headers":{"x":"1","y":"2"},"l":[1,2]}'
    expect(JSON.parse(redacted(json, pointers('/logins/*/password', '/headers/*', '/l/1')))).toEqual({
      logins: [{ user: 'a', password: mask }, { user: 'b' }, 7],
      headers: { x: mask, y: mask },
      l: [1, mask],
    })
  })

  test('is a mask as a whole, or the same text', () => {
    expect(redacted('{"a":1}', pointers('', '/a'))).toBe(`"${mask}"`)
    expect(redacted('{ "a" : 1 }', [])).toBe('{ "a" : 1 }')
    expect(redacted('null', pointers('/a'))).toBe('null')
  })

  test('keeps members of any name', () => {
    expect(redacted('{"__proto__":{"a":1},"b":2}', pointers('/__proto__/a'))).toBe(
      `{"__proto__":{"a":"${mask}"},"b":2}`,
    )
    expect(redacted('{"b":2}', pointers('/constructor', '/__proto__'))).toBe('{"b":2}')
  })

  test('names the masks that were sent as values', () => {
    const value = { password: mask, user: mask, list: [{ key: 'k' }, { key: mask }] }
    expect(masksIn(value, pointers('/password', '/list/*/key'))).toEqual(['password', 'list.1.key'])
  })
})

test('a document is submitted again without its masks', () => {
  const value = { password: mask, user: 'ann', list: [mask, 'b'], inner: { key: 'known' } }
  expect(withoutMasks(value, pointers('/password', '/list/*', '/inner/key'))).toEqual({
    value: { user: 'ann', list: [mask, 'b'], inner: { key: 'known' } },
    removed: true,
  })
  expect(withoutMasks({ a: mask }, pointers('/b'))).toEqual({ value: { a: mask }, removed: false })
  expect(withoutMasks(mask, pointers(''))).toEqual({ value: {}, removed: true })
})

describe('a text', () => {
  test('has masks in place of values, wherever and however often they occur', () => {
    const secrets = secretsIn({ password: 'hunter2', pin: 12_345 }, '/password', '/pin')
    expect(secrets.hide('hunter2: hunter2hunter2, 12345')).toBe(`${mask}: ${mask}${mask}, ${mask}`)
    expect(secrets.hide('nothing')).toBe('nothing')
  })

  test('has masks in place of values inside JSON and URLs', () => {
    const password = 'a"b\\c d/ä'
    const secrets = secretsIn({ password }, '/password')
    for (const text of [
      password,
      JSON.stringify({ password }),
      `https://u:${encodeURIComponent(password)}@host/`,
    ]) {
      const hidden = secrets.hide(text)
      expect(hidden).toContain(mask)
      for (const part of ['b\\c', 'd/ä', '%22b']) expect(hidden).not.toContain(part)
    }
  })

  test('has masks in place of everything inside a sensitive list or object', () => {
    const secrets = secretsIn({ all: { a: ['first'], b: { c: 'second' } } }, '/all')
    expect(secrets.hide('first second all')).toBe(`${mask} ${mask} all`)
  })

  test('has masks in place of single lines of a value with several', () => {
    const secrets = secretsIn({ key: 'BEGIN KEY\nabcdefghij\nend\n' }, '/key')
    expect(secrets.hide('read abcdefghij')).toBe(`read ${mask}`)
    expect(secrets.hide('the end')).toBe('the end')
  })

  test('prefers the longest of several values', () => {
    const secrets = secretsIn({ a: 'token', b: 'token-long' }, '/a', '/b')
    expect(secrets.hide('token-long token')).toBe(`${mask} ${mask}`)
  })

  test('keeps what could occur by chance', () => {
    const secrets = secretsIn({ a: 'abc', b: true, c: null, d: 123, e: '' }, '/a', '/b', '/c', '/d', '/e')
    expect(secrets.hide('abc true null 123')).toBe('abc true null 123')
  })

  test('shows no part of a value that was cut', () => {
    const secrets = secretsIn({ password: 'correct horse battery' }, '/password')
    expect(secrets.hide('it is correct ho…')).toBe(`it is ${mask}…`)
    expect(secrets.hide('it is correct…rse battery')).toBe(`it is ${mask}…${mask}`)
    expect(secrets.hide('…attery')).toBe(`…${mask}`)
  })

  test('of an error is hidden in all its parts', () => {
    const secrets = secretsIn({ p: 'hunter2' }, '/p')
    const error = { code: 'hunter2', name: 'hunter2', message: 'm hunter2', stack: 's hunter2' }
    expect(JSON.stringify(secrets.hideInError(error))).not.toContain('hunter2')
    expect(secrets.hideInError({ code: 'A', name: 'B', message: 'C' })).toEqual({
      code: 'A',
      name: 'B',
      message: 'C',
    })
  })
})

test('a result that repeats a sensitive parameter does not show it', () => {
  const secrets = secretsIn({ p: 'hunter2', n: 98_765 }, '/p', '/n')
  expect(secrets.hideIn({ ok: true, echo: ['as hunter2', 98_765, 1] })).toEqual({
    ok: true,
    echo: [`as ${mask}`, mask, 1],
  })
})

test('only a type with sensitive values has secrets', () => {
  expect(secretsOf(null, { parameters: '{}', checkpoint: null })).toBeUndefined()
  const sensitive = {
    parameters: pointers('/p'),
    checkpoint: pointers('/token'),
    result: [],
    steps: [],
    answers: [],
  }
  const secrets = secretsOf(sensitive, { parameters: '{"p":"hunter2"}', checkpoint: '{"token":"abcdef"}' })
  expect(secrets?.hide('hunter2 abcdef')).toBe(`${mask} ${mask}`)
})
