import { describe, expect, test } from 'vitest'
import { headersOf, isTraceContext, traceContext, traceIdOf } from './trace-context.ts'

const parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

describe('a trace context', () => {
  test('is stored as its headers, and returned as them', () => {
    expect(traceContext(parent)).toBe(parent)
    expect(headersOf(traceContext(parent))).toEqual({ traceparent: parent })
    const both = traceContext(` ${parent} `, 'vendor=a b, other@sys=1,')
    expect(both).toBe(`${parent} vendor=a b,other@sys=1`)
    expect(headersOf(both)).toEqual({ traceparent: parent, tracestate: 'vendor=a b,other@sys=1' })
    expect(traceIdOf(both!)).toBe('4bf92f3577b34da6a3ce929d0e0e4736')
    expect(headersOf(null)).toEqual({})
  })

  test('of a later version is read as far as it is known', () => {
    expect(traceContext(parent.replace(/^00/, 'cc') + '-more')).toBe(parent)
    expect(traceContext(parent.replace(/^00/, '01').replace(/01$/, 'ff'))).toBe(parent.replace(/01$/, '03'))
  })

  test.each([
    undefined,
    '',
    'x',
    parent.toUpperCase(),
    `${parent}-more`,
    `${parent},${parent}`,
    parent.slice(1),
    parent.replace(/^00/, 'ff'),
    parent.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    parent.replace('00f067aa0ba902b7', '0'.repeat(16)),
    parent.replace(/-01$/, '-1'),
    `${parent}\r\nx: y`,
    7 as unknown as string,
  ])('is ignored if it is invalid: %j', (text) => {
    expect(traceContext(text)).toBeNull()
    expect(traceContext(text, 'a=b')).toBeNull()
  })

  test.each([
    '',
    ',',
    'a',
    'A=b',
    'a=b=c',
    'a=\u00e9',
    'a=b\r\nx: y',
    'a=',
    `a=${'b'.repeat(511)}`,
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(','),
  ])('keeps its parent without an invalid state: %j', (state) => {
    expect(traceContext(parent, state)).toBe(parent)
  })

  test('is recognized', () => {
    expect([parent, `${parent} a=b`].map(isTraceContext)).toEqual([true, true])
    expect(['', 'x', `${parent} `, `${parent} a`, ` ${parent}`].map(isTraceContext)).toEqual(
      Array.from({ length: 5 }, () => false),
    )
  })
})
