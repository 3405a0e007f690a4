import { describe, expect, test } from 'vitest'
import {
  ControlRefused,
  NonRetryableError,
  ParametersInvalid,
  StoreUnavailable,
  TaskError,
  TaskUnknown,
  TypeUnknown,
  toErrorRecord,
} from './errors.ts'

describe('an error', () => {
  test('has the name of its class, a stable code and its data', () => {
    const error = new TaskUnknown('abc')
    expect(error).toBeInstanceOf(TaskError)
    expect(error).toMatchObject({ name: 'TaskUnknown', code: 'TASK_UNKNOWN', id: 'abc' })
    expect(error.message).toBe('There is no task "abc". It may have been pruned after its retention.')
  })

  test('says what would have been right', () => {
    expect(new TypeUnknown('ad', ['add', 'fib']).message).toContain('Known types: add, fib.')
    expect(new TypeUnknown('ad', []).message).toContain('Known types: none.')
    const issues = [
      { path: 'a', message: 'must be a number' },
      { path: '', message: 'must be an object' },
    ]
    const { message } = new ParametersInvalid('add', issues)
    expect(message).toBe('The parameters do not fit the type "add": a: must be a number; must be an object.')
    expect(new ControlRefused('pause', 'abc', 'failed').message).toBe('Cannot pause task abc: it is failed.')
    expect(new ControlRefused('retry', 'abc', 'failed', 'its code runs').message).toContain(
      'it is failed, and its code runs.',
    )
  })

  test('cuts what a caller sent short', () => {
    expect(new TaskUnknown('x'.repeat(10_000)).message.length).toBeLessThan(200)
  })

  test('keeps its cause for the operator', () => {
    const cause = new Error('disk')
    expect(new StoreUnavailable('No.', { unknown: true, cause })).toMatchObject({ cause, unknown: true })
  })

  test('of a handler that extends ours keeps its family name', () => {
    class NoSuchFile extends NonRetryableError {}
    expect(new NoSuchFile('gone')).toMatchObject({ name: 'NonRetryableError', code: 'NON_RETRYABLE' })
  })
})

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
    [7n, 'a value that cannot be shown was thrown'],
    [Symbol('s'), 'Symbol(s)'],
  ])('of what is no error shows it (%#)', (thrown, message) => {
    expect(toErrorRecord(thrown)).toEqual({ code: 'ERROR', name: 'Error', message })
  })

  test('has bounds', () => {
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

  test('survives an error that does not let itself be read', () => {
    const hostile = new Error('x')
    Object.defineProperty(hostile, 'message', {
      get: () => {
        throw new Error('no')
      },
    })
    const message = 'a value that cannot be shown was thrown'
    expect(toErrorRecord(hostile)).toEqual({ code: 'ERROR', name: 'Error', message })
  })
})
