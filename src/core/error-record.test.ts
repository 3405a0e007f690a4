import * as fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { thrown } from '../../test/support/hostile.ts'
import { shown, toErrorRecord } from './error-record.ts'

describe('the record of what was thrown', () => {
  test('is the error by value', () => {
    const error = Object.assign(new TypeError('bad'), { code: 'EBAD' })
    const record = toErrorRecord(error)
    expect(record).toEqual({ code: 'EBAD', name: 'TypeError', message: 'bad', stack: error.stack })
    expect(toErrorRecord(Object.assign(new Error('x'), { code: 42 })).code).toBe('ERROR')
  })

  test.each([
    ['a word', 'a word'],
    [{ a: 1 }, '{"a":1}'],
    [undefined, 'undefined'],
    [null, 'null'],
    [7n, '7'],
    [Symbol('s'), 'Symbol(s)'],
  ])('of what is no error shows it (%#)', (thrown, message) => {
    expect(toErrorRecord(thrown)).toEqual({ code: 'ERROR', name: 'Error', message })
  })

  test('is bounded', () => {
    const error = new Error('m'.repeat(100_000))
    error.stack = 's'.repeat(100_000)
    const { message, stack } = toErrorRecord(error)
    expect([message.length, stack?.length]).toEqual([4_096, 8_192])
    expect(toErrorRecord('x'.repeat(100_000)).message.length).toBe(4_096)
  })

  test('survives an error that lies about itself', () => {
    const liar = new Error('x')
    Object.defineProperty(liar, 'message', { value: { toString: () => 'odd' } })
    Object.defineProperty(liar, 'name', { value: null })
    Object.defineProperty(liar, 'stack', { value: undefined })
    expect(toErrorRecord(liar)).toEqual({ code: 'ERROR', name: 'null', message: 'odd' })
  })

  test('survives an error that cannot be read', () => {
    const hostile = new Error('x')
    Object.defineProperty(hostile, 'message', {
      get: () => {
        throw new Error('no')
      },
    })
    const message = 'a value that cannot be shown was thrown'
    expect(toErrorRecord(hostile)).toMatchObject({ code: 'ERROR', name: 'Error', message })
  })

  test('is never cut inside a character', () => {
    expect(toErrorRecord(new Error(`${'x'.repeat(4_095)}😀`)).message).toBe(`${'x'.repeat(4_095)}…`)
    expect(toErrorRecord('\ud800').message).toBe('\ufffd')
  })
})

describe('the causes of an error', () => {
  test('are included in its message, with their stacks after its own', () => {
    const disk = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    const error = new Error('save', { cause: new TypeError('write', { cause: disk }) })
    const { message, stack } = toErrorRecord(error)
    expect(message).toBe('save (cause: TypeError: write (cause: [ENOSPC]: disk full))')
    expect(stack).toBe(`${error.stack}\nCaused by: ${(error.cause as Error).stack}\nCaused by: ${disk.stack}`)
  })

  test('are reported for fetch', async () => {
    const thrown = await fetch('http://127.0.0.1:1/').catch((error: unknown) => error)
    expect(toErrorRecord(thrown)).toMatchObject({
      name: 'TypeError',
      message: expect.stringMatching(/^fetch failed \(cause: .+\)$/),
    })
  })

  test('are reported for Promise.any', async () => {
    const thrown = await Promise.any([
      Promise.reject(new RangeError('one')),
      Promise.reject(new Error('two')),
    ]).catch((error: unknown) => error)
    expect(toErrorRecord(thrown)).toMatchObject({
      name: 'AggregateError',
      message: 'All promises were rejected (errors: RangeError: one; two)',
    })
  })

  test('are not repeated, and may be anything', () => {
    expect(toErrorRecord(new Error('save: disk full', { cause: new Error('disk full') })).message).toBe(
      'save: disk full',
    )
    expect(toErrorRecord(new Error('save', { cause: 'no reason' })).message).toBe('save (cause: no reason)')
    expect(toErrorRecord(new Error('save', { cause: { a: 1 } })).message).toBe('save (cause: {"a":1})')
    expect(toErrorRecord(new Error('save', { cause: null })).message).toBe('save')
  })

  test('may be circular and numerous', () => {
    const cyclic = new Error('one')
    cyclic.cause = new Error('two', { cause: cyclic })
    expect(toErrorRecord(cyclic).message).toBe('one (cause: two)')
    let deep = new Error('0')
    for (let index = 1; index < 10_000; index++) deep = new Error(`${index}`, { cause: deep })
    expect(toErrorRecord(deep).message.length).toBeLessThan(1_000)
    const wide = (levels: number): Error =>
      new AggregateError(levels === 0 ? [] : Array.from({ length: 20 }, () => wide(levels - 1)), 'wide')
    expect(toErrorRecord(wide(3)).message.length).toBeLessThan(1_000)
  })
})

describe('whatever is thrown', () => {
  test('by another realm is known as an error', () => {
    const foreign: unknown = runInNewContext("Object.assign(new TypeError('bad'), { code: 'EBAD' })")
    expect(foreign).not.toBeInstanceOf(Error)
    expect(toErrorRecord(foreign)).toMatchObject({ code: 'EBAD', name: 'TypeError', message: 'bad' })
  })

  test('becomes a record of bounded texts that a store can keep', () => {
    fc.assert(
      fc.property(thrown, (make) => {
        const value = make()
        const record = toErrorRecord(value)
        for (const [part, most] of Object.entries({ code: 100, name: 100, message: 4_096, stack: 8_192 })) {
          const text = record[part as 'stack']
          if (text === undefined && part === 'stack') continue
          expect(text).toBeTypeOf('string')
          expect(text!.length).toBeLessThanOrEqual(most)
          expect(text!.isWellFormed()).toBe(true)
        }
        expect(shown(value)).toBeTypeOf('string')
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})
