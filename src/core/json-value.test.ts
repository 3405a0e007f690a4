import * as fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { misfitOf } from './json-value.ts'

class Point {
  x = 1
}

const circular: Record<string, unknown> = {}
circular['self'] = [circular]

describe('a value that JSON would change', () => {
  test.each<[unknown, string, RegExp]>([
    [Number.NaN, 'result', /^NaN cannot be stored as JSON; use null or a text$/],
    [{ rate: Number.NEGATIVE_INFINITY }, 'result.rate', /^-Infinity /],
    [{ items: [1, 2, 3, new Map()] }, 'result.items[3]', /^a Map .*Object\.fromEntries\(map\)/],
    [{ 'two words': new Set([1]) }, 'result["two words"]', /^a Set .*\[\.\.\.set\]/],
    [[[[new WeakMap()]]], 'result[0][0][0]', /^a WeakMap /],
    [/x/, 'result', /^a RegExp /],
    [{ error: new TypeError('x') }, 'result.error', /^an Error .*its message/],
    [runInNewContext('new Map()'), 'result', /^a Map /],
    [{ later: Promise.resolve(1) }, 'result.later', /^a Promise .*await it/],
    [{ at: new Point() }, 'result.at', /^a Point .*toJSON/],
    [10n, 'result', /^a bigint .*String\(value\)/],
    [{ f() {} }, 'result.f', /^a function /],
    [Symbol('s'), 'result', /^a symbol /],
    [[1, undefined], 'result[1]', /^undefined in a list .*use null/],
    // oxlint-disable-next-line no-sparse-arrays -- This is what it is about.
    [[1, , 2], 'result[1]', /^a gap in a list /],
    [new Uint8Array(2), 'result', /^a typed array .*Array\.from/],
    [new ArrayBuffer(2), 'result', /^an ArrayBuffer /],
    [{ at: new Date(Number.NaN) }, 'result.at', /^an invalid Date /],
    [{ toJSON: () => ({ a: [Number.NaN] }) }, 'result.a[0]', /^NaN /],
    [circular, 'result.self[0]', /circular reference/],
  ])('is found and named (%#)', (value, path, message) => {
    expect(misfitOf(value, 'result')).toEqual({ path, message: expect.stringMatching(message) as string })
  })

  test.each<[unknown]>([
    [undefined],
    [null],
    [-0],
    [{ a: undefined }],
    [new Date(0)],
    [Buffer.from('x')],
    [new URL('http://a/')],
    [Object.create(null)],
    [runInNewContext('({ a: [1, { b: null }] })')],
    [2 ** 60],
    [{ same: [circular['nothing'], 1].slice(1), again: 1 }],
  ])('is not this one (%#)', (value) => {
    expect(misfitOf(value, 'result')).toBeUndefined()
  })

  test('never comes from parsed JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(misfitOf(value, 'result')).toBeUndefined()
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('is everything that JSON does not restore unchanged', () => {
    const same = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_, part: unknown) => (Object.is(part, -0) ? 0 : part)) ?? 'null')
    const plain = fc.anything({
      withBigInt: true,
      withDate: false,
      withMap: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withNullPrototype: false,
    })
    fc.assert(
      fc.property(plain, (value) => {
        if (value === undefined || misfitOf(value, 'x') !== undefined) return
        expect(same(value)).toEqual(value)
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})
