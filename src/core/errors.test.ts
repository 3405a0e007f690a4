import { describe, expect, test } from 'vitest'
import {
  ControlRefused,
  NonRetryableError,
  ParametersInvalid,
  StoreUnavailable,
  TaskError,
  TaskUnknown,
  TypeUnknown,
} from './errors.ts'

describe('an error', () => {
  test('has the name of its class, a stable code and its data', () => {
    const error = new TaskUnknown('abc')
    expect(error).toBeInstanceOf(TaskError)
    expect(error).toMatchObject({ name: 'TaskUnknown', code: 'TASK_UNKNOWN', id: 'abc' })
    expect(error.message).toBe('There is no task "abc". It may have been deleted after its retention period.')
  })

  test('says what is allowed', () => {
    expect(new TypeUnknown('ad', ['add', 'fib']).message).toContain('Known types: add, fib.')
    expect(new TypeUnknown('ad', []).message).toContain('Known types: none.')
    const issues = [
      { path: 'a', message: 'must be a number' },
      { path: '', message: 'must be an object' },
    ]
    const { message } = new ParametersInvalid('add', issues)
    expect(message).toBe(
      'The parameters do not match the schema of type "add": a: must be a number; must be an object.',
    )
    expect(new ControlRefused('pause', 'abc', 'failed').message).toBe('Cannot pause task abc: it is failed.')
    expect(new ControlRefused('retry', 'abc', 'failed', 'its code runs').message).toContain(
      'it is failed, and its code runs.',
    )
  })

  test('truncates what a caller sent', () => {
    expect(new TaskUnknown('x'.repeat(10_000)).message.length).toBeLessThan(200)
  })

  test('keeps its cause for the operator', () => {
    const cause = new Error('disk')
    expect(new StoreUnavailable('No.', { unknown: true, cause })).toMatchObject({ cause, unknown: true })
  })

  test('of a handler that extends ours keeps its base class', () => {
    class NoSuchFile extends NonRetryableError {}
    expect(new NoSuchFile('gone')).toMatchObject({ name: 'NonRetryableError', code: 'NON_RETRYABLE' })
  })
})
